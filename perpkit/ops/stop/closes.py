"""Closes positions: with market orders within the lot and the book, and with limit orders that
cross the book if market orders are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from perpkit.execution.book import Book, NoBook, read_book
from perpkit.execution.refusals import CANNOT_REDUCE, TOO_LARGE, bound_in
from perpkit.ops.stop.action_log import ActionLog
from perpkit.ops.stop.answers import FailureKind, RequestFailure
from perpkit.ops.stop.closing import (
    DueClosing,
    HeldPosition,
    closing,
    crossing_price,
    parts,
    within_book,
)
from perpkit.ops.stop.contracts import ZERO, ListedContract
from perpkit.ops.stop.flattened import Closed
from perpkit.ops.stop.requests import Requests
from perpkit.ops.stop.sent_closings import SentClosings

# How far from the mid price a slice may reach at first (a fraction), and after how many seconds
# this doubles: a thin book may stay thin for longer than the stop can wait.
_REACH, _DOUBLES_AFTER = 0.01, 2.0
_LEVELS, _WEIGHT_OF_LEVELS = 100, 5
# No order of any type is accepted: the contract is closed, or there is none of this name.
_ENDED = frozenset({-1121, -4140, -4141})
# Refusals of the position or the quantity, which apply to orders of every type.
_NOT_OF_THE_TYPE = _ENDED | CANNOT_REDUCE | {TOO_LARGE, -1111, -4003, -4004, -4023, -4061}


class Closes:
    """Closes positions, and keeps what was refused.

    :param contracts: by symbol
    :param is_held: whether a position is known to have an amount now
    """

    def __init__(
        self,
        requests: Requests,
        sent: SentClosings,
        log: ActionLog,
        contracts: Mapping[str, ListedContract],
        is_held: Callable[[HeldPosition, Decimal], bool],
    ) -> None:
        self._requests = requests
        self._is_held = is_held
        self._sent = sent
        self._log = log
        self._contracts = contracts
        self._lots: dict[str, Decimal] = {}
        self._began: dict[str, float] = {}
        self._failures: dict[str, RequestFailure] = {}
        self._ended_since: dict[str, float] = {}
        self._in_a_row: dict[str, int] = {}

    def close(self, due: DueClosing, *, shared: bool) -> bool:
        """Sends what can be sent now; returns whether all of it has filled.

        :param shared: others have a part in the position; its amount is checked once more, because
            one of the bot's stops may have closed the bot's part in the meantime
        """
        held, symbol = due.held, due.held.symbol
        contract = self._contracts.get(symbol)
        if contract is None:
            return self._send(held, due.amount, symbol)
        self._began.setdefault(symbol, self._requests.clock.now())
        slice_ = within_book(
            due.amount, contract, self._book(symbol), held.closing_side, self._reach(symbol)
        )
        if slice_ < due.amount:
            words = f"{contract.pair}: the book is thin, {slice_} of {due.amount} are closed first"
            self._log.write("slice", words, symbol=symbol, amount=slice_)
        if shared and not self._is_held(held, held.amount):
            return False
        lot = min(contract.most_at_market, self._lots.get(symbol, contract.most_at_market))
        for part in parts(slice_, lot, contract.market_step):
            if not self._send(held, part, contract.pair):
                return self._after_refusal(due, part, contract)
        return slice_ == due.amount

    def failures(self, symbol: str) -> int:
        """Returns the failures in a row; positions without failures are closed first."""
        return self._in_a_row.get(symbol, 0)

    def refusal(self, symbol: str) -> str:
        failure = self._failures.get(symbol)
        return failure.words if failure is not None else ""

    def hopeless(self, dues: Iterable[DueClosing], seconds: float) -> bool:
        """Whether all have been impossible to close for this long, for reasons that do not pass."""
        now = self._requests.clock.now()
        return all(now - self._ended_since.get(d.held.symbol, now) > seconds for d in dues)

    def closed(self) -> tuple[Closed, ...]:
        found: dict[tuple[str, str], list[Decimal]] = {}
        for sent in self._sent.all:
            if sent.executed:
                side = "short" if sent.order.side == "BUY" else "long"
                each = found.setdefault((sent.order.symbol, side), [ZERO, ZERO, ZERO])
                each[0] += sent.executed
                each[1] += sent.cost
                each[2] += 1
        return tuple(
            self._closed(symbol, side, amount, cost, int(orders))
            for (symbol, side), (amount, cost, orders) in found.items()
        )

    def _closed(
        self, symbol: str, side: str, amount: Decimal, cost: Decimal, orders: int
    ) -> Closed:
        contract = self._contracts.get(symbol)
        pair, base = (contract.pair, contract.base(amount)) if contract else (symbol, amount)
        return Closed(pair, side, float(base), float(cost / amount), orders)

    def _send(
        self, held: HeldPosition, quantity: Decimal, pair: str, price: Decimal | None = None
    ) -> bool:
        """Sends one closing order; returns whether all of it has filled."""
        sent, failure = self._sent.send(closing(held, quantity, price), pair)
        symbol = held.symbol
        if failure is not None:
            self._failures[symbol] = failure
            self._in_a_row[symbol] = self.failures(symbol) + 1
            if failure.code in _ENDED:
                self._ended_since.setdefault(symbol, self._requests.clock.now())
        else:
            self._failures.pop(symbol, None)
            self._in_a_row.pop(symbol, None)
            self._ended_since.pop(symbol, None)
        return sent.executed == quantity

    def _after_refusal(self, due: DueClosing, part: Decimal, contract: ListedContract) -> bool:
        """Tries a limit order that crosses, if that can help; returns whether it has closed all."""
        symbol = contract.symbol
        failure = self._failures.get(symbol)
        if failure is None or failure.kind is not FailureKind.REFUSED:
            return False
        if failure.code == TOO_LARGE:
            self._lots[symbol] = part / 2
        if failure.code in _NOT_OF_THE_TYPE:
            return False
        return self._cross(due, contract)

    def _cross(self, due: DueClosing, contract: ListedContract) -> bool:
        price = crossing_price(due.held, contract)
        if price is None:
            return False
        quantity = parts(due.amount, contract.most, contract.step)[0]
        filled = self._send(due.held, quantity, contract.pair, price)
        failure = self._failures.get(contract.symbol)
        bound = None if failure is None else bound_in(failure.words)
        if bound is not None:
            named = contract.on_tick(bound, due.held.closing_side)
            filled = self._send(due.held, quantity, contract.pair, named)
        return filled and quantity == due.amount

    def _reach(self, symbol: str) -> float:
        waited = self._requests.clock.now() - self._began[symbol]
        return min(1.0, _REACH * 2.0 ** min(waited / _DOUBLES_AFTER, 10.0))

    def _book(self, symbol: str) -> Book | NoBook:
        reply = self._requests.call(
            "fapiPublicGetDepth", _WEIGHT_OF_LEVELS, symbol=symbol, limit=_LEVELS
        )
        if reply.failure is not None:
            return NoBook(reply.failure.words)
        return read_book(reply.data)
