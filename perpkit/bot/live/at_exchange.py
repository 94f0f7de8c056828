"""A snapshot of the account at the exchange: its positions and its open orders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from perpkit.bot.live.held import NOTHING, CcxtPosition, Sides, held_of
from perpkit.record.whose import Whose


@dataclass(frozen=True)
class Resting:
    """An open order.

    :param side: buy or sell
    :param amount: in base currency, infinite if the order closes the whole position
    :param filled: in base currency
    :param placed: ms since 1970 UTC; None if the exchange does not state it
    """

    id: str
    pair: str
    side: str
    amount: float
    filled: float
    whose: Whose
    placed: int | None = None
    client_id: str | None = None


@dataclass(frozen=True)
class AtExchange:
    """All positions and open orders of the account.

    :param held: amounts by pair, for pairs with a position only
    :param positions: in ccxt's format
    :param orders: orders in the book
    :param stops: conditional orders of any kind
    """

    held: Mapping[str, Sides] = field(default_factory=dict)
    positions: tuple[CcxtPosition, ...] = ()
    orders: tuple[Resting, ...] = ()
    stops: tuple[Resting, ...] = ()

    def of(self, pair: str) -> Sides:
        return self.held.get(pair, NOTHING)


def take_snapshot(exchange: Any, whose: Callable[[str | None, int | None], Whose]) -> AtExchange:
    """Requests stops, orders and positions (weights 40, 40 and 5).

    Positions come last, because decisions about stops depend on them. Raises the errors of
    Freqtrade and ccxt.

    :param exchange: Freqtrade's, of Binance
    :param whose: returns the owner of an order, from its client id and time of placement
    """
    api = exchange._api
    stops = tuple(
        _resting(exchange, row, whose, "algoId", "clientAlgoId", "quantity")
        for row in api.fapiPrivateGetOpenAlgoOrders()
    )
    orders = tuple(
        _resting(exchange, row, whose, "orderId", "clientOrderId", "origQty")
        for row in api.fapiPrivateGetOpenOrders()
    )
    positions = tuple(p for p in exchange.fetch_positions() if p["contracts"])
    return AtExchange(held_of(exchange, positions), positions, orders, stops)


def _resting(
    exchange: Any,
    row: dict[str, Any],
    whose: Callable[[str | None, int | None], Whose],
    number: str,
    client_id: str,
    amount: str,
) -> Resting:
    pair = exchange._api.safe_symbol(row["symbol"], None, None, "swap")
    closes_all = str(row.get("closePosition", "")).lower() == "true"
    time = row.get("time") or row.get("createTime")
    placed = int(time) if time else None
    return Resting(
        id=str(row[number]),
        pair=pair,
        side=row["side"].lower(),
        amount=inf if closes_all else exchange._contracts_to_amount(pair, float(row[amount])),
        filled=exchange._contracts_to_amount(pair, float(row.get("executedQty") or 0.0)),
        whose=whose(row.get(client_id), placed),
        placed=placed,
        client_id=row.get(client_id),
    )
