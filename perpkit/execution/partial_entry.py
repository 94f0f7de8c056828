"""What to do with an entry order that is still open: wait, take the rest, or cancel the rest.

Freqtrade places no stop for a position before its entry order has ended, so ending the order is the
only way to protect a part that has been filled.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range


class Action(StrEnum):
    WAIT = "wait"
    REPRICE_TO_CROSS = "reprice_to_cross"  # place the rest at a price that the book offers now
    CANCEL_REST = "cancel_rest"  # and keep the filled part


@dataclass(frozen=True)
class PartialLimits(Parameters):
    """How long a partly filled entry order stays open."""

    nearly_filled: Annotated[
        float,
        Range(0.5, 1, "of the order"),
        "The filled share from which the rest is worth paying the spread for",
    ] = 0.8
    max_move: Annotated[
        float,
        Range(0.0005, 0.5, "of the price"),
        "How far the price may move from the order's, either way; beyond it the price is gone",
    ] = 0.02
    max_wait_seconds: Annotated[float, Range(1, 86_400, "s"), "How long an order may stay open"] = (
        300.0
    )
    max_unprotected_seconds: Annotated[
        float,
        Range(1, 300, "s"),
        "How long a filled part may be without a stop at the exchange",
    ] = 15.0


@dataclass(frozen=True)
class OpenEntry:
    """The present state of an open entry order.

    :param filled_share: filled part of the order, 0 to 1
    :param order_price: the order's limit price
    :param price: the present market price; NaN when unknown
    :param waited_seconds: time since the order was placed
    :param unprotected_seconds: how long a filled part may have been without a stop, at most: since
        the last check that found nothing filled, or else since the order. None where nothing is
        filled, or where every filled part has its stop
    :param next_look_seconds: time to the next check, at which a decision could be acted on
    :param blocked: why the entry is no longer wanted; empty if it still is
    """

    filled_share: float
    order_price: float
    price: float
    waited_seconds: float
    unprotected_seconds: float | None
    next_look_seconds: float
    blocked: str = ""


@dataclass(frozen=True)
class PartialDecision:
    """What to do with the order.

    :param reason: for the operator, with the figures
    """

    action: Action
    reason: str


def decide(limits: PartialLimits, entry: OpenEntry) -> PartialDecision:
    """Returns what to do with an open entry order.

    The first that applies decides: no longer wanted, too long without a stop, nearly filled, price
    too far away, waited too long.

    >>> decide(PartialLimits(), OpenEntry(0.9, 100.0, 100.5, 20.0, 3.0, 5.0)).reason
    '90% filled, from 80% the rest crosses'
    """
    first = decide_unprotected(limits, entry)
    if first.action is not Action.WAIT:
        return first
    filled = f"{entry.filled_share:.0%} filled"
    if entry.filled_share >= limits.nearly_filled:
        return PartialDecision(
            Action.REPRICE_TO_CROSS, f"{filled}, from {limits.nearly_filled:.0%} the rest crosses"
        )
    move = entry.price / entry.order_price - 1
    if abs(move) > limits.max_move:
        return PartialDecision(
            Action.CANCEL_REST,
            f"{filled}, price {move:+.2%} from the order's (limit {limits.max_move:.2%})",
        )
    if entry.waited_seconds >= limits.max_wait_seconds:
        return PartialDecision(
            Action.CANCEL_REST,
            f"{filled} after {entry.waited_seconds:.0f} s (limit {limits.max_wait_seconds:g} s)",
        )
    return PartialDecision(Action.WAIT, f"{filled} after {entry.waited_seconds:.0f} s")


def decide_unprotected(limits: PartialLimits, entry: OpenEntry) -> PartialDecision:
    """Returns what to do with an open entry order for the sake of its stop alone.

    It ends if it is no longer wanted, or if its fills have been without a stop for too long.
    """
    filled = f"{entry.filled_share:.0%} filled"
    if entry.blocked:
        return PartialDecision(Action.CANCEL_REST, f"{filled}, no entry any more: {entry.blocked}")
    bare = entry.unprotected_seconds
    # A decision at the next check would come too late, so this is the last chance.
    if bare is not None and bare + entry.next_look_seconds > limits.max_unprotected_seconds:
        return PartialDecision(
            Action.CANCEL_REST,
            f"{filled}, up to {bare:.0f} s without a stop and {entry.next_look_seconds:.0f} s to "
            f"the next look (limit {limits.max_unprotected_seconds:g} s)",
        )
    return PartialDecision(Action.WAIT, f"{filled} after {entry.waited_seconds:.0f} s")
