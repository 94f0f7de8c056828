"""Finds and books the orders that closed part of a position without the bot's knowledge.

Those are orders that the bot did not send, or whose answer it lost. Replaces Freqtrade's
`handle_onexchange_order`, which attributes every order of the pair since the entry to the trade:
open ones, entries, and a second time the market order that its own stop has triggered.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import ccxt
from freqtrade.enums import ExitType
from freqtrade.exchange.exchange_types import CcxtOrder
from freqtrade.persistence import Order, Trade

from perpkit.bot.live.funding_charged import LISTED, charged_since, sum_between
from perpkit.bot.live.held import DUST
from perpkit.bot.live.stored_orders import stored_order
from perpkit.bot.running_bot import message_of, warn
from perpkit.record.whose import Whose

logger = logging.getLogger(__name__)

# Orders are listed by time of placement, which may be before the entry.
_PLACED_BEFORE = timedelta(days=7)
_NEWEST = 1000  # conditional orders, the exchange's limit per request
# Prefixes of the client ids of the exchange's own orders.
_BY_THE_EXCHANGE = {
    "autoclose-": ("the exchange has liquidated it", ExitType.LIQUIDATION.value),
    "adl_autoclose": ("the exchange has deleveraged it", ExitType.LIQUIDATION.value),
    "settlement_autoclose-": ("the exchange has settled the contract", "settlement"),
}


@dataclass(frozen=True)
class Closing:
    """An order that has reduced the position.

    :param filled: in base currency
    :param booked: the part of it that the database has
    :param at: time of its last fill, ms since 1970 UTC
    """

    id: str
    filled: float
    booked: float
    at: int


class _Parent(NamedTuple):
    """A conditional order.

    :param at: time of its last change, ms since 1970 UTC
    """

    at: int
    id: str


def explain(missing: float, closings: Iterable[Closing]) -> dict[str, float]:
    """Returns the amount that each order has closed of the trade, by id, oldest first.

    The newest orders count first: what the trader had bought in addition was sold before.
    """
    taken: dict[str, float] = {}
    for order in sorted(closings, key=lambda each: each.at, reverse=True):
        part = min(missing, order.filled - order.booked)
        if part > DUST:
            taken[order.id] = part
            missing -= part
    return dict(reversed(taken.items()))


class ClosedOutside:
    """Books orders that closed trades; made once for a live bot. The bot's lock must be held.

    :param whose: returns the owner of an order, from its client id and time of placement
    :param reason_of: returns why this bot sent an order, from its client id
    """

    def __init__(
        self,
        bot: Any,
        whose: Callable[[str | None, int | None], Whose],
        reason_of: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self._bot = bot
        self._exchange = bot.exchange
        self._whose = whose
        self._reason_of = reason_of

    def book(self, trade: Trade, missing: float) -> float:
        """Books the orders that have closed so much of the trade; returns what is still missing.

        Makes 4 requests or more (weight 5 each). Raises Freqtrade's errors.
        """
        amount = trade.amount
        children = self._children(trade.pair)
        missing = self._stops(trade, missing, children)
        if not trade.is_open or missing <= DUST:
            return max(missing, 0.0)
        orders = {str(order["id"]): order for order in self._closings(trade, children)}
        taken = explain(missing, [self._closing(trade, order) for order in orders.values()])
        if not taken:
            return missing
        for number, part in taken.items():
            self._book(trade, orders[number], part)
        self._finish(trade, amount, [orders[number] for number in taken])
        return missing - sum(taken.values())

    def book_exit(self, trade: Trade, order: CcxtOrder, reason: str | None) -> None:
        """Books an order that has ended, as an exit of the trade that the bot has sent itself.

        Makes no request if the database has it. Raises Freqtrade's errors.

        :param order: amounts in base currency
        :param reason: of the exit
        """
        part = explain(trade.amount, [self._closing(trade, order)]).get(str(order["id"]))
        if part is None:
            return
        trade.exit_reason, trade.close_rate_requested = reason, order.get("price")
        self._book(trade, order, part)
        stored = trade.select_order_by_order_id(str(order["id"]))
        if not trade.is_open:
            trade.close_date = trade.date_last_filled_utc
            Trade.commit()
        self._bot._notify_exit(trade, "limit", fill=True, sub_trade=trade.is_open, order=stored)

    def _set_funding_fees(self, trade: Trade, until: datetime) -> None:
        """Sets what was charged until a fill; `Booking` corrects it if there is no answer."""
        since = trade.date_last_filled_utc
        try:
            charged = charged_since(self._exchange._api, trade.pair, since)
        except ccxt.BaseError as error:
            logger.warning(f"The funding of {trade.pair} is not known: {message_of(error)}")
            return
        trade.set_funding_fees(sum_between(charged, since, until))

    def _stops(self, trade: Trade, missing: float, children: dict[str, _Parent]) -> float:
        """Books triggered stops of this bot, which belong to the trade even if it does not know
        them; returns what is still missing."""
        for parent in sorted(set(children.values())):
            order = stored_order(trade.pair, parent.id)
            if order is not None and (
                order.ft_trade_id != trade.id or (order.safe_filled and not order.ft_is_open)
            ):
                continue
            if parent.at < _entered_at(trade):
                continue
            before = trade.amount  # before the look, which may book targets
            found = self._exchange.fetch_stoploss_order(parent.id, trade.pair)
            if not found.get("filled"):
                continue
            if order is None:
                order = Order.parse_from_ccxt_object(
                    found, trade.pair, "stoploss", found["amount"], found.get("stopPrice")
                )
                trade.orders.append(order)
            self.book_stop(trade, parent.id, found)
            missing -= before - (trade.amount if trade.is_open else 0.0)
            if not trade.is_open or missing <= DUST:
                break
        return missing

    def book_stop(self, trade: Trade, number: str, found: CcxtOrder) -> bool:
        """Books the current state of a stop; returns whether it has closed the trade."""
        self._bot.update_trade_state(trade, number, found, stoploss_order=True)
        if found["status"] not in ("closed", "triggered"):
            return False
        if trade.is_open and not found.get("filled"):
            return False
        trade.exit_reason = ExitType.STOPLOSS_ON_EXCHANGE.value
        self._bot._notify_exit(trade, "stoploss", True)
        self._bot.handle_protections(trade.pair, trade.trade_direction)
        Trade.commit()
        return not trade.is_open

    def _children(self, pair: str) -> dict[str, _Parent]:
        """Returns the orders triggered by this bot's conditional orders: parents by id."""
        api = self._exchange._api
        symbol = self._exchange.markets[pair]["id"]
        rows = api.fapiPrivateGetAllAlgoOrders({"symbol": symbol, "limit": _NEWEST})
        return {
            str(row["actualOrderId"]): _Parent(int(row["updateTime"]), str(row["algoId"]))
            for row in rows
            if row.get("actualOrderId")
            and self._whose(row.get("clientAlgoId"), int(row["createTime"])).may_be_cancelled
        }

    def _closings(self, trade: Trade, children: Container[str]) -> Sequence[CcxtOrder]:
        """Returns orders that reduced the position since its entry, without those of own stops."""
        since = max(trade.open_date_utc - _PLACED_BEFORE, datetime.now(UTC) - LISTED)
        return [
            order
            for order in self._exchange.fetch_orders(trade.pair, since)
            if order["side"] == trade.exit_side
            and order.get("filled")
            and str(order["id"]) not in children
            and _filled_at(order) >= _entered_at(trade)
            and _is_of_side(trade, order)
            and not self._is_of_another(trade, order)
        ]

    def _is_of_another(self, trade: Trade, order: CcxtOrder) -> bool:
        stored = stored_order(trade.pair, str(order["id"]))
        return stored is not None and stored.ft_trade_id != trade.id

    def _closing(self, trade: Trade, order: CcxtOrder) -> Closing:
        stored = trade.select_order_by_order_id(str(order["id"]))
        booked = stored.safe_filled if stored is not None and not stored.ft_is_open else 0.0
        return Closing(str(order["id"]), order["filled"], booked, _filled_at(order))

    def _book(self, trade: Trade, order: CcxtOrder, part: float) -> None:
        number = str(order["id"])
        stored = trade.select_order_by_order_id(number)
        booked = stored.safe_filled if stored is not None and not stored.ft_is_open else 0.0
        filled = booked + part
        if abs(filled - order["filled"]) <= DUST:
            filled = order["filled"]  # a sum may be a little less, and would be cut to the step
        price = order.get("average") or order.get("price") or 0.0
        booked_order = {**order, "fee": self._fee(trade, order, filled / order["filled"])}
        if order["status"] == "open" or filled < order["filled"] - DUST:
            booked_order |= {"amount": filled, "filled": filled}
            booked_order |= {"remaining": 0.0, "status": "closed", "cost": filled * price}
        at = datetime.fromtimestamp(_filled_at(order) / 1000, UTC)
        self._set_funding_fees(trade, at)  # before the order is the last that has filled
        if stored is None:
            stored = Order.parse_from_ccxt_object(booked_order, trade.pair, trade.exit_side)
            stored.ft_order_tag = self._reason(order)
            trade.orders.append(stored)
        stored.order_filled_date = at
        self._bot.update_trade_state(trade, number, booked_order, send_msg=False)
        Trade.commit()

    def _fee(self, trade: Trade, order: CcxtOrder, share: float) -> dict[str, Any] | None:
        """Returns the commission of the trade's share, or None if it is not available."""
        placed = datetime.fromtimestamp(order["timestamp"] / 1000, UTC)
        try:
            fills = self._exchange.get_trades_for_order(str(order["id"]), trade.pair, placed)
        except Exception as error:
            logger.warning(
                f"The commission of order {order['id']} is not known: {message_of(error)}"
            )
            return None
        fees = [fill["fee"] for fill in fills if fill.get("fee")]
        if len(fees) != 1 or fees[0].get("cost") is None:
            return None
        return {**fees[0], "cost": fees[0]["cost"] * share}

    def _finish(self, trade: Trade, before: float, orders: Sequence[CcxtOrder]) -> None:
        bot, last = self._bot, orders[-1]
        how = " and ".join(sorted({self._how(order) for order in orders}))
        if trade.is_open:
            closed = before - trade.amount
            warn(bot, f"{trade.pair}: {closed:g} of the trade are closed: {how}.")
            return
        trade.close_date = trade.date_last_filled_utc
        trade.exit_reason = self._reason(last)
        Trade.commit()
        warn(bot, f"{trade.pair}: the trade is closed: {how}.")
        order = trade.select_order_by_order_id(str(last["id"]))
        bot.order_close_notify(trade, order, False, True)

    def _how(self, order: CcxtOrder) -> str:
        client_id, number = order.get("clientOrderId") or "", order["id"]
        for start, (cause, _) in _BY_THE_EXCHANGE.items():
            if client_id.startswith(start):
                return f"{cause} (order {number})"
        if self._whose(client_id, order["timestamp"]).may_be_cancelled:
            return f"order {number} of this bot, whose answer was lost"
        return f"order {number}, which this bot did not send"

    def _reason(self, order: CcxtOrder) -> str:
        client_id = order.get("clientOrderId") or ""
        for start, (_, reason) in _BY_THE_EXCHANGE.items():
            if client_id.startswith(start):
                return reason
        return self._reason_of(client_id) or ExitType.SOLD_ON_EXCHANGE.value


def _filled_at(order: CcxtOrder) -> int:
    info = order.get("info") or {}
    return int(order.get("lastTradeTimestamp") or info.get("updateTime") or order["timestamp"])


def _entered_at(trade: Trade) -> int:
    entered = trade.date_entry_fill_utc or trade.open_date_utc
    return int(entered.timestamp() * 1000)


def _is_of_side(trade: Trade, order: CcxtOrder) -> bool:
    """In hedge mode each order names its position side."""
    side = str((order.get("info") or {}).get("positionSide") or "BOTH").upper()
    return side in ("BOTH", "SHORT" if trade.is_short else "LONG")
