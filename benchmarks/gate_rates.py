"""How often the gate passes: trials without an edge, and trials with one, of many kinds.

`python -m benchmarks.gate_rates [--seeds 200] [--only WORD]`: three years of days unless a kind
says otherwise. With an edge, each trial that has one has an annual Sharpe ratio of 1.5 by its
distribution. DSR is the formula's deflated Sharpe ratio at 95%, for comparison. Half an hour.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perpkit.durations import DAYS_A_YEAR
from perpkit.research.overfitting.gate import MOST_LUCK, gate

EDGE = 1.5 / np.sqrt(DAYS_A_YEAR)
Noise = Callable[[np.random.Generator, int, int], NDArray[np.float64]]


def normal(rng: np.random.Generator, days: int, trials: int) -> NDArray[np.float64]:
    return rng.standard_normal((days, trials))


def alike(share: float) -> Noise:
    """Trials of a correlation, such as neighbouring parameters of one strategy."""

    def noise(rng: np.random.Generator, days: int, trials: int) -> NDArray[np.float64]:
        common, own = normal(rng, days, 1), normal(rng, days, trials)
        return np.sqrt(share) * common + np.sqrt(1 - share) * own

    return noise


def fat(degrees: float) -> Noise:
    def noise(rng: np.random.Generator, days: int, trials: int) -> NDArray[np.float64]:
        scale = np.sqrt(degrees / (degrees - 2))
        return rng.standard_t(degrees, (days, trials)) / scale

    return noise


def memory(of_yesterday: float) -> Noise:
    """Returns that go on the next day, or turn, as those of positions held for days."""

    def noise(rng: np.random.Generator, days: int, trials: int) -> NDArray[np.float64]:
        drawn = normal(rng, days + 100, trials)
        for day in range(1, len(drawn)):
            drawn[day] += of_yesterday * drawn[day - 1]
        return drawn[100:] * np.sqrt(1 - of_yesterday**2)

    return noise


def sparse(share: float) -> Noise:
    """Nothing happens on most days."""

    def noise(rng: np.random.Generator, days: int, trials: int) -> NDArray[np.float64]:
        return normal(rng, days, trials) * (rng.random((days, trials)) < share) / np.sqrt(share)

    return noise


def rare(share: float, *, loss: bool) -> Noise:
    """Small gains and rare large losses, or the reverse."""

    def noise(rng: np.random.Generator, days: int, trials: int) -> NDArray[np.float64]:
        hit = rng.random((days, trials)) < share
        drawn = np.where(hit, -(1 - share) / share, 1.0) * np.sqrt(share / (1 - share))
        drawn = 0.98 * drawn + 0.2 * normal(rng, days, trials)
        return drawn if loss else -drawn

    return noise


def clustered(rng: np.random.Generator, days: int, trials: int) -> NDArray[np.float64]:
    """Calm and wild times with fat tails (GARCH), at the same time in all trials."""
    shocks = 0.7 * fat(5)(rng, days, 1) + np.sqrt(0.51) * fat(5)(rng, days, trials)
    drawn, variance = np.empty((days, trials)), np.ones(trials)
    for day in range(days):
        drawn[day] = np.sqrt(variance) * shocks[day]
        variance = 0.04 + 0.1 * drawn[day] ** 2 + 0.86 * variance
    return drawn


@dataclass(frozen=True)
class Kind:
    name: str
    noise: Noise
    trials: int
    days: int = 3 * DAYS_A_YEAR
    # How many trials have the edge; None for all.
    with_edge: int | None = None

    def returns(self, seed: int, edge: float) -> NDArray[np.float64]:
        rng = np.random.default_rng(seed)
        # Trials differ in size, as stakes do.
        size = 0.01 * np.exp(0.5 * rng.standard_normal(self.trials))
        mean = np.zeros(self.trials)
        mean[: self.with_edge] = edge
        return (self.noise(rng, self.days, self.trials) + mean) * size


KINDS = (
    Kind("one series, normal", normal, 1),
    Kind("one series, t of 3 degrees", fat(3), 1),
    Kind("one series, autocorrelation 0.2", memory(0.2), 1),
    Kind("one series, autocorrelation 0.5", memory(0.5), 1),
    Kind("one series, autocorrelation -0.2", memory(-0.2), 1),
    Kind("one series, a return on 10% of days", sparse(0.1), 1),
    Kind("one series, a return on 4% of days", sparse(0.04), 1),
    Kind("one series, rare large losses (2% of days)", rare(0.02, loss=True), 1),
    Kind("one series, rare large gains (2% of days)", rare(0.02, loss=False), 1),
    Kind("one series, clustered volatility", clustered, 1),
    Kind("one series, 1 year", normal, 1, DAYS_A_YEAR),
    Kind("one series, 120 days", normal, 1, 120),
    Kind("10 trials, independent", normal, 10),
    Kind("100 trials, independent", normal, 100),
    Kind("2 trials, correlation 0.5", alike(0.5), 2),
    Kind("20 trials, correlation 0.5", alike(0.5), 20),
    Kind("100 trials, correlation 0.9", alike(0.9), 100),
    Kind("50 trials, correlation 0.99", alike(0.99), 50),
    Kind("20 trials, t of 3 degrees", fat(3), 20),
    Kind("20 trials, autocorrelation 0.2", memory(0.2), 20),
    Kind("20 trials, autocorrelation 0.5", memory(0.5), 20),
    Kind("20 trials, a return on 10% of days", sparse(0.1), 20),
    Kind("20 trials, rare large losses (2% of days)", rare(0.02, loss=True), 20),
    Kind("20 trials, clustered volatility", clustered, 20),
    Kind("20 trials, independent, 1 year", normal, 20, DAYS_A_YEAR),
    Kind("5 trials, an edge in one", normal, 5, with_edge=1),
    Kind("20 trials, an edge in one", normal, 20, with_edge=1),
    Kind("20 trials, correlation 0.9, an edge in one", alike(0.9), 20, with_edge=1),
    Kind("100 trials, an edge in one", normal, 100, with_edge=1),
    Kind("20 trials, an edge in five", normal, 20, with_edge=5),
)


def rates(kind: Kind, edge: float, seeds: int) -> tuple[float, float]:
    """Returns how often the gate passes, and how often the formula's DSR would."""
    found = [gate(kind.returns(seed, edge), seed=seed) for seed in range(seeds)]
    deflated = [each.deflated or 0.0 for each in found]
    return (
        float(np.mean([each.passes for each in found])),
        float(np.mean(np.array(deflated) >= 1 - MOST_LUCK)),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--only", default="", help="Kinds with this in their name.")
    given = parser.parse_args()
    print("| | no edge: passes | DSR | edge: passes | DSR |\n|---|---:|---:|---:|---:|")
    for kind in KINDS:
        if given.only in kind.name:
            # What has an edge in some trials only, has without one been shown above.
            without = (None, None) if kind.with_edge else rates(kind, 0.0, given.seeds)
            shown = (*without, *rates(kind, EDGE, given.seeds))
            cells = " | ".join("" if each is None else f"{each:.1%}" for each in shown)
            print(f"| {kind.name} | {cells} |", flush=True)
