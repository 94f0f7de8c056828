"""The orders that this run has sent to close positions, and the outcome of each.

An order without an answer is looked up by its client id before another one is sent in its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from perpkit.ops.stop.action_log import ActionLog
from perpkit.ops.stop.answers import FailureKind, RequestFailure
from perpkit.ops.stop.closing import OrderToSend, request_of
from perpkit.ops.stop.contracts import ZERO
from perpkit.ops.stop.fills import OwnFills, UnknownError, has_ended
from perpkit.ops.stop.requests import Requests
from perpkit.record.order_ids import new_nonce, stop_id

# The exchange accepts no older request, so an order that is not there later never will be.
_WINDOW_MS = 5_000
ARRIVES_WITHIN = 6.0  # seconds


@dataclass
class SentClosing:
    """A closing order that was sent.

    :param at: seconds, by the clock of the requests
    :param number: the exchange's id, once it is known
    :param ended: whether it will fill no further, or never arrived
    """

    order: OrderToSend
    client_id: str
    at: float
    number: str | None = None
    executed: Decimal = ZERO
    cost: Decimal = ZERO
    ended: bool = False

    def take(self, row: dict[str, Any]) -> None:
        """Takes over what the exchange reports about the order."""
        self.number = str(row["orderId"])
        self.executed = Decimal(row["executedQty"])
        self.cost = self.executed * Decimal(row.get("avgPrice") or 0)
        self.ended = has_ended(row)


class SentClosings:
    """Sends closing orders, and follows each until its outcome is known.

    :param tag: of the bot
    :param everything: whether what is others' is closed as well
    """

    def __init__(
        self,
        requests: Requests,
        fills: OwnFills,
        log: ActionLog,
        tag: str,
        *,
        everything: bool,
    ) -> None:
        self._requests = requests
        self._fills = fills
        self._log = log
        self._tag = tag
        self._everything = everything
        self.nonce = new_nonce()
        self.all: list[SentClosing] = []

    def filled(self) -> dict[str, dict[str, Decimal]]:
        """Returns the filled amounts by symbol and the exchange's id."""
        found: dict[str, dict[str, Decimal]] = {}
        for sent in self.all:
            if sent.number is not None:
                found.setdefault(sent.order.symbol, {})[sent.number] = sent.executed
        return found

    def closed(self) -> dict[tuple[str, str], Decimal]:
        """Returns the filled contracts by symbol and side of the orders."""
        found: dict[tuple[str, str], Decimal] = {}
        for sent in self.all:
            which = sent.order.symbol, sent.order.side
            found[which] = found.get(which, ZERO) + sent.executed
        return found

    def open_symbols(self) -> set[str]:
        """Returns the symbols with an order whose outcome is not known yet."""
        return {sent.order.symbol for sent in self.all if not sent.ended}

    def send(self, order: OrderToSend, pair: str) -> tuple[SentClosing, RequestFailure | None]:
        number = len(self.all) + 1
        client_id = stop_id(self._tag, self.nonce, number, everything=self._everything)
        request = request_of(order, client_id)
        at = f" at {order.price}" if order.price is not None else " at market"
        words = f"{pair}: {order.side.lower()} {order.quantity}{at}, to close"
        self._log.write("order", words, **request)
        sent = SentClosing(order, client_id, self._requests.clock.now())
        self.all.append(sent)
        reply = self._requests.call("fapiPrivatePostOrder", 0, recvWindow=_WINDOW_MS, **request)
        failure = reply.failure
        if failure is None:
            self._take(sent, reply.data)
        elif failure.kind is FailureKind.UNKNOWN:
            self._log.write("no answer", f"{pair}: no answer: {failure.words}", client_id=client_id)
            self._look_up(sent)
        else:
            sent.ended = True
            self._log.write(
                "refused", f"{pair}: refused: {failure.words}", client_id=client_id, **_of(failure)
            )
        return sent, failure

    def settle(self) -> None:
        """Queries the orders that have not ended."""
        for sent in self.all:
            if sent.ended:
                continue
            is_there = self._look_up(sent)
            waited = self._requests.clock.now() - sent.at
            if is_there is False and waited > ARRIVES_WITHIN:
                sent.ended = True

    def _look_up(self, sent: SentClosing) -> bool | None:
        """Whether the order is at the exchange; None if the exchange does not answer."""
        try:
            row = self._fills.find(sent.order.symbol, origClientOrderId=sent.client_id)
        except UnknownError as error:
            self._log.write("look-up", f"{sent.client_id} cannot be looked up: {error}")
            return None
        if row is not None:
            self._take(sent, dict(row))
        return row is not None

    def _take(self, sent: SentClosing, row: dict[str, Any]) -> None:
        sent.take(row)
        self._log.write(
            "answer",
            f"{sent.order.symbol}: {sent.executed} of {sent.order.quantity} filled",
            client_id=sent.client_id,
            order_id=sent.number,
            status=row["status"],
            executed=sent.executed,
            price=row.get("avgPrice"),
        )


def _of(failure: RequestFailure) -> dict[str, Any]:
    return {"kind": failure.kind.value, "code": failure.code}
