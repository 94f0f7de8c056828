"""The stop at entry: its price, its distance from liquidation, and the ratio that Freqtrade takes.

Prices, distances and R (the distance from entry to the first stop) are before leverage. How a stop
moves afterwards is in `trailing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import nan
from typing import Annotated

from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range
from perpkit.risk.leverage import WIDEST_STOP

# A `stoploss` that would lose as much of the margin is none: liquidation comes first. Strategies
# write -0.99 for it.
NO_STOP = 0.95


class StopMethod(StrEnum):
    FIXED = "fixed"
    ATR = "atr"


@dataclass(frozen=True, slots=True)
class EntryStop(Parameters):
    """Distances are fractions of the entry price."""

    method: Annotated[
        StopMethod, "`fixed`: at `distance`; `atr`: at a multiple of the average true range"
    ] = StopMethod.FIXED
    distance: Annotated[
        float, Range(0.001, WIDEST_STOP, "of the price"), "From the entry to the fixed stop"
    ] = 0.02
    atr_multiple: Annotated[float, Range(0.1, 20, "ATR"), "From the entry to the ATR stop"] = 2.5
    floor: Annotated[
        float,
        Range(0.001, "ceiling", "of the price"),
        "The least distance of an ATR stop: closer ones die of noise and fees",
    ] = 0.005
    ceiling: Annotated[
        float, Range(0.001, WIDEST_STOP, "of the price"), "The greatest distance of an ATR stop"
    ] = 0.10


def distance_of(stoploss: float, leverage: float) -> float:
    """Returns the distance of a strategy's `stoploss` as a fraction of the price; NaN for no stop.

    :param stoploss: Freqtrade's ratio of the margin, below 0
    """
    lost = abs(stoploss)
    return lost / leverage if lost < NO_STOP else nan


def stop_distance(rule: EntryStop, entry: float, atr: float) -> float | None:
    """Returns the distance from entry to stop, as a fraction of the entry price.

    :param atr: average true range of a closed candle, in price; not used by the fixed stop
    :return: None where the ATR is unknown (NaN, 0 or negative): then no entry is made, and for a
        position that is already open `rule.ceiling` applies, which allows the least leverage

    >>> stop_distance(EntryStop(StopMethod.ATR, atr_multiple=2.5), entry=100, atr=1.2)
    0.03
    """
    if rule.method is StopMethod.FIXED:
        return rule.distance
    if not atr > 0:
        return None
    return min(max(rule.atr_multiple * atr / entry, rule.floor), rule.ceiling)


def stop_price(entry: float, distance: float, is_short: bool) -> float:
    """Returns the price of a stop.

    :param distance: fraction of the entry price

    >>> stop_price(100, 0.02, is_short=False), stop_price(100, 0.02, is_short=True)
    (98.0, 102.0)
    """
    return entry * (1 + distance) if is_short else entry * (1 - distance)


def clear_of_liquidation(
    stop: float, entry: float, liquidation: float | None, is_short: bool, margin: float = 2.0
) -> float:
    """Returns the stop, moved towards the entry where liquidation is too close behind it.

    The leverage rule keeps the two apart. This covers the cases that it does not control: the
    leverage of a forced entry, collateral used up by funding, positions on a shared wallet.

    :param liquidation: buffered, as in `Trade.liquidation_price`; None where there is none
    :param margin: minimum distance of liquidation from the entry, in stop distances; at least 1
    :return: never farther than `stop`, never beyond `liquidation`

    >>> clear_of_liquidation(90.0, 100.0, liquidation=84.0, is_short=False)
    92.0
    """
    if liquidation is None:
        return stop
    allowed = abs(entry - liquidation) / margin
    if is_short:
        return min(stop, liquidation, entry + allowed)
    return max(stop, liquidation, entry - allowed)


def break_even_price(entry: float, is_short: bool, fee_open: float, fee_close: float) -> float:
    """Returns the exit price at which a trade neither wins nor loses after both fees.

    :param fee_open, fee_close: as fractions of the value traded

    >>> round(break_even_price(100, is_short=False, fee_open=0.001, fee_close=0.001), 4)
    100.2002
    """
    if is_short:
        return entry * (1 - fee_open) / (1 + fee_close)
    return entry * (1 + fee_open) / (1 - fee_close)


def stop_reached(stop: float, rate: float, is_short: bool) -> bool:
    return rate >= stop if is_short else rate <= stop


def stop_ratio(stop: float, rate: float, is_short: bool, leverage: float) -> float:
    """Converts a stop price to what `custom_stoploss` returns: the leveraged distance to the rate.

    Equal to `freqtrade.strategy.stoploss_from_absolute`, which the core may not import. Where the
    rate has reached the stop the result is 0, which Freqtrade reads as "no new stop" and keeps the
    old one: check `stop_reached` first.

    >>> round(stop_ratio(98.0, rate=100.0, is_short=False, leverage=3), 6)
    0.06
    """
    if rate == 0:
        return 1.0
    away = stop / rate - 1 if is_short else 1 - stop / rate
    return max(away, 0.0) * leverage
