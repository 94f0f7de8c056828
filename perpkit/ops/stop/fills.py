"""Queries the fills of orders that have ended, or may never have arrived."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from perpkit.durations import DAY_MS, MINUTE_MS
from perpkit.ops.stop.at_exchange import Seen
from perpkit.ops.stop.contracts import ZERO
from perpkit.ops.stop.ours import Unsettled
from perpkit.ops.stop.requests import Reply, Requests

_NO_SUCH_ORDER = -2013
_ENDED = frozenset({"FILLED", "CANCELED", "EXPIRED", "REJECTED", "EXPIRED_IN_MATCH"})
_ROWS = 1000  # of a history, the exchange's maximum per request
# The exchange's maximum for one request of a history, and how long it keeps it; less a margin,
# because its clock is not ours.
_WINDOW_MS = 7 * DAY_MS - MINUTE_MS
_KEPT_MS = 90 * DAY_MS - MINUTE_MS
# An order that has ended without a fill is forgotten after three days.
_UNFILLED_KEPT_MS = 3 * DAY_MS + MINUTE_MS
# A look-up that fails after this long has hung.
_HUNG_SECONDS = 1.0


class UnknownError(Exception):
    """The exchange has not reported it."""


class OwnFills:
    """Queries the fills of orders, in contracts; an order that has ended is queried once.

    A look-up that hung in one round is left out in the next one: that one is fast, and so fresh
    enough to sell the bot's part of what it shares with others in other symbols.
    """

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._ended: dict[tuple[str, str], tuple[str, Decimal]] = {}
        # Endpoint and symbol of look-ups that hung, and why: in this round, and in the last one.
        self._hung: dict[tuple[str, str], str] = {}
        self._left_out: dict[tuple[str, str], str] = {}

    def next_round(self) -> None:
        self._left_out, self._hung = self._hung, {}

    @property
    def milliseconds(self) -> int:
        now: int = self._requests.client.milliseconds()
        return now

    def find(self, symbol: str, **which: str) -> Mapping[str, Any] | None:
        """Returns an order by `orderId` or `origClientOrderId`; None if the exchange has none.

        :raises UnknownError: if it does not answer
        """
        return self._ask("fapiPrivateGetOrder", symbol, {"symbol": symbol, **which})

    def executed(
        self, symbol: str, order: Unsettled, seen: Seen, *, ask: bool = True
    ) -> tuple[str | None, Decimal]:
        """Returns the id of an order and its filled amount; the id is None if it does not exist.

        :param ask: whether a request may be sent for it
        :raises UnknownError: if the exchange does not answer, or would have to be asked
        """
        key = symbol, order.order_id or order.client_id or ""
        if key in self._ended:
            return self._ended[key]
        listing = seen.conditional if order.conditional else seen.orders
        if order.order_id is not None:
            rests = listing.executed(order.order_id)
            if rests is not None:
                return order.order_id, rests
        if not ask:
            raise UnknownError("it was not asked for")
        found = self._conditional(symbol, order) if order.conditional else None
        if found is None and (order.order_id or not order.conditional):
            found = self._order(symbol, order)
        if found is None:
            return None, ZERO
        number, executed, has_ended = found
        if has_ended:
            self._ended[key] = number, executed
        return number, executed

    def history(self, symbol: str, since: int) -> Iterator[Mapping[str, Any]]:
        """Yields the orders that were placed since then (weight 5 for each week, and each page of
        1000).

        :param since: ms since 1970 UTC; 0 for the last week
        :raises UnknownError: if the exchange does not answer
        """
        now = self.milliseconds
        start = max(since or now - _WINDOW_MS, now - _KEPT_MS)
        while True:
            # The last window has no end, because the exchange's clock may be ahead of this one.
            is_last = start + _WINDOW_MS >= now
            end = {} if is_last else {"endTime": start + _WINDOW_MS}
            which = {"symbol": symbol, "startTime": start, "limit": _ROWS, **end}
            reply = self._call("fapiPrivateGetAllOrders", 5, symbol, which)
            if reply.failure is not None:
                raise UnknownError(reply.failure.words)
            yield from reply.data
            if len(reply.data) == _ROWS:
                start = int(reply.data[-1]["time"]) + 1
            elif is_last:
                return
            else:
                start += _WINDOW_MS + 1

    def _order(self, symbol: str, order: Unsettled) -> tuple[str, Decimal, bool] | None:
        if order.order_id is not None and not order.order_id.isdigit():
            return None  # Freqtrade could not read the answer to this order
        which = (
            {"orderId": order.order_id}
            if order.order_id
            else {"origClientOrderId": order.client_id or ""}
        )
        row = self.find(symbol, **which)
        if row is None:
            return None
        return str(row["orderId"]), Decimal(row["executedQty"]), row["status"] in _ENDED

    def _conditional(self, symbol: str, order: Unsettled) -> tuple[str, Decimal, bool] | None:
        if order.order_id is not None and not order.order_id.isdigit():
            return None
        which = {"algoId": order.order_id} if order.order_id else {"clientAlgoId": order.client_id}
        row = self._ask("fapiPrivateGetAlgoOrder", symbol, which)
        if row is None:
            return None
        number, became = str(row["algoId"]), row.get("actualOrderId")
        if not became or str(became) == "0":
            return number, ZERO, row["algoStatus"] in _ENDED
        order_row = self.find(symbol, orderId=str(became))
        if order_row is None:
            age = self.milliseconds - int(row.get("triggerTime") or self.milliseconds)
            if _UNFILLED_KEPT_MS < age < _KEPT_MS:
                return number, ZERO, True
            raise UnknownError(f"order {became}, which stop {number} has become, is not there")
        return number, Decimal(order_row["executedQty"]), order_row["status"] in _ENDED

    def _ask(
        self, endpoint: str, symbol: str, which: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        reply = self._call(endpoint, 1, symbol, which)
        if reply.failure is None:
            answer: Mapping[str, Any] = reply.data
            return answer
        if reply.failure.code == _NO_SUCH_ORDER:
            return None
        raise UnknownError(reply.failure.words)

    def _call(self, endpoint: str, weight: int, symbol: str, which: Mapping[str, Any]) -> Reply:
        """Sends a request.

        :raises UnknownError: instead, if such a one has hung in this round or the last one
        """
        key = endpoint, symbol
        if why := self._hung.get(key) or self._left_out.get(key):
            raise UnknownError(why)
        began = self._requests.clock.now()
        reply = self._requests.call(endpoint, weight, **which)
        took = self._requests.clock.now() - began
        failure = reply.failure
        if failure is not None and failure.code != _NO_SUCH_ORDER and took > _HUNG_SECONDS:
            self._hung[key] = failure.words
        return reply


def has_ended(row: Mapping[str, Any]) -> bool:
    return row["status"] in _ENDED
