"""The stop at entry: where it stands, how far from liquidation, and as the ratio Freqtrade takes.

Prices, distances and R (the distance from entry to the first stop) are before leverage. How a stop
moves afterwards is in `trailing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range
from perpkit.risk.leverage import WIDEST_STOP


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


def stop_distance(rule: EntryStop, entry: float, atr: float) -> float | None:
    """From entry to stop, as a fraction of the entry price.

    :param atr: average true range in price, of a closed candle; the fixed stop does not look at it
    :return: None where the ATR is unknown (NaN, 0 or negative): no entry; a position that is
        already there takes `rule.ceiling`, whose leverage is the safest
    """
    if rule.method is StopMethod.FIXED:
        return rule.distance
    if not atr > 0:
        return None
    return min(max(rule.atr_multiple * atr / entry, rule.floor), rule.ceiling)


def stop_price(entry: float, distance: float, is_short: bool) -> float:
    """:param distance: fraction of the entry price"""
    return entry * (1 + distance) if is_short else entry * (1 - distance)


def clear_of_liquidation(
    stop: float, entry: float, liquidation: float | None, is_short: bool, margin: float = 2.0
) -> float:
    """The stop, moved towards the entry where liquidation would come too soon after it.

    The leverage rule keeps them apart; this holds for what it did not choose: leverage given with a
    forced entry, collateral that funding has eaten, positions on a shared wallet.

    :param liquidation: buffered, as in `Trade.liquidation_price`; None where there is none
    :param margin: least distance of liquidation from the entry, in stop distances; at least 1
    :return: never farther than `stop`, never beyond `liquidation`
    """
    if liquidation is None:
        return stop
    allowed = abs(entry - liquidation) / margin
    if is_short:
        return min(stop, liquidation, entry + allowed)
    return max(stop, liquidation, entry - allowed)


def break_even_price(entry: float, is_short: bool, fee_open: float, fee_close: float) -> float:
    """Where closing returns what opening cost, both fees paid.

    :param fee_open: as a fraction of the value traded
    """
    if is_short:
        return entry * (1 - fee_open) / (1 + fee_close)
    return entry * (1 + fee_open) / (1 - fee_close)


def stop_reached(stop: float, rate: float, is_short: bool) -> bool:
    return rate >= stop if is_short else rate <= stop


def stop_ratio(stop: float, rate: float, is_short: bool, leverage: float) -> float:
    """A stop price as `custom_stoploss` returns it: the leveraged distance from the current rate.

    Equal to `freqtrade.strategy.stoploss_from_absolute`, which the core may not import. Freqtrade
    takes 0, the answer where the rate has reached the stop, for "no new stop" and keeps the old
    one: ask `stop_reached` first.
    """
    if rate == 0:
        return 1.0
    away = stop / rate - 1 if is_short else 1 - stop / rate
    return max(away, 0.0) * leverage
