"""How a stop follows an open trade: to break-even, behind the best price, and after a time limit.

A stop only moves towards profit. R is the distance from the entry to the first stop. The chandelier
is Le Beau's (best price since entry less a multiple of ATR), the SAR is Wilder's parabolic. All
values are plain floats, because these functions run for every open trade on every candle.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range
from perpkit.risk.leverage import WIDEST_STOP


class Trail(StrEnum):
    NONE = "none"
    CHANDELIER = "chandelier"
    PERCENT = "percent"
    SAR = "sar"


@dataclass(frozen=True, slots=True)
class Trailing(Parameters):
    """How the stop follows the trade."""

    break_even_after: Annotated[
        float,
        Range(0, 20, "R"),
        "The best profit from which the stop covers entry and fees; 0 is off",
    ] = 1.0
    trail: Annotated[Trail, "What the stop follows"] = Trail.CHANDELIER
    trail_after: Annotated[
        float, Range(0, 20, "R"), "The best profit from which the stop follows"
    ] = 1.0
    atr_multiple: Annotated[
        float, Range(0.1, 20, "ATR"), "The distance of the chandelier from the best price"
    ] = 3.0
    distance: Annotated[
        float,
        Range(0.001, WIDEST_STOP, "of the best price"),
        "The distance of the percentage trail from the best price",
    ] = 0.03
    time_stop_hours: Annotated[
        float,
        Range(0, 10_000, "h"),
        "A trade that has not reached `time_stop_r` by then is closed; 0 is off",
    ] = 0.0
    time_stop_r: Annotated[
        float, Range(0.05, 20, "R"), "The profit that a trade must reach in that time"
    ] = 0.5
    reducing_factor: Annotated[
        float,
        Range(0.1, 1, "of R or of the trail"),
        "While the breakers are REDUCING, a stop stands no farther than this from the best price; "
        "1 changes nothing",
    ] = 0.5


def next_stop(
    rule: Trailing,
    *,
    is_short: bool,
    entry: float,
    risk: float,
    stop: float,
    best: float,
    rate: float,
    break_even: float,
    atr: float = float("nan"),
    sar: float = float("nan"),
    reducing: bool = False,
) -> float:
    """Returns the stop from now on: the present one, or a tighter one.

    The rate may already have passed it, after an outage or because the ATR has shrunk: then the
    trade must be closed, see `stops.stop_reached`. The tightening for REDUCING alone never closes a
    trade. An unknown (NaN) value moves nothing.

    :param risk: R, in price
    :param stop: the present stop; it is never loosened
    :param best: highest rate since entry; lowest for a short
    :param rate: the present rate
    :param break_even: `stops.break_even_price`
    :param atr: average true range of a closed candle, in price
    :param sar: parabolic SAR of a closed candle; ignored on the wrong side of the rate
    :param reducing: whether the breakers are REDUCING

    >>> trade = {"is_short": False, "entry": 100.0, "risk": 2.0, "stop": 98.0, "break_even": 100.1}
    >>> next_stop(Trailing(), **trade, best=103.0, rate=102.5, atr=0.5)  # 3 ATR below the best
    101.5
    """
    # With all prices negated, a short profits from a rise, as a long does.
    side = -1.0 if is_short else 1.0
    peak = side * best
    gain = peak - side * entry
    stop *= side

    level = side * break_even
    # Before the fees are earned, a break-even stop would lie beyond the best price.
    if rule.break_even_after and gain >= rule.break_even_after * risk and peak > level > stop:
        stop = level

    behind = risk
    if gain >= rule.trail_after * risk:
        if rule.trail is Trail.SAR:
            level = side * sar
            if stop < level < side * rate:
                stop = level
        elif rule.trail is not Trail.NONE:
            percent = rule.trail is Trail.PERCENT
            trail = rule.distance * best if percent else rule.atr_multiple * atr
            if peak - trail > stop:
                stop = peak - trail
            if trail < behind:
                behind = trail

    if reducing:
        level = peak - rule.reducing_factor * behind
        if stop < level < side * rate:
            stop = level
    return side * stop


def out_of_time(rule: Trailing, hours: float, gain: float, risk: float) -> bool:
    """Returns whether a trade has used up its time without reaching the required profit.

    :param hours: hours since entry
    :param gain: best profit so far, in price
    :param risk: R, in price

    >>> out_of_time(Trailing(time_stop_hours=24), hours=30, gain=0.5, risk=2.0)
    True
    """
    return 0 < rule.time_stop_hours <= hours and gain < rule.time_stop_r * risk
