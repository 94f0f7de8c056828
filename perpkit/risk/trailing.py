"""How a stop follows an open trade: to break-even, behind the best price, and out of patience.

A stop only moves towards profit. R is the distance from the entry to the first stop. The chandelier
is Le Beau's (best price since entry less a multiple of ATR), the SAR Wilder's parabolic. Everything
here is called for every open trade on every candle: plain floats.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from perpkit.checks import check_range
from perpkit.risk.leverage import WIDEST_STOP


class Trail(StrEnum):
    NONE = "none"
    CHANDELIER = "chandelier"
    PERCENT = "percent"
    SAR = "sar"


@dataclass(frozen=True, slots=True)
class Trailing:
    """Parameters.

    :param break_even_after: best profit, in R, from which the stop covers entry and fees; 0 is off
    :param trail: what the stop follows
    :param trail_after: best profit, in R, from which it does
    :param atr_multiple: of the chandelier
    :param distance: of the percentage trail, a fraction of the best price
    :param time_stop_hours: a trade that has not reached `time_stop_r` by then is closed; 0 is off
    :param time_stop_r: profit, in R, that a trade must reach in that time
    :param reducing_factor: while the breakers are REDUCING, a stop stands no farther from the best
        price than this share of R or of the trail; 1 changes nothing
    :raises ValueError: naming the parameter, its value and what is allowed
    """

    break_even_after: float = 1.0
    trail: Trail = Trail.CHANDELIER
    trail_after: float = 1.0
    atr_multiple: float = 3.0
    distance: float = 0.03
    time_stop_hours: float = 0.0
    time_stop_r: float = 0.5
    reducing_factor: float = 0.5

    def __post_init__(self) -> None:
        if self.trail not in list(Trail):
            raise ValueError(f"trail must be one of {', '.join(Trail)}, got {self.trail!r}")
        object.__setattr__(self, "trail", Trail(self.trail))
        check_range("break_even_after", self.break_even_after, 0, 20)
        check_range("trail_after", self.trail_after, 0, 20)
        check_range("atr_multiple", self.atr_multiple, 0.1, 20)
        check_range("distance", self.distance, 0.001, WIDEST_STOP)
        check_range("time_stop_hours", self.time_stop_hours, 0, 10_000)
        check_range("time_stop_r", self.time_stop_r, 0.05, 20)
        check_range("reducing_factor", self.reducing_factor, 0.1, 1)


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
    """The stop from now on: the present one, or one nearer to profit.

    It may have been overtaken by the rate, after an outage or as the ATR shrinks: then the trade is
    to be closed, see `stops.stop_reached`. What only REDUCING asks for never closes a trade by
    itself. An unknown (NaN) value moves nothing.

    :param risk: R, in price
    :param stop: the present one; it is never loosened
    :param best: highest rate since entry; lowest for a short
    :param rate: the present one
    :param break_even: `stops.break_even_price`
    :param atr: in price, of a closed candle
    :param sar: parabolic SAR, of a closed candle; on the wrong side of the rate it is ignored
    """
    # In the short's mirror image, all prices negated, up is profit as it is for a long.
    side = -1.0 if is_short else 1.0
    peak = side * best
    gain = peak - side * entry
    stop *= side

    level = side * break_even
    # A break-even stop before fees are earned would lie beyond the best price.
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
    """Whether a trade has had its time without getting anywhere.

    :param hours: since entry
    :param gain: best profit so far, in price
    :param risk: R, in price
    """
    return 0 < rule.time_stop_hours <= hours and gain < rule.time_stop_r * risk
