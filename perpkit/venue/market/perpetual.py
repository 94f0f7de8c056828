"""What a perpetual has in addition to its price: premium over the index, funding, positioning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perpkit.durations import HOUR_MS
from perpkit.venue.market.candles import Floats, Times
from perpkit.venue.market.history import Funding, Positioning
from perpkit.venue.market.recursions import ar1, ou, persistence

INTEREST_8H = 1e-4
_CLAMP_8H = 5e-4


@dataclass(frozen=True)
class Noise:
    """Independent random streams of one pair, hourly except for `premium`: one value per step."""

    premium: Floats
    sentiment: Floats
    squeeze: Floats  # uniform; values near 0 start a squeeze
    squeeze_size: Floats  # exponentially distributed
    crowd: Floats
    takers: Floats
    interest: Floats


def premium(noise: Noise, crowding: Floats, hourly_log_price: Floats) -> Floats:
    """Hourly premium of mark over index, a fraction.

    It follows the regime's crowding and the last day's return, plus mean-reverting noise. About
    fifteen times a year a squeeze drives it to an extreme, up or down, for a day or so.
    """
    day_return = _change(hourly_log_price, 24)
    pull = 1.5e-4 + crowding + 0.008 * day_return
    phi = persistence(10.0)
    starts = noise.squeeze < 15 / 8760
    # The uniform that starts a squeeze also gives its side: two in three are long squeezes.
    side = np.where(noise.squeeze < 10 / 8760, 1.0, -1.0)
    impulses = np.where(starts, side * (4e-4 + 7e-4 * noise.squeeze_size), 0.0)
    return (
        ar1(pull * (1 - phi), phi)
        + ou(noise.sentiment, 2.5e-4, persistence(12.0))
        + ar1(impulses, persistence(16.0))
    )


def funding(time: Times, premium_index: Floats, hours: int, cap: float) -> Funding:
    """Settlements every `hours`, by the exchange's published formula.

    rate = [P + clamp(interest - P, ±0.05%)] * hours/8, within ±`cap`, with P the premium averaged
    over the interval with weights 1..n, the latest highest; interest is 0.01% per 8 hours.

    :param time: opening times of equal steps, ms, beginning at a settlement
    :param premium_index: premium of last over index at the end of each step, a fraction
    """
    step = int(time[1] - time[0])
    n = hours * HOUR_MS // step
    whole = len(time) // n
    weights = np.arange(1, n + 1) / (n * (n + 1) / 2)
    average = premium_index[: whole * n].reshape(whole, n) @ weights
    rate = (average + np.clip(INTEREST_8H - average, -_CLAMP_8H, _CLAMP_8H)) * (hours / 8)
    settled = time[0] + np.arange(1, whole + 1) * (n * step)
    return Funding(settled, _rounded(np.clip(rate, -cap, cap), 8))


def positioning(
    noise: Noise, time: Times, hourly_log_price: Floats, crowding: Floats, daily_volume: float
) -> Positioning:
    """Hourly readings, each computed from what was known at its time.

    Accounts lean long, more so after a fall (small traders buy it) and in crowded trends. Open
    interest builds with crowding and is wiped out by crashes.

    :param time: closing times of the hours, ms
    :param daily_volume: ordinary volume of a day, base asset
    """
    crowd = 0.35 + ou(noise.crowd, 0.4, persistence(36.0)) - 2.5 * _change(hourly_log_price, 24)
    flow = 6.0 * _change(hourly_log_price, 1) + 0.08 * noise.takers
    purge = ar1(np.minimum(_change(hourly_log_price, 6) + 0.04, 0.0) * 0.15, persistence(72.0))
    interest = ou(noise.interest, 0.12, persistence(120.0)) + 200 * crowding + purge
    return Positioning(
        time,
        _rounded(np.exp(np.clip(crowd, -2.0, 2.3)), 4),
        _rounded(np.exp(np.clip(flow, -2.0, 2.0)), 4),
        _rounded(0.45 * daily_volume * np.exp(interest), 3),
    )


def _change(values: Floats, lag: int) -> Floats:
    """values[t] - values[t-lag]; during the first `lag` values, the change since the first."""
    earlier = np.r_[np.full(min(lag, len(values)), values[0]), values[:-lag]]
    out: Floats = values - earlier[: len(values)]
    return out


def _rounded(values: Floats, decimals: int) -> Floats:
    # numpy's stubs lose the element type in np.round.
    out: Floats = np.round(values, decimals)
    return out
