"""An entry order that is still open, perhaps partly filled: wait, take the rest, or do without it.

Freqtrade gives a position no stop before its entry order has ended. To end it is the only way to
protect what was filled.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range


class Action(StrEnum):
    WAIT = "wait"
    REPRICE_TO_CROSS = "reprice_to_cross"  # the rest, at a price that the book offers now
    CANCEL_REST = "cancel_rest"  # and keep what was filled


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
    """What is known of the order now.

    :param filled_share: 0 to 1
    :param order_price: its limit
    :param price: of the market now; NaN when unknown
    :param waited_seconds: since the order
    :param unprotected_seconds: at most how long some of it has been filled without a stop: since
        the last look that found nothing filled, or else since the order. None where nothing is
        filled, or all that is has its stop
    :param next_look_seconds: until this will be asked again, and could be acted on
    :param blocked: why there is to be no entry any more; empty where nothing speaks against it
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
    """:param reason: for people, with the figures in it"""

    action: Action
    reason: str


def decide(limits: PartialLimits, entry: OpenEntry) -> PartialDecision:
    """The first that applies: no longer wanted, without a stop too long, nearly filled, price gone,
    waited enough."""
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
    """The first that applies: no longer wanted, without a stop too long."""
    filled = f"{entry.filled_share:.0%} filled"
    if entry.blocked:
        return PartialDecision(Action.CANCEL_REST, f"{filled}, no entry any more: {entry.blocked}")
    bare = entry.unprotected_seconds
    # A decision at the next look would come too late, so this is the last one.
    if bare is not None and bare + entry.next_look_seconds > limits.max_unprotected_seconds:
        return PartialDecision(
            Action.CANCEL_REST,
            f"{filled}, up to {bare:.0f} s without a stop and {entry.next_look_seconds:.0f} s to "
            f"the next look (limit {limits.max_unprotected_seconds:g} s)",
        )
    return PartialDecision(Action.WAIT, f"{filled} after {entry.waited_seconds:.0f} s")
