"""Books positions that the exchange has settled because their contract was delisted.

By then the exchange may no longer list the contract and its orders; its incomes are still there.
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
from perpkit.bot.running_bot import message_of, warn
from perpkit.market.exchanges import facts_at

logger = logging.getLogger(__name__)

SETTLED = "settled"  # the exit reason
_SETTLEMENT = "DELIVERED_SETTELMENT"  # the exchange's spelling
_INCOMES = 1000  # the exchange's limit per request

Income = dict[str, Any]


@dataclass(frozen=True)
class _Settled:
    """Sums of incomes in the currency of the profit.

    :param at: ms since 1970 UTC
    :param id: of the order that closed the position; if unknown, of its income
    """

    profit: float
    commission: float
    funding: float
    at: int
    id: str


class EndedContracts:
    """Books settled trades; made once for a running live bot."""

    def __init__(self, bot: Any) -> None:
        self._bot = bot
        self._exchange = bot.exchange

    def book(self, held: Collection[str]) -> None:
        """Closes trades whose contract has ended and whose position no longer exists.

        One request (weight 30) per trade. Raises the errors of Freqtrade and ccxt.

        :param held: pairs in which the exchange shows a position
        """
        now = datetime.now(UTC)
        with self._bot._exit_lock:
            for trade in Trade.get_open_trades():
                if trade.pair in held or not trade.has_open_position:
                    continue
                market = self._exchange.markets.get(trade.pair)
                end = end_of(facts_at(self._exchange), market)
                if market is None or (end is not None and end <= now):
                    self._book(trade, end)

    def _book(self, trade: Trade, end: datetime | None) -> None:
        settled = self._settled(trade, end)
        if settled is None:
            return
        sign = -1 if trade.is_short else 1
        entry = trade.stake_amount * trade.leverage / trade.amount  # `open_rate` is rounded
        rate = entry + sign * settled.profit / trade.amount
        cost = rate * trade.amount
        found = {
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
        for stop in trade.open_sl_orders:  # the exchange has expired them
            stop.update_from_ccxt_object({"id": stop.order_id, "status": "expired"})
        order = Order.parse_from_ccxt_object(found, trade.pair, trade.exit_side, trade.amount, rate)
        trade.orders.append(order)
        trade.set_funding_fees(settled.funding)
        trade.exit_reason = SETTLED
        Trade.commit()
        self._bot.update_trade_state(trade, settled.id, found)
        Trade.commit()
        warn(
            self._bot,
            f"{trade.pair} has ended, and the exchange has settled its position at {rate:g}.",
        )

    def _settled(self, trade: Trade, end: datetime | None) -> _Settled | None:
        """Returns None without such an income, as for a position closed before the end."""
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
            logger.info(f"The order that settled {symbol} cannot be looked up: {message_of(error)}")
            fills = []
        for fill in fills:
            if str(fill["id"]) == str(income["tradeId"]):
                return str(fill["orderId"])
        return str(income["tranId"])


def _sum(incomes: list[Income], kind: str) -> float:
    return sum(float(i["income"]) for i in incomes if i["incomeType"] == kind)
