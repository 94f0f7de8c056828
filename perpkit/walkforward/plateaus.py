"""What windows chose, and the defaults that follow from it by a rule that is fixed before.

The rule, see docs/proof.md: in each window but the last, the plateau is the best tenth of its
epochs by loss, at least `LEAST_EPOCHS`, all of them with enough trades to have a loss; a number's
value there is the median of the plateau, any other value its most frequent one. Their middle is the
median, or the most frequent one, of these windows. It becomes the default where these windows agree
on the parameter by more than chance, and else the parameter keeps the one that it had. The last
window is left out, so that its test has seen nothing of the defaults. A target table, `roi`, has
none: hyperopt draws its times, so that no two tables have the same ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import fmean, median, median_low
from typing import Any

import numpy as np

from perpkit.checks import is_number
from perpkit.walkforward.record import Epoch, WindowResult
from perpkit.walkforward.stitching import flat

SHARE, LEAST_EPOCHS = 0.1, 5
# With the dozen parameters of a strategy, none of them is likely to seem agreed on by chance.
MOST_CHANCE = 0.005
_DRAWS = 20_000
_TARGETS = "roi"

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Proposed:
    """What all windows but the last give, by `space.parameter`.

    :param middles: of their plateaus
    :param chances: how likely as many windows scatter as little that choose at random
    """

    middles: dict[str, Any]
    chances: dict[str, float]

    @property
    def defaults(self) -> dict[str, Any]:
        """The middles on which the windows agree; other parameters keep their defaults."""
        agreed = (name for name, chance in self.chances.items() if chance <= MOST_CHANCE)
        return {name: self.middles[name] for name in agreed}


def proposed(results: Sequence[WindowResult]) -> Proposed:
    """Returns what the windows give.

    :param results: of all windows, in their order, with the epochs of hyperopt
    :raises ValueError: for fewer than three windows, and for one that has too few epochs
    """
    if len(results) < 3:
        raise ValueError(f"windows must be at least 3 for defaults, got {len(results)}")
    before = results[:-1]
    chosen = _by_name(map(_comparable, before))
    tried = _by_name(map(_comparable, _epochs(before)))
    chances = {name: _chance(chosen[name], tried[name]) for name in chosen if name in tried}
    return Proposed(middle(map(plateau, before)), chances)


def plateau(result: WindowResult) -> dict[str, Any]:
    """Returns the middle of the best epochs of a window, by `space.parameter`.

    :raises ValueError: if the window has too few epochs that were rated
    """
    rated = [epoch for epoch in result.epochs if epoch.rated]
    if len(rated) < LEAST_EPOCHS:
        raise ValueError(
            f"epochs with enough trades must be at least {LEAST_EPOCHS} in each window for "
            f"defaults, got {len(rated)} in window {result.window.number}"
        )
    count = max(LEAST_EPOCHS, ceil(SHARE * len(result.epochs)))
    best = sorted(rated, key=lambda epoch: (epoch.loss, epoch.number))[:count]
    return middle(map(_comparable, best))


def middle(sets: Iterable[Values]) -> dict[str, Any]:
    """Returns the median of each number, of two middle ones the lower, and else the most frequent
    value; of equally frequent ones, the first. So each is a value that was tried."""
    return {name: _middle(values) for name, values in _by_name(sets).items()}


@dataclass(frozen=True)
class Stability:
    """How much a parameter moved from window to window.

    :param scatter: 0 if every window chose the same; 1 if the choices were as far apart as all
        that was tried; None if only one value was tried
    """

    parameter: str
    chosen: tuple[Any, ...]
    scatter: float | None


def stability(results: Sequence[WindowResult]) -> tuple[Stability, ...]:
    """Returns one entry for each parameter that was optimised.

    :param results: of windows with epochs
    """
    chosen = _by_name(map(_comparable, results))
    tried = _by_name(map(_comparable, _epochs(results)))
    return tuple(
        Stability(name, tuple(values), _scatter(values, tried[name]))
        for name, values in chosen.items()
        if name in tried
    )


def has_target_tables(results: Iterable[WindowResult]) -> bool:
    """Returns whether target tables were searched, which have no default."""
    return any(_TARGETS in epoch.parameters for epoch in _epochs(results))


def _comparable(of: Epoch | WindowResult) -> Values:
    """The parameters that have the same names in every epoch."""
    return flat({space: each for space, each in of.parameters.items() if space != _TARGETS})


def _epochs(results: Iterable[WindowResult]) -> Iterable[Epoch]:
    return (epoch for result in results for epoch in result.epochs)


def _by_name(sets: Iterable[Values]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for each in sets:
        for name, value in each.items():
            found.setdefault(name, []).append(value)
    return found


def _middle(values: Sequence[Any]) -> Any:
    if not all(is_number(value) for value in values):
        return _most_frequent(values)
    return median_low(values)


def _most_frequent(values: Sequence[Any]) -> Any:
    [(shown, _)] = Counter(map(repr, values)).most_common(1)
    return next(value for value in values if repr(value) == shown)


def _scatter(chosen: Sequence[Any], tried: Sequence[Any]) -> float | None:
    whole = _spread(tried)
    return _spread(chosen) / whole if whole else None


def _chance(chosen: Sequence[Any], tried: Sequence[Any]) -> float:
    """Returns how likely as many values that are drawn from those tried scatter as little."""
    kinds = list(dict.fromkeys(map(repr, tried)))
    codes = np.array([kinds.index(repr(value)) for value in tried])
    drawn = np.random.default_rng(0).choice(codes, (_DRAWS, len(chosen)))
    if all(is_number(value) for value in (*chosen, *tried)):
        numbers = np.array([float(kind) for kind in kinds])[drawn]
        away = np.abs(numbers - np.median(numbers, axis=1, keepdims=True))
        found = away.mean(axis=1)
    else:
        found = 1 - np.max([(drawn == code).mean(axis=1) for code in range(len(kinds))], axis=0)
    return float(np.mean(found <= _spread(chosen) * (1 + 1e-9) + 1e-12))


def _spread(values: Sequence[Any]) -> float:
    """Returns the mean distance from the middle; of what is no number, the share that differs."""
    centre = _middle(values)
    if all(is_number(value) for value in values):
        centre = median(values)
        return fmean(abs(value - centre) for value in values)
    return fmean(repr(value) != repr(centre) for value in values)
