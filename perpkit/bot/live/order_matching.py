"""Compares an earlier order, whose answer was lost, with the order that is wanted now."""

from __future__ import annotations

from enum import Enum, auto
from math import isclose

from freqtrade.exchange.exchange_types import CcxtOrder

from perpkit.durations import MINUTE_MS
from perpkit.record.journal import Intent
from perpkit.record.order_ids import Purpose

# Orders with purposes of one set may duplicate each other.
_KINDS = (
    {Purpose.ENTRY, Purpose.ADDITION},
    {Purpose.EXIT, Purpose.PART, Purpose.CROSSING},
    {Purpose.STOP},
    {Purpose.TARGET},
)
# After this time an identical order is a new decision.
SAME_WITHIN_MS = MINUTE_MS
_OVER = ("canceled", "expired", "rejected")


class Found(Enum):
    """What has become of the earlier order, compared with the wanted one."""

    ANSWER = auto()  # the same order: no other must be sent
    RESTING = auto()  # a different order, still open at the exchange
    EFFECTIVE = auto()  # a different order, which has filled or triggered
    EMPTY = auto()  # an order that ended without effect


def is_of_kind(purpose: Purpose, other: Purpose) -> bool:
    return any({purpose, other} <= kind for kind in _KINDS)


def is_same(earlier: Intent, wanted: Intent) -> bool:
    """Whether both intents request the same order at about the same time."""
    return (
        (earlier.pair, earlier.side, earlier.type, earlier.reduce_only)
        == (wanted.pair, wanted.side, wanted.type, wanted.reduce_only)
        and is_of_kind(earlier.purpose, wanted.purpose)
        and _equal(earlier.amount, wanted.amount)
        and _equal(earlier.price, wanted.price)
        and _equal(earlier.stop_price, wanted.stop_price)
        and abs(wanted.at - earlier.at) <= SAME_WITHIN_MS
    )


def state_of(order: CcxtOrder) -> Found:
    """Returns whether an order is open, has had an effect, or neither."""
    if order["status"] == "open":
        return Found.RESTING
    return Found.EMPTY if is_empty(order) else Found.EFFECTIVE


def is_empty(order: CcxtOrder) -> bool:
    """Whether the order ended without a fill."""
    return order["status"] in _OVER and not order.get("filled")


def compare(earlier: Intent, order: CcxtOrder, wanted: Intent) -> Found:
    """Returns what an earlier order means for the wanted one.

    :param order: current state of `earlier`
    """
    state = state_of(order)
    if state is not Found.EMPTY and is_same(earlier, wanted):
        return Found.ANSWER
    return state


def _equal(one: float | None, other: float | None) -> bool:
    """Compares with a tolerance; values on the exchange's grid differ by whole steps."""
    if one is None or other is None:
        return one is other
    return isclose(one, other, rel_tol=1e-9)
