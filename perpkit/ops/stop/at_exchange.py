"""Reads the account from the exchange: positions, orders, conditional orders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

from perpkit.ops.stop.answers import RequestFailure, unreadable
from perpkit.ops.stop.closing import HeldPosition, Resting
from perpkit.ops.stop.requests import Reply, Requests

# Symbol, the exchange's id, client id, and when it was placed (ms; None if not known).
IsOurs = Callable[[str, str, str, int | None], bool]
_Row = TypeVar("_Row")
# Request weights: orders of one symbol, orders of all symbols, positions.
_WEIGHT_ONE, _WEIGHT_ALL, _WEIGHT_POSITIONS = 1, 40, 5
# Up to this many symbols, one request for each is cheaper and faster than one for all symbols.
_FEW = 12


@dataclass(frozen=True)
class OrderListing:
    """The open orders of the symbols for which the exchange has answered.

    :param symbols: the symbols that are covered; None for all
    """

    rows: tuple[Resting, ...] = ()
    symbols: frozenset[str] | None = frozenset()

    def covers(self, symbol: str) -> bool:
        return self.symbols is None or symbol in self.symbols

    def executed(self, order_id: str) -> Decimal | None:
        """Returns the filled contracts of an order that has not ended; None for any other order."""
        return next((row.executed for row in self.rows if row.id == order_id), None)


@dataclass(frozen=True)
class Seen:
    """A snapshot of the account.

    :param held: positions; None if they are not known
    :param failures: of the requests for what is not known
    """

    held: tuple[HeldPosition, ...] | None
    orders: OrderListing
    conditional: OrderListing
    failures: tuple[RequestFailure, ...] = ()

    @property
    def is_whole(self) -> bool:
        listings = (self.orders, self.conditional)
        return self.held is not None and all(each.symbols is None for each in listings)


class OrderLooks:
    """Takes snapshots of the account.

    :param is_ours: whether an order is to be cancelled
    """

    def __init__(self, requests: Requests, is_ours: IsOurs) -> None:
        self._requests = requests
        self._is_ours = is_ours

    def look(self, symbols: Iterable[str] | None = None) -> Seen:
        """Takes a snapshot, positions first.

        Anything that fills while the rest is read then makes the bot's part smaller than the
        positions show, not larger.

        :param symbols: whose orders are requested; None for all (weight 85 in 3 requests)
        """
        wanted = None if symbols is None else sorted(symbols)
        if wanted is not None and len(wanted) > _FEW:
            wanted = None
        failures: list[RequestFailure] = []
        held = self._held(failures)
        orders = self._listing("fapiPrivateGetOpenOrders", wanted, self._order, failures)
        conditional = self._listing(
            "fapiPrivateGetOpenAlgoOrders", wanted, self._conditional, failures
        )
        return Seen(held, orders, conditional, tuple(failures))

    def is_held(self, held: HeldPosition, amount: Decimal) -> bool:
        """Whether a position is known to have this amount now."""
        found = self._held([], symbol=held.symbol)
        side = held.position_side
        now = [each.amount for each in found or () if each.position_side == side]
        return found is not None and sum(now, Decimal(0)) == amount

    def _held(
        self, failures: list[RequestFailure], **which: str
    ) -> tuple[HeldPosition, ...] | None:
        reply = self._requests.call("fapiPrivateV3GetPositionRisk", _WEIGHT_POSITIONS, **which)
        found = _rows(reply, _position)
        if isinstance(found, RequestFailure):
            failures.append(found)
            return None
        return tuple(held for held in found if held.amount)

    def _listing(
        self,
        endpoint: str,
        symbols: list[str] | None,
        read: Callable[[Mapping[str, Any]], Resting],
        failures: list[RequestFailure],
    ) -> OrderListing:
        known: dict[str | None, list[Resting]] = {}
        for asked, symbol in enumerate([None] if symbols is None else symbols):
            if len(failures) > asked > 0:
                break  # no request gets through
            given = {} if symbol is None else {"symbol": symbol}
            weight = _WEIGHT_ALL if symbol is None else _WEIGHT_ONE
            found = _rows(self._requests.call(endpoint, weight, **given), read)
            if isinstance(found, RequestFailure):
                failures.append(found)
            else:
                known[symbol] = found
        rows = tuple(row for found in known.values() for row in found)
        covered = frozenset(symbol for symbol in known if symbol is not None)
        return OrderListing(rows, None if None in known else covered)

    def _order(self, row: Mapping[str, Any]) -> Resting:
        return Resting(
            symbol=row["symbol"],
            id=str(row["orderId"]),
            side=row["side"],
            reduces=_is(row, "reduceOnly", "closePosition") or _closes(row),
            conditional=False,
            executed=Decimal(row["executedQty"]),
            ours=self._is_ours(
                row["symbol"], str(row["orderId"]), row["clientOrderId"], _ms(row.get("time"))
            ),
        )

    def _conditional(self, row: Mapping[str, Any]) -> Resting:
        return Resting(
            symbol=row["symbol"],
            id=str(row["algoId"]),
            side=row["side"],
            reduces=_is(row, "reduceOnly", "closePosition") or _closes(row),
            conditional=True,
            executed=Decimal(0),
            ours=self._is_ours(
                row["symbol"], str(row["algoId"]), row["clientAlgoId"], _ms(row.get("createTime"))
            ),
        )


def _rows(reply: Reply, read: Callable[[Mapping[str, Any]], _Row]) -> list[_Row] | RequestFailure:
    """Returns the rows of an answer; JSON that is none of the exchange's says nothing of it."""
    if reply.failure is not None:
        return reply.failure
    if isinstance(reply.data, list):
        with suppress(KeyError, TypeError, ValueError, ArithmeticError, AttributeError):
            return [read(row) for row in reply.data]
    return unreadable(reply.data)


def _position(row: Mapping[str, Any]) -> HeldPosition:
    side, amount = row.get("positionSide", "BOTH"), Decimal(str(row["positionAmt"]))
    return HeldPosition(row["symbol"], side, amount, float(row.get("markPrice") or 0))


def _is(row: Mapping[str, Any], *names: str) -> bool:
    return any(str(row.get(name)).lower() == "true" for name in names)


def _closes(row: Mapping[str, Any]) -> bool:
    """Whether an order closes in hedge mode, where no order has the reduce-only flag."""
    return (row.get("positionSide"), row["side"]) in (("LONG", "SELL"), ("SHORT", "BUY"))


def _ms(time: Any) -> int | None:
    return int(time) if time else None
