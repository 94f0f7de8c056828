"""Market exits that the exchange accepts: split where too large, as crossing limits where refused.

Wraps the running bot's `execute_trade_exit` and its exchange's `create_order`, so that every exit
passes here: exits by rules, halts, forced exits, emergencies.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from typing import Any

import ccxt
from freqtrade.exceptions import ExchangeError
from freqtrade.exchange.exchange_types import CcxtOrder
from freqtrade.persistence import Order, Trade

from perpkit.bot.live.intents import Intents
from perpkit.bot.live.order_purposes import orders_are, orders_cross
from perpkit.bot.live.price_band import band_of, bound_named, on_tick, refusal_code
from perpkit.bot.live.replaced import replace
from perpkit.bot.positions.market_lot import market_lot, whole_steps
from perpkit.bot.positions.trades import TradeKey, key_of
from perpkit.bot.running_bot import message_of, warn
from perpkit.execution.refusals import CANNOT_REDUCE
from perpkit.record.order_ids import Purpose

logger = logging.getLogger(__name__)

# Errors caused by the account or the request, not by the order type.
_NOT_OF_THE_TYPE = (
    ccxt.InsufficientFunds,
    ccxt.BadSymbol,
    ccxt.MarketClosed,
    ccxt.NotSupported,
)

# By what share of its price the bound may have passed a limit that rests: as much as that limit
# lies inside (`perpkit.execution.price_band`).
_SAME_BOUND = 0.001

# Kind of these entries in the journal, which survives a restart.
_REST = "rest_of_an_exit"


@dataclass
class _Rest:
    """The part of an exit that is still to be ordered.

    :param limit: requested price of the exit
    :param tag: exit reason
    :param of_a_part: whether the exit leaves part of the position open
    :param stays: position size once the exit is complete
    """

    amount: float
    limit: float
    tag: str
    of_a_part: bool
    stays: float


class MarketExits:
    """Places market exits; made once for a running live bot."""

    def __init__(self, bot: Any, intents: Intents) -> None:
        self._bot = bot
        self._exchange = bot.exchange
        self._intents = intents
        self._rests: dict[TradeKey, _Rest] = {}
        self._crossing: dict[str, set[str]] = {}  # pair -> ids; a pair with a key was reported
        self._restored: set[TradeKey] = set()
        self._send = replace(bot, "exchange.create_order", self.create_order)
        self._exit = replace(bot, "bot.execute_trade_exit", self.execute_trade_exit)

    def leaves(self, trade: Trade) -> bool:
        """Whether an open order closes the trade at the market, or as a crossing limit."""
        return any(order.order_type == "market" for order in _exits_of(trade)) or bool(
            self._crossing_of(trade)
        )

    def rests_at_the_bound(self, trade: Trade) -> bool:
        """Whether crossing limits sell all of the trade, and others could have no worse price: one
        request (weight 1) if they do."""
        resting = self._crossing_of(trade)
        left = trade.amount - sum(order.safe_amount for order in resting)
        if not resting or whole_steps(max(left, 0.0), trade):
            return False
        worst = self._worst_price(trade.pair, trade.exit_side)
        sign = -1 if trade.is_short else 1
        return worst is not None and all(
            order.price is not None and (order.price - worst) * sign <= _SAME_BOUND * worst
            for order in resting
        )

    def _crossing_of(self, trade: Trade) -> list[Order]:
        self._restore(trade)
        crossing = self._crossing.get(trade.pair, ())
        return [order for order in _exits_of(trade) if order.order_id in crossing]

    def _worst_price(self, pair: str, side: str) -> float | None:
        """Returns the worst price that the exchange allows now, or None if that cannot be asked."""
        try:
            band = band_of(self._exchange, pair)
            return on_tick(self._exchange, pair, band.low if side == "sell" else band.high, side)
        except (ccxt.BaseError, KeyError, TypeError, ValueError) as error:
            logger.warning(f"The price bounds of {pair} are not available: {message_of(error)}")
            return None

    def create_order(self, **order: Any) -> CcxtOrder:
        """Replaces Freqtrade's method; sends the first part of a market exit that is too large."""
        if order["ordertype"] != "market" or not order.get("reduceOnly"):
            return self._send(**order)
        pair = order["pair"]
        part = min(order["amount"], market_lot(self._exchange, pair))
        try:
            sent = self._send(**{**order, "amount": part})
        except ExchangeError as error:
            if not _refuses_the_type(error):
                raise
            return self._send_as_limit(order, error)
        self._crossing.pop(pair, None)
        return sent

    def _send_as_limit(self, order: dict[str, Any], refusal: ExchangeError) -> CcxtOrder:
        """Sends a limit at the worst allowed price for the whole amount.

        :raises ExchangeError: `refusal`, if that is refused as well
        """
        pair, side = order["pair"], order["side"]
        worst = self._worst_price(pair, side)
        price = order["rate"] if worst is None else worst
        largest = self._exchange.markets[pair]["limits"]["amount"]["max"] or order["amount"]
        limit = {
            **order,
            "ordertype": "limit",
            "amount": min(order["amount"], largest),
            "time_in_force": "GTC",
            "rate": price,
        }
        try:
            sent = self._send_crossing(limit)
        except ExchangeError as error:
            bound = bound_named(error)
            if bound is None:
                raise refusal from error
            limit["rate"] = on_tick(self._exchange, pair, bound, side)
            sent = self._send_crossing(limit)
        self._warn(pair, limit["rate"], refusal)
        self._crossing[pair].add(str(sent["id"]))
        return sent

    def _send_crossing(self, limit: dict[str, Any]) -> CcxtOrder:
        with orders_cross():
            return self._send(**limit)

    def _warn(self, pair: str, price: float, refusal: ExchangeError) -> None:
        """Warns once, until a market exit is accepted again."""
        if pair in self._crossing:
            return
        self._crossing[pair] = set()
        warn(
            self._bot,
            f"{pair}: the exchange refuses a market exit ({refusal_code(refusal)}). A limit order "
            f"at {price:g}, the worst price that it allows, is placed instead.",
        )

    def execute_trade_exit(self, trade: Trade, limit: float, exit_check: Any, **how: Any) -> bool:
        """Replaces Freqtrade's method, and then orders what the first order left."""
        amount, known = trade.amount, len(trade.orders)
        wanted = how.get("sub_trade_amt") or amount
        self._drop(trade)
        if not self._exit(trade, limit, exit_check, **how):
            return False
        if len(trade.orders) == known:
            return True
        first = trade.orders[-1]
        left = whole_steps(wanted - first.safe_amount, trade)
        if left:
            first.ft_amount = first.safe_amount
            of_a_part = bool(how.get("sub_trade_amt"))
            tag = first.ft_order_tag or ""
            stays = amount - wanted
            self._keep(trade, _Rest(left, limit, tag, of_a_part, stays))
            self.finish(trade)
        return True

    def finish(self, trade: Trade) -> None:
        """Orders the rest of the trade's exit. The bot's lock must be held."""
        self._restore(trade)
        rest = self._rests.get(key_of(trade))
        if rest is not None:  # a part whose answer was lost may have been added to the trade
            rest.amount = min(rest.amount, _unsold(trade, rest))
        try:
            while rest is not None and trade.is_open and rest.amount:
                self._next(trade, rest)
        except ExchangeError as error:
            logger.warning(
                f"The rest of an exit from {trade.pair} cannot be placed: {message_of(error)}"
            )
            return
        if rest is not None:
            self._drop(trade)

    def _keep(self, trade: Trade, rest: _Rest) -> None:
        key = key_of(trade)
        self._rests[key] = rest
        kept = {"opened": key.opened.isoformat(), **asdict(rest)}
        self._intents.keep(_REST, str(key.id), kept)

    def _drop(self, trade: Trade) -> None:
        if self._rests.pop(key_of(trade), None) is not None:
            self._intents.keep(_REST, str(trade.id), None)

    def _restore(self, trade: Trade) -> None:
        """Restores the state of the trade's exit from the journal, once per process."""
        key = key_of(trade)
        if key in self._restored:
            return
        still_open = {key_of(each) for each in Trade.get_open_trades()}
        self._restored = self._restored & still_open | {key}
        for order in trade.open_orders:
            sent = self._intents.find(trade.pair, order.order_id)
            if sent is not None and sent.intent.purpose is Purpose.CROSSING:
                self._crossing.setdefault(trade.pair, set()).add(order.order_id)
        kept = self._intents.kept(_REST).get(str(key.id))
        if kept is None or key in self._rests or kept.pop("opened") != key.opened.isoformat():
            return
        rest = _Rest(**kept)
        rest.amount = _unsold(trade, rest)  # parts may have been sent since the state was stored
        self._rests[key] = rest

    def _next(self, trade: Trade, rest: _Rest) -> None:
        with orders_are(Purpose.PART if rest.of_a_part else Purpose.EXIT, rest.tag):
            # The exchange's, so that what was replaced later sees this order as well.
            sent = self._exchange.create_order(
                pair=trade.pair,
                ordertype="market",
                side=trade.exit_side,
                amount=rest.amount,
                rate=rest.limit,
                leverage=trade.leverage,
                reduceOnly=True,
                time_in_force=self._bot.strategy.order_time_in_force["exit"],
                initial_order=False,
            )
        order = Order.parse_from_ccxt_object(
            sent, trade.pair, trade.exit_side, sent["amount"], rest.limit
        )
        order.ft_order_tag = rest.tag
        trade.orders.append(order)
        Trade.commit()
        rest.amount = whole_steps(rest.amount - order.safe_amount, trade)
        if sent.get("status") in ("closed", "expired"):
            self._bot.update_trade_state(trade, order.order_id, sent)
            Trade.commit()


def _unsold(trade: Trade, rest: _Rest) -> float:
    """Returns what is still to be ordered, by what the trade has and what is to stay of it."""
    # What open orders have filled is still in the trade's amount.
    on_the_way = sum(order.safe_amount for order in _exits_of(trade))
    return whole_steps(max(trade.amount - on_the_way - rest.stays, 0.0), trade)


def _exits_of(trade: Trade) -> list[Order]:
    return [order for order in trade.open_orders if order.ft_order_side == trade.exit_side]


def _refuses_the_type(error: ExchangeError) -> bool:
    """Whether the exchange refused the order in a way that a limit order may avoid."""
    cause = error.__cause__
    # A missing permission may concern market orders only; a bad key concerns all orders.
    if isinstance(cause, ccxt.AuthenticationError) and not isinstance(cause, ccxt.PermissionDenied):
        return False
    return (
        isinstance(cause, ccxt.ExchangeError)
        and not isinstance(cause, _NOT_OF_THE_TYPE)
        and refusal_code(error) not in CANNOT_REDUCE
    )
