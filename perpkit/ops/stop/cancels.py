"""Cancels orders; one that cannot be cancelled is tried again after the next snapshot."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from perpkit.ops.stop.action_log import ActionLog
from perpkit.ops.stop.at_exchange import Seen
from perpkit.ops.stop.closing import Resting
from perpkit.ops.stop.flattened import Cancelled
from perpkit.ops.stop.requests import Reply, Requests

_GONE = -2011  # it has filled, or was cancelled before
# From this many orders of one symbol on, one request cancels them all, if none is to be kept.
_MANY = 3


class Cancels:
    """Cancels orders, and keeps what was tried and refused.

    :param pair_of: returns the pair of a symbol
    :param everything: whether all orders of a symbol are to be cancelled
    """

    def __init__(
        self,
        requests: Requests,
        log: ActionLog,
        pair_of: Callable[[str], str],
        *,
        everything: bool,
    ) -> None:
        self._requests = requests
        self._log = log
        self._pair = pair_of
        self._everything = everything
        self._tried: dict[str, Resting] = {}
        # Ids of those that are cancelled by the answer, and not there by a later snapshot.
        self._answered: set[str] = set()
        self._gone: set[str] = set()
        self._refusals: dict[str, str] = {}

    def carry_out(self, orders: Sequence[Resting]) -> bool:
        """Cancels the orders; returns whether none of them is left."""
        together = self._together(orders)
        well = [self._all_of(symbol, orders) for symbol in together]
        alone = [o for o in orders if o.conditional or o.symbol not in together]
        well += [self._one(order) for order in alone]
        return all(well)

    def refusal(self, order_id: str) -> str:
        return self._refusals.get(order_id, "")

    def compare(self, seen: Seen) -> None:
        """Compares what was tried with a later snapshot."""
        for order in self._tried.values():
            listing = seen.conditional if order.conditional else seen.orders
            if any(row.id == order.id for row in listing.rows):
                self._answered.discard(order.id)
                self._gone.discard(order.id)
            elif listing.covers(order.symbol):
                self._gone.add(order.id)

    def is_cancelled(self, order_id: str) -> bool:
        """Whether the exchange has answered so, and no later snapshot shows the order."""
        return order_id in self._answered

    def cancelled(self) -> tuple[Cancelled, ...]:
        return tuple(
            Cancelled(self._pair(order.symbol), order.id, order.kind, self.is_cancelled(order.id))
            for order in self._tried.values()
            if self.is_cancelled(order.id) or order.id in self._gone
        )

    def unknown(self) -> list[Resting]:
        """Returns the orders of which neither an answer nor a snapshot shows that they are gone."""
        return [
            order
            for order in self._tried.values()
            if not self.is_cancelled(order.id) and order.id not in self._gone
        ]

    def _together(self, orders: Sequence[Resting]) -> list[str]:
        if not self._everything:
            return []
        regular = [order.symbol for order in orders if not order.conditional]
        return sorted({symbol for symbol in regular if regular.count(symbol) >= _MANY})

    def _all_of(self, symbol: str, orders: Sequence[Resting]) -> bool:
        of_it = [o for o in orders if o.symbol == symbol and not o.conditional]
        words = f"{self._pair(symbol)}: cancel all {len(of_it)} orders"
        self._log.write("cancel", words, symbol=symbol)
        reply = self._requests.call("fapiPrivateDeleteAllOpenOrders", 1, symbol=symbol)
        well = [self._note(order, reply) for order in of_it]
        return all(well)

    def _one(self, order: Resting) -> bool:
        words = f"{self._pair(order.symbol)}: cancel {order.kind} order {order.id}"
        self._log.write("cancel", words, symbol=order.symbol, order_id=order.id)
        if order.conditional:
            reply = self._requests.call("fapiPrivateDeleteAlgoOrder", 1, algoId=order.id)
        else:
            reply = self._requests.call(
                "fapiPrivateDeleteOrder", 1, symbol=order.symbol, orderId=order.id
            )
        return self._note(order, reply)

    def _note(self, order: Resting, reply: Reply) -> bool:
        failure = reply.failure
        if failure is not None and failure.code == _GONE:
            return True  # reported as cancelled only if an earlier try is in `_tried`
        self._tried[order.id] = order
        words = f"{self._pair(order.symbol)}: order {order.id} is cancelled"
        if failure is None:
            self._answered.add(order.id)
            self._log.write("cancelled", words, order_id=order.id)
            return True
        self._refusals[order.id] = failure.words
        words = f"{self._pair(order.symbol)}: order {order.id} is not cancelled: {failure.words}"
        self._log.write("refused", words, order_id=order.id, code=failure.code)
        return False
