"""Positions that the exchange has settled, because their contract ended, booked from its incomes.

The contract may be gone from the exchange's list by then, and its orders with it; the incomes stay.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import ccxt
from freqtrade.persistence import Order, Trade

from perpkit.bot.live.delistings import end_of
from perpkit.bot.running_bot import warn, words

logger = logging.getLogger(__name__)

SETTLED = "settled"  # the exit reason
_SETTLEMENT = "DELIVERED_SETTELMENT"  # the exchange's spelling
_INCOMES = 1000  # the most that the exchange gives at once

Income = dict[str, Any]


@dataclass(frozen=True)
class _Settled:
    """Sums of incomes in the currency of the profit.

    :param at: ms
    :param id: of the order that closed the position, or else of its income
    """

    profit: float
    commission: float
    funding: float
    at: int
    id: str


class EndedContracts:
    """Made once for a running live bot."""

    def __init__(self, bot: Any) -> None:
        self._bot = bot
        self._exchange = bot.exchange

    def book(self, held: Collection[str]) -> None:
        """Close trades whose contract has ended and whose position is gone; raises what Freqtrade
        and ccxt raise. One request (weight 30) for each.

        :param held: pairs in which the exchange shows a position
        """
        now = datetime.now(UTC)
        with self._bot._exit_lock:
            for trade in Trade.get_open_trades():
                if trade.pair in held or not trade.has_open_position:
                    continue
                market = self._exchange.markets.get(trade.pair)
                end = end_of(market)
                if market is None or (end is not None and end <= now):
                    self._book(trade, end)

    def _book(self, trade: Trade, end: datetime | None) -> None:
        settled = self._settled(trade, end)
        if settled is None:
            return
        sign = -1 if trade.is_short else 1
        entry = trade.stake_amount * trade.leverage / trade.amount  # `open_rate` is cut to a tick
        rate = entry + sign * settled.profit / trade.amount
        cost = rate * trade.amount
        told = {
            "id": settled.id,
            "symbol": trade.pair,
            "side": trade.exit_side,
            "type": "market",
            "status": "closed",
            "amount": trade.amount,
            "filled": trade.amount,
            "remaining": 0.0,
            "price": rate,
            "average": rate,
            "cost": cost,
            "timestamp": settled.at,
            "lastTradeTimestamp": settled.at,
            "fee": {
                "currency": trade.stake_currency,
                "cost": settled.commission,
                "rate": settled.commission / cost if cost else 0.0,
            },
        }
        for stop in trade.open_sl_orders:  # which the exchange has let expire
            stop.update_from_ccxt_object({"id": stop.order_id, "status": "expired"})
        order = Order.parse_from_ccxt_object(told, trade.pair, trade.exit_side, trade.amount, rate)
        trade.orders.append(order)
        trade.set_funding_fees(settled.funding)
        trade.exit_reason = SETTLED
        Trade.commit()
        self._bot.update_trade_state(trade, settled.id, told)
        Trade.commit()
        warn(
            self._bot,
            f"{trade.pair} has ended, and the exchange has settled its position at {rate:g}.",
        )

    def _settled(self, trade: Trade, end: datetime | None) -> _Settled | None:
        """None where there is no such income, as of a position that was closed before the end."""
        last = int(trade.date_last_filled_utc.timestamp() * 1000)
        symbol = "".join(trade.pair.split(":")[0].split("/"))
        incomes: list[Income] = [
            income
            for income in self._exchange._api.fapiPrivateGetIncome(
                {"symbol": symbol, "startTime": last, "limit": _INCOMES}
            )
            if int(income["time"]) > last
        ]
        since = int(end.timestamp() * 1000) if end is not None else 0
        found = [
            income
            for income in incomes
            if income["incomeType"] == _SETTLEMENT
            or (income["incomeType"] == "REALIZED_PNL" and int(income["time"]) >= since)
        ]
        if not found:
            return None
        first = min(int(income["time"]) for income in found)
        paid = [income for income in incomes if int(income["time"]) >= first]
        return _Settled(
            profit=sum(float(income["income"]) for income in found),
            commission=-_sum(paid, "COMMISSION"),
            funding=_sum(incomes, "FUNDING_FEE"),
            at=max(int(income["time"]) for income in found),
            id=self._order_id(symbol, found[-1]),
        )

    def _order_id(self, symbol: str, income: Income) -> str:
        try:
            fills = self._exchange._api.fapiPrivateGetUserTrades(
                {"symbol": symbol, "startTime": int(income["time"])}
            )
        except ccxt.BaseError as error:
            logger.info(f"The order that settled {symbol} cannot be looked up: {words(error)}")
            fills = []
        for fill in fills:
            if str(fill["id"]) == str(income["tradeId"]):
                return str(fill["orderId"])
        return str(income["tranId"])


def _sum(incomes: list[Income], kind: str) -> float:
    return sum(float(i["income"]) for i in incomes if i["incomeType"] == kind)
