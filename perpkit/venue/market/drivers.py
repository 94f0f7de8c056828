"""The common drivers of prices: BTC's factor for all pairs of crypto, and a return per group.

Every stream of random numbers has its own generator, seeded by (seed, name).
"""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

import numpy as np

from perpkit.durations import DAY_MS, HOUR_MS
from perpkit.venue.market.candles import Floats, Times
from perpkit.venue.market.recursions import ar1, garch, ou, persistence
from perpkit.venue.market.regimes import Regimes, regimes

FACTOR_VOL = 0.024  # daily, calm
_GROUP_VOL = 0.022  # daily, calm; a third of it outside crypto
_DEGREES = 5.0  # degrees of freedom of the shocks: tails about as fat as those of 5m BTC returns
_ROUGHEST = 8.0  # maximum, times calm volatility: 12 March 2020 was about that


@dataclass(frozen=True)
class Factor:
    """The market factor, with one value per step, except for `regimes`, which is hourly."""

    regimes: Regimes
    log_price: Floats  # relative to the start
    sigma: Floats  # standard deviation of a step's log return
    rough: Floats  # volatility as a multiple of a calm step's


@dataclass(frozen=True)
class Wander:
    """A mean-reverting log price with clusters of volatility, one value per step."""

    log_price: Floats
    sigma: Floats  # standard deviation of a step's log return


def stream(seed: int, name: str) -> np.random.Generator:
    return np.random.default_rng([seed, crc32(name.encode())])


def student(seed: int, name: str, n: int) -> Floats:
    """Unit-variance Student-t shocks."""
    scale = ((_DEGREES - 2) / _DEGREES) ** 0.5
    out: Floats = stream(seed, name).standard_t(_DEGREES, n) * scale
    return out


def normal(seed: int, name: str, n: int) -> Floats:
    return stream(seed, name).standard_normal(n)


def factor(seed: int, hours: int, time: Times, step: int) -> Factor:
    per_hour = HOUR_MS // step
    state = regimes(stream(seed, "regimes"), hours)
    slow = ou(normal(seed, "slow volatility", hours), 0.35, persistence(20 * 24.0))
    noise = student(seed, "factor", len(time))
    # Highest in the American afternoon.
    time_of_day = 1 + 0.25 * np.cos(2 * np.pi * ((time % DAY_MS) / HOUR_MS - 15) / 24)
    rough = np.repeat(state.vol * np.exp(slow), per_hour) * time_of_day
    rough = np.minimum(rough * np.sqrt(_garch(noise, step)), _ROUGHEST)
    sigma = rough * FACTOR_VOL * (step / DAY_MS) ** 0.5
    shocks = np.repeat(state.drift / per_hour, per_hour) + sigma * noise
    # A pull so weak that trends do not feel it keeps years of prices in a plausible range.
    log_price = ar1(shocks, persistence(300 * 24.0, step / HOUR_MS))
    return Factor(state, log_price, sigma, rough)


def outside(crypto: Factor) -> Factor:
    """The factor for assets that BTC does not move: it stays at 0, calm and without a trend."""
    hours, steps = np.zeros(len(crypto.regimes.vol)), np.zeros(len(crypto.sigma))
    return Factor(Regimes(hours, hours + 1, hours), steps, steps, steps + 1)


def wander(seed: int, name: str, vol: float, rough: Floats, step: int) -> Wander:
    """:param vol: standard deviation of a day's log return in a calm market"""
    noise = student(seed, name, len(rough))
    sigma = vol * (step / DAY_MS) ** 0.5 * rough**0.6 * np.sqrt(_garch(noise, step))
    return Wander(ar1(sigma * noise, persistence(120 * 24.0, step / HOUR_MS)), sigma)


def group_wander(seed: int, group: str, driver: Factor, step: int, *, traditional: bool) -> Wander:
    vol = _GROUP_VOL / 3 if traditional else _GROUP_VOL
    return wander(seed, f"group {group}", vol, driver.rough, step)


def _garch(noise: Floats, step: int) -> Floats:
    """Conditional variances whose clusters have a half-life of 12 hours at any step."""
    return garch(noise, 0.045, persistence(12.0, step / HOUR_MS), cap=20.0)
