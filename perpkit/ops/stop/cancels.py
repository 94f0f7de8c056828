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

    def cancelled(self, seen: Seen | None) -> tuple[Cancelled, ...]:
        """Returns the orders that were to be cancelled and are not in the snapshot any more."""
        rows = () if seen is None else (*seen.orders.rows, *seen.conditional.rows)
        resting = {row.id for row in rows}
        return tuple(
            Cancelled(self._pair(order.symbol), order.id, order.kind)
            for order in self._tried.values()
            if order.id not in resting
        )

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
            self._log.write("cancelled", words, order_id=order.id)
            return True
        self._refusals[order.id] = failure.words
        words = f"{self._pair(order.symbol)}: order {order.id} is not cancelled: {failure.words}"
        self._log.write("refused", words, order_id=order.id, code=failure.code)
        return False
