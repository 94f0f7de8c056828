"""What the exchange shows of the account: its positions, and the orders that have not ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from perpkit.bot.live.held import NOTHING, CcxtPosition, Sides, held_of
from perpkit.record.whose import Whose


@dataclass(frozen=True)
class Resting:
    """An order that has not ended.

    :param side: buy or sell
    :param amount: in base currency, infinite where it closes whatever is there
    :param filled: in base currency
    :param placed: ms since 1970 UTC; None where the exchange does not say
    """

    id: str
    pair: str
    side: str
    amount: float
    filled: float
    whose: Whose
    placed: int | None = None


@dataclass(frozen=True)
class AtExchange:
    """
    :param held: by pair, those with a position only
    :param positions: as ccxt gives them
    :param orders: in the book
    :param stops: conditional orders of any kind
    """

    held: Mapping[str, Sides] = field(default_factory=dict)
    positions: tuple[CcxtPosition, ...] = ()
    orders: tuple[Resting, ...] = ()
    stops: tuple[Resting, ...] = ()

    def of(self, pair: str) -> Sides:
        return self.held.get(pair, NOTHING)


def look(exchange: Any, whose: Callable[[str | None, int | None], Whose]) -> AtExchange:
    """Three requests (weights 40, 40 and 5), positions last: what is done about stops depends on
    them. Raises what Freqtrade and ccxt raise.

    :param exchange: Freqtrade's, of Binance
    :param whose: an order is, by its client id and when it was placed
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
    )
