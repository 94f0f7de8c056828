"""Stops that the exchange accepts: split where too large, at the bound where out of the price band.

A stop is a market order once it triggers, so the largest market order limits its size. Freqtrade
supports several stops per trade: it cancels, updates and counts them all; only placing them is done
here.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import ccxt
from freqtrade.exceptions import ExchangeError, InvalidOrderException
from freqtrade.exchange.exchange_types import CcxtOrder
from freqtrade.persistence import Order, Trade

from perpkit.bot.live.absent import Absent
from perpkit.bot.live.held import DUST
from perpkit.bot.live.intents import Intents
from perpkit.bot.live.price_band import band_of, bound_named, on_tick, refusal_code
from perpkit.bot.live.replaced import replace
from perpkit.bot.positions.market_lot import market_lot, whole_steps
from perpkit.bot.running_bot import message_of
from perpkit.execution.refusals import OUT_OF_BAND, TOO_LARGE

logger = logging.getLogger(__name__)

_PRICE_DUST = 1e-9
# Relative tolerance: a stop on the tick next to liquidation is not beyond it.
_TICKS = 1e-4
# A clamped stop is replaced if that reduces the distance to its wanted price by a tenth.
_NEARER = 0.9
# How often a stop that is refused as too large is halved.
_HALVINGS = 6
# Kind of these entries in the journal, which survives a restart.
_LOT = "market_lot"


def covered(trade: Trade) -> float:
    """Returns the amount, in base currency, of the stops that the database shows as open."""
    return sum((order.safe_amount for order in trade.open_sl_orders), 0.0)


def is_covered(trade: Trade) -> bool:
    return covered(trade) >= trade.amount - DUST


class StopOrders:
    """Places and replaces stops; made once for a running live bot.

    :param absent: knows which parts of trades do not exist at the exchange
    """

    def __init__(self, bot: Any, intents: Intents, absent: Absent) -> None:
        self._bot = bot
        self._exchange = bot.exchange
        self._intents = intents
        self.there = absent.there
        self.waits = absent.waits
        # Lots smaller than the market's own, learned from refusals.
        self._lots: dict[str, float] = intents.kept(_LOT)
        self._send = replace(bot, "exchange.create_stoploss", self.create_stoploss)
        self._create = replace(bot, "bot.create_stoploss_order", self.create_stoploss_order)
        self._handle = replace(
            bot, "bot.handle_stoploss_on_exchange", self.handle_stoploss_on_exchange
        )
        self._notify = replace(bot, "bot._notify_exit", self.notify_exit)
        self._cancel_all = replace(
            bot, "bot.cancel_stoploss_on_exchange", self.cancel_stoploss_on_exchange
        )

    def create_stoploss(self, **order: Any) -> CcxtOrder:
        """Replaces Freqtrade's method; sends the first part of a stop that is too large."""
        pair, halvings, clamped = order["pair"], 0, False
        while True:
            order["amount"] = min(order["amount"], self._lot(pair))
            try:
                return self._send(**order)
            except ExchangeError as error:
                code = refusal_code(error)
                if code == TOO_LARGE and halvings < _HALVINGS:
                    halvings += 1
                    self._lots[pair] = order["amount"] / 2
                    self._intents.keep(_LOT, pair, self._lots[pair])
                elif code in OUT_OF_BAND and not clamped:
                    clamped = True
                    order["stop_price"] = self._nearest(order, error)
                else:
                    raise

    def _lot(self, pair: str) -> float:
        return min(market_lot(self._exchange, pair), self._lots.get(pair, float("inf")))

    def _nearest(self, order: dict[str, Any], refusal: ExchangeError) -> float:
        """Returns the nearest allowed price.

        :raises ExchangeError: `refusal`, if no bound is known
        """
        pair, wanted = order["pair"], order["stop_price"]
        price = bound_named(refusal)
        if price is None:
            try:
                price = band_of(self._exchange, pair).clamp(wanted)
            except (ccxt.BaseError, KeyError, TypeError, ValueError) as error:
                logger.warning(f"The price bounds of {pair} are not available: {message_of(error)}")
                raise refusal from error
        price = on_tick(self._exchange, pair, price, order["side"])
        if price == wanted:
            raise refusal
        logger.warning(
            f"{pair}: a stop at {wanted:g} is outside the price band ({refusal_code(refusal)}); "
            f"it is placed at {price:g}, and moved as the band moves."
        )
        return price

    def is_covered(self, trade: Trade) -> bool:
        """Whether stops cover the part of the position that exists at the exchange."""
        return covered(trade) >= self.there(trade) - DUST

    def create_stoploss_order(self, trade: Trade, stop_price: float) -> bool:
        """Replaces Freqtrade's method; covers the whole position that exists, in several orders."""
        known, there = len(trade.orders), self.there(trade)
        if there < trade.amount - DUST:
            return bool(there) and self.place(trade, stop_price, there)
        if not self._create(trade, stop_price):
            return False
        if len(trade.orders) == known:
            return True
        return self.place(trade, stop_price, trade.amount - trade.orders[-1].safe_amount)

    def place(self, trade: Trade, stop_price: float, amount: float) -> bool:
        """Places stops for an amount; returns False if not all of them could be placed."""
        try:
            while amount := whole_steps(amount, trade):
                sent = self.create_stoploss(
                    pair=trade.pair,
                    amount=amount,
                    stop_price=stop_price,
                    order_types=self._bot.strategy.order_types,
                    side=trade.exit_side,
                    leverage=trade.leverage,
                )
                order = Order.parse_from_ccxt_object(
                    sent, trade.pair, "stoploss", sent["amount"], stop_price
                )
                trade.orders.append(order)
                Trade.commit()
                amount -= order.safe_amount
        except ExchangeError as error:
            logger.warning(
                f"A part of the stop for {trade.pair} cannot be placed: {message_of(error)}"
            )
            return False
        return True

    def cancel_stoploss_on_exchange(self, trade: Trade, *args: Any, **how: Any) -> Trade:
        """Replaces Freqtrade's method, which takes a position's stop away before the next is there:
        when the stop moves, and when an addition has filled.

        In between the exchange may fail for minutes. Here the old stop stays until others cover the
        position, and is then dropped as superfluous, at the latest at the end of the cycle. Before
        an exit Freqtrade itself leaves a stop of this exchange where it is.
        """
        if trade.is_open and trade.has_open_position:
            return trade
        cancelled: Trade = self._cancel_all(trade, *args, **how)
        return cancelled

    def lacks_a_part(self, trade: Trade) -> bool:
        """Whether a position that needs several stops has some at the wanted price, which do not
        cover all of it."""
        stops, wanted = trade.open_sl_orders, trade.stoploss_or_liquidation
        if not stops or self.is_covered(trade) or trade.amount <= self._lot(trade.pair):
            return False
        prices = {self._on_tick(order.ft_price, trade) for order in stops}
        return prices == {self._on_tick(wanted, trade)}

    def place_part(self, trade: Trade) -> bool:
        missing = self.there(trade) - covered(trade)
        return self.place(trade, trade.stoploss_or_liquidation, missing)

    def fit(self, trade: Trade) -> None:
        """Replaces stops larger than the position, which would act on what the trader adds.

        The new stop is placed before the old one is cancelled. The bot's lock must be held.
        """
        there = self.there(trade)
        if not there or covered(trade) <= there + DUST:
            return
        self.drop_surplus(trade)
        stops = trade.open_sl_orders
        if not any(order.safe_amount > there + DUST for order in stops):
            return
        # One that has triggered is booked, and needs no successor.
        if all(map(self._is_live, stops)) and self.place(
            trade, trade.stoploss_or_liquidation, there
        ):
            self.drop_surplus(trade)

    def drop_surplus(self, trade: Trade) -> None:
        """Cancels superfluous stops, oldest first: after a part was sold, or another was placed."""
        for order in trade.open_sl_orders:
            others = [other for other in trade.open_sl_orders if other is not order]
            left = sum(other.safe_amount for other in others)
            if left >= self.there(trade) - DUST and all(map(self._is_live, others)):
                self.cancel(order)

    def _is_live(self, order: Order) -> bool:
        found = self._exchange.fetch_stoploss_order(order.order_id, order.ft_pair)
        return bool(found["status"] == "open")

    def _is_gone(self, order: Order) -> bool:
        """Whether the exchange has no such stop, or one that ended without a fill."""
        try:
            found = self._exchange.fetch_stoploss_order(order.order_id, order.ft_pair)
        except InvalidOrderException:
            return True
        ended = found["status"] in ("canceled", "expired", "rejected")
        return ended and not found.get("filled")

    def cancel(self, order: Order) -> None:
        """Cancels a stop. The bot's lock must be held."""
        try:
            cancelled = self._exchange.cancel_stoploss_order_with_result(
                order.order_id, order.ft_pair, order.safe_amount
            )
        except InvalidOrderException as error:
            logger.warning(
                f"Stop {order.order_id} of {order.ft_pair} was not cancelled: {message_of(error)}"
            )
            if not self._is_gone(order):
                return  # it has triggered: Freqtrade books it
            cancelled = {"id": order.order_id, "status": "canceled"}
        order.update_from_ccxt_object(cancelled)
        Trade.commit()

    def move_on(self, trade: Trade) -> None:
        """Replaces stops whose price can be improved now.

        Clamped stops move towards their wanted price as far as the band allows, and stops beyond
        liquidation move in front of it. One request if there are any; raises the errors of
        Freqtrade and ccxt.
        """
        old = [
            order
            for order in trade.open_sl_orders
            if self._is_clamped(order, trade) or _is_beyond_liquidation(order, trade)
        ]
        if not old:
            return
        wanted = self._on_tick(trade.stoploss_or_liquidation, trade)
        reachable = band_of(self._exchange, trade.pair).clamp(wanted)
        away = min(abs((order.stop_price or 0.0) - wanted) for order in old)
        if abs(reachable - wanted) > _NEARER * away:
            return
        if self.place(trade, wanted, sum(order.safe_amount for order in old)):
            for order in old:
                self.cancel(order)

    def _is_clamped(self, order: Order, trade: Trade) -> bool:
        """Whether the database has a wanted price that differs from the price of the stop."""
        if not order.stop_price or not order.ft_price:
            return False
        wanted = self._on_tick(order.ft_price, trade)
        return abs(order.stop_price - wanted) > _PRICE_DUST * wanted

    def _on_tick(self, price: float, trade: Trade) -> float:
        return on_tick(self._exchange, trade.pair, price, trade.exit_side)

    def handle_stoploss_on_exchange(self, trade: Trade) -> bool:
        """Replaces Freqtrade's method, which returns after the first of several triggered stops.

        What an addition leaves open behind the last one gets its stop at once. Does nothing for a
        trade whose position does not exist.
        """
        triggered = False
        if trade.has_open_position and not self.there(trade):
            return triggered
        for _ in range(len(trade.open_sl_orders) + 1):
            before = len(trade.open_sl_orders)
            if not self._handle(trade):
                break
            triggered = True
            if not trade.is_open or len(trade.open_sl_orders) == before:
                break
        return triggered

    def notify_exit(
        self,
        trade: Trade,
        order_type: str | None,
        fill: bool = False,
        sub_trade: bool = False,
        order: Order | None = None,
    ) -> None:
        """Replaces Freqtrade's method, which takes a stop that has filled for the whole trade.

        The message on a trade that stays open is about what the stop has sold.
        """
        if order_type == "stoploss" and fill and order is None and trade.is_open:
            order = _last_filled(trade.sl_orders)
            sub_trade = order is not None
        self._notify(trade, order_type, fill, sub_trade, order)


def _last_filled(stops: Sequence[Order]) -> Order | None:
    filled = [order for order in stops if order.safe_filled and order.order_filled_utc]
    return max(filled, key=lambda order: (order.order_filled_utc, order.id), default=None)


def _is_beyond_liquidation(order: Order, trade: Trade) -> bool:
    price, liquidation = order.stop_price or order.ft_price, trade.liquidation_price
    if not price or not liquidation:
        return False
    beyond = price / liquidation - 1 if trade.is_short else 1 - price / liquidation
    return beyond > _TICKS
