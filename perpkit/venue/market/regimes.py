"""Regimes of the market factor: trends and ranges by a Markov chain, crashes by a renewal process.

A plain Markov chain leaves some years without a crash. Here an alarm follows 25 to 65 days after
the last one: volatility rises for a day or two and, three times in four, the price then falls and
rebounds. The fourth is a false alarm, so that rising volatility warns but does not predict.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from perpkit.venue.market.candles import Floats

_HOURS = 24.0


@dataclass(frozen=True)
class Regimes:
    """Hourly drivers of the market, arrays of shape (hours,).

    :param drift: expected log return of each hour
    :param vol: volatility as a multiple of ordinary volatility
    :param crowding: pull on the perpetual's premium over the index, as a fraction of price
    """

    drift: Floats
    vol: Floats
    crowding: Floats


@dataclass(frozen=True)
class _Trend:
    daily_drift: float
    vol: float
    crowding: float  # reached at the end of the stretch: leverage builds up while a trend lasts
    mean_days: float


_TRENDS = (
    _Trend(0.0105, 0.85, 9e-4, 7.0),  # bull
    _Trend(0.0, 0.7, 1e-4, 5.0),  # range
    _Trend(-0.0075, 1.0, -4e-4, 5.0),  # bear
)
_NEXT_TREND = ((0.0, 0.65, 0.35), (0.6, 0.0, 0.4), (0.55, 0.45, 0.0))

_Stretch = tuple[Floats, Floats, Floats]  # drift, vol, crowding


def regimes(rng: np.random.Generator, hours: int) -> Regimes:
    """The first `hours` hours; a longer call from the same state of `rng` begins with them."""
    parts: list[_Stretch] = []
    length = 0
    for stretch in _stretches(rng):
        parts.append(stretch)
        length += len(stretch[0])
        if length >= hours:
            break
    drift, vol, crowding = (np.concatenate(column)[:hours] for column in zip(*parts, strict=True))
    return Regimes(drift, vol, crowding)


def _stretches(rng: np.random.Generator) -> Iterator[_Stretch]:
    trend = 1
    while True:
        calm = int(rng.uniform(25, 65) * _HOURS)
        while calm > 0:
            trend = int(rng.choice(len(_TRENDS), p=_NEXT_TREND[trend]))
            hours = min(calm, 24 + int(rng.exponential((_TRENDS[trend].mean_days - 1) * _HOURS)))
            yield _trending(_TRENDS[trend], hours)
            calm -= hours
        yield from _alarm(rng)


def _trending(trend: _Trend, hours: int) -> _Stretch:
    return (
        np.full(hours, trend.daily_drift / _HOURS),
        np.full(hours, trend.vol),
        np.linspace(0.0, trend.crowding, hours),
    )


def _alarm(rng: np.random.Generator) -> Iterator[_Stretch]:
    build_up, fall, rebound = (int(rng.integers(*r)) for r in ((20, 45), (5, 17), (12, 37)))
    depth, recovered = rng.uniform(0.16, 0.26), rng.uniform(0.2, 0.5)
    crash = rng.random() < 0.75
    yield (
        np.full(build_up, -0.01 / build_up),
        np.linspace(1.1, 2.4, build_up),
        np.full(build_up, 3e-4),
    )
    if crash:
        yield np.full(fall, -depth / fall), np.full(fall, 3.5), np.full(fall, -2e-3)
        yield (
            np.full(rebound, depth * recovered / rebound),
            np.linspace(3.0, 1.8, rebound),
            np.linspace(-1.5e-3, -3e-4, rebound),
        )
    after = 72
    yield np.zeros(after), np.linspace(1.8, 1.0, after), np.linspace(-3e-4, 0.0, after)
