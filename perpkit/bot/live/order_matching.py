"""What an earlier order without an answer, found by now, is to the one that is wanted now."""

from __future__ import annotations

from enum import Enum, auto
from math import isclose

from freqtrade.exchange.exchange_types import CcxtOrder

from perpkit.durations import MINUTE_MS
from perpkit.record.journal import Intent
from perpkit.record.order_ids import Purpose

# Orders of the same kind may do the same twice.
_KINDS = (
    {Purpose.ENTRY, Purpose.ADDITION},
    {Purpose.EXIT, Purpose.PART, Purpose.CROSSING},
    {Purpose.STOP},
)
# Later, the same order is another decision.
SAME_WITHIN_MS = MINUTE_MS
_OVER = ("canceled", "expired", "rejected")


class Found(Enum):
    ANSWER = auto()  # the same order: nothing more is to be sent
    RESTING = auto()  # another one, and it waits at the exchange
    EFFECTIVE = auto()  # another one, and it has done something
    EMPTY = auto()  # it is over, and has done nothing


def is_of_kind(purpose: Purpose, other: Purpose) -> bool:
    return any({purpose, other} <= kind for kind in _KINDS)


def is_same(earlier: Intent, wanted: Intent) -> bool:
    """Whether the two ask the exchange for the same, now."""
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
    """Whether an order rests, has done something, or neither."""
    if order["status"] == "open":
        return Found.RESTING
    return Found.EMPTY if is_empty(order) else Found.EFFECTIVE


def is_empty(order: CcxtOrder) -> bool:
    """Whether it is over without a fill."""
    return order["status"] in _OVER and not order.get("filled")


def compare(earlier: Intent, order: CcxtOrder, wanted: Intent) -> Found:
    """:param order: what `earlier` has become"""
    state = state_of(order)
    if state is not Found.EMPTY and is_same(earlier, wanted):
        return Found.ANSWER
    return state


def _equal(one: float | None, other: float | None) -> bool:
    """Both are on the exchange's grid: two that differ do so by a whole step."""
    if one is None or other is None:
        return one is other
    return isclose(one, other, rel_tol=1e-9)
