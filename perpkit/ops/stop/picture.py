"""What a snapshot shows, and what follows from it, without any request."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from perpkit.ops.stop.at_exchange import Seen
from perpkit.ops.stop.closing import DueClosing, Resting, cancels_first, cancels_last, due_of
from perpkit.ops.stop.contracts import ZERO, ListedContract
from perpkit.ops.stop.own_part import OwnParts


@dataclass(frozen=True)
class Picture:
    """A snapshot, and the bot's part of it.

    :param parts: the bot's parts of the positions; None if everything is to be closed
    :param in_doubt: symbols in which an order of this run may still arrive
    :param missing: symbols in which less is held than the bot's part, but only since a moment ago:
        the snapshot may be older than a fill
    :param handed_over: symbols whose position is the trader's, with the stop it has from the bot
    :param files_complete: whether the bot's files show all of its positions
    """

    seen: Seen
    contracts: Mapping[str, ListedContract]
    parts: OwnParts | None
    in_doubt: Collection[str] = field(default=frozenset())
    files_complete: bool = True
    handed_over: Collection[str] = field(default=frozenset())
    missing: Collection[str] = field(default=frozenset())

    @property
    def unknown(self) -> Mapping[str, str]:
        """Symbols in which more may be the bot's than is certain, and why that is not known."""
        return {} if self.parts is None else self.parts.unknown

    @property
    def awaited(self) -> frozenset[str]:
        return frozenset() if self.parts is None else self.parts.awaited

    @cached_property
    def dues(self) -> tuple[DueClosing, ...]:
        """The positions to close now."""
        ours = None if self.parts is None else self.parts.amounts
        dues = (
            due_of(held, ours, self.contracts.get(held.symbol)) for held in self.seen.held or ()
        )
        return tuple(due for due in dues if due.amount)

    @cached_property
    def orders(self) -> tuple[Resting, ...]:
        """The orders to cancel, now or later."""
        rows = (*self.seen.orders.rows, *self.seen.conditional.rows)
        kept = set() if self.parts is None else {*self.handed_over} & self._held
        return tuple(o for o in rows if o.ours and not (o.protects and o.symbol in kept))

    @property
    def cancels_first(self) -> list[Resting]:
        return cancels_first(self.orders)

    @property
    def cancels_last(self) -> list[Resting]:
        """Stops to cancel; none while positions are unknown: a stop must outlive its position."""
        if self.seen.held is None:
            return []
        return cancels_last(self.orders, self.protected)

    @property
    def protected(self) -> set[str]:
        """Symbols in which stops stay: something is to be closed there, or may be the bot's."""
        kept = {due.held.symbol for due in self.dues} | {*self.unknown, *self.missing}
        if not self.files_complete and self.parts is not None:
            kept |= self._held
        return kept

    @property
    def _held(self) -> set[str]:
        return {held.symbol for held in self.seen.held or ()}

    @property
    def alone(self) -> set[str]:
        """Symbols in which all that is held is to be closed: there, excess orders close nothing."""
        return {
            held.symbol
            for held in self.seen.held or ()
            if self.parts is None
            or abs(held.amount) <= abs(self.parts.amounts.get(held.symbol, ZERO))
        }

    @property
    def blocked(self) -> set[str]:
        """Symbols in which an order may still arrive that, together with another one, would close
        more than the bot's part.
        """
        shared = {*self.in_doubt} - self.alone
        if self.parts is None or self.seen.held is None:
            return set() if self.parts is None else shared
        return shared & self._held

    @property
    def is_settled(self) -> bool:
        """Whether the snapshot shows nothing to do or to wait for."""
        waits = self.unknown or self.awaited or self.missing or self.blocked
        kept = self.protected
        orders = [o for o in self.orders if not (o.protects and o.symbol in kept)]
        return not (self.dues or orders or waits)

    @property
    def active(self) -> set[str]:
        """Symbols to include in the next snapshot."""
        return (
            {due.held.symbol for due in self.dues}
            | {order.symbol for order in self.orders}
            | {*self.unknown, *self.awaited, *self.missing, *self.in_doubt}
        )


def missing_of(seen: Seen, parts: OwnParts) -> set[str]:
    """Returns the symbols in which less is held than the bot's part."""
    if seen.held is None:
        return set()
    found = set()
    for symbol, own in parts.amounts.items():
        held = sum((h.amount for h in seen.held if h.symbol == symbol and h.amount * own > 0), ZERO)
        if abs(held) < abs(own):
            found.add(symbol)
    return found
