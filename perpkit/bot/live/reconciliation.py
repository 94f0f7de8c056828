"""The database and the exchange compared: what one of them has that the other does not know.

Freqtrade looks for a position that is gone only when it has no stop at the exchange either, and
never for one that it does not know.
"""

from __future__ import annotations

import logging
from collections.abc import Set
from datetime import datetime
from typing import Any

from freqtrade.enums import ExitType
from freqtrade.exceptions import InvalidOrderException
from freqtrade.freqtradebot import FreqtradeBot
from freqtrade.persistence import Order, Trade

from perpkit.bot.live.at_exchange import AtExchange, CcxtPosition, Resting, look
from perpkit.bot.live.coverage import in_excess, not_there, to_adopt
from perpkit.bot.live.other_instance import OtherInstance
from perpkit.bot.live.running_bot import warn
from perpkit.bot.live.sent_orders import SentOrders
from perpkit.bot.live.settlement import Settlement
from perpkit.bot.live.stored_orders import is_stored
from perpkit.bot.live.trying import Failing, Trying

logger = logging.getLogger(__name__)

_DUST = 1e-9  # amounts that differ by less are equal


class Reconciliation:
    """Positions are acted on when they are odd in the same way at two looks in a row: between the
    exchange's answer and the database, a stop may have triggered."""

    def __init__(self, bot: FreqtradeBot, sent: SentOrders, settlement: Settlement) -> None:
        self._bot: Any = bot
        self._exchange: Any = bot.exchange
        self._sent = sent
        self._settlement = settlement
        self._others = OtherInstance(bot, is_stored)
        self._excess: set[str] = set()
        self._odd: dict[str, float] | None = None
        self._foreign: set[str] = set()
        self._trying = Trying()
        # As ccxt gave them last.
        self.positions_seen: tuple[CcxtPosition, ...] = ()
        self.look_again = False

    def refusal(self, pair: str) -> str | None:
        """Why there is to be no entry in this pair, if there is a reason."""
        if (others := self._others.refusal()) is not None:
            return others
        if self._odd is None:
            return "positions have not been compared with the exchange's yet"
        if pair in self._odd:
            return f"the exchange holds {self._odd[pair]:+g} that the database does not know"
        return None

    @property
    def refused(self) -> dict[str, str] | None:
        """Pairs without entries, and why; None before the first comparison."""
        if self._odd is None:
            return None
        return {pair: self.refusal(pair) or "" for pair in self._odd}

    def failing(self, now: datetime) -> list[Failing]:
        """What cannot be done at present."""
        return self._trying.failing(now)

    def compare(self) -> None:
        """Raises what Freqtrade raises. Three requests (weight 85) where nothing differs."""
        with self._bot._exit_lock:
            seen = look(self._exchange, self._sent.whose)
            self.positions_seen = seen.positions
            self._others.look(seen)
            open_trades = [t for t in Trade.get_open_trades() if t.has_open_position]
            for trade in open_trades:
                with self._trying(f"Looking at the stops of {trade.pair}"):
                    self._missing_stops(trade, seen)
                    self._adopt_stop(trade, seen)
            known = {order.order_id for order in Order.get_open_orders()}
            # Those are dealt with by the settlement of what is open in the journal.
            known |= {entry.order_id or "" for entry in self._sent.intents.open()}
            # An answer may be older than the position that it shows.
            excess, before = in_excess(seen, known), self._excess
            self._excess = {stop.id for stop in excess}
            for stop in excess:
                if stop.id in before:
                    self._cancel(stop)
        self._positions(seen)
        self.look_again = self.look_again or bool(self._excess - before)

    def _missing_stops(self, trade: Trade, seen: AtExchange) -> None:
        """Find out what has become of stops that are not at the exchange any more."""
        missing = not_there(seen, {order.order_id for order in trade.open_sl_orders})
        if missing and not self._book_stops(trade, missing):
            gone = sorted(missing - {order.order_id for order in trade.open_sl_orders})
            if gone:
                logger.warning(
                    f"{trade.pair}: the exchange has no stop {', '.join(gone)} any more."
                )

    def _adopt_stop(self, trade: Trade, seen: AtExchange) -> None:
        """A trade without a stop may have one that the database lacks: it was restored, or the bot
        was killed before it could write."""
        if trade.has_open_sl_orders or not trade.is_open:
            return
        known = {order.order_id for order in trade.sl_orders}
        found = to_adopt(seen, known, trade.pair, trade.exit_side, trade.amount)
        if not found:
            return
        told = self._exchange.fetch_stoploss_order(found[0], trade.pair)
        if told["status"] == "open":
            order = Order.parse_from_ccxt_object(
                told, trade.pair, "stoploss", told["amount"], told["stopPrice"]
            )
            trade.orders.append(order)
            Trade.commit()
            logger.warning(f"{trade.pair}: the stop {found[0]} at the exchange is taken over.")

    def _cancel(self, stop: Resting) -> None:
        logger.warning(f"{stop.pair}: the stop {stop.id}, which no position needs, is cancelled.")
        with self._trying(f"Cancelling a stop in {stop.pair}"):
            self._exchange.cancel_stoploss_order(stop.id, stop.pair)

    def _positions(self, seen: AtExchange) -> None:
        """Deal with positions that differ; raises what Freqtrade raises."""
        with self._bot._exit_lock:
            held = {pair: each.long - each.short for pair, each in seen.held.items()}
            trades = {trade.pair: trade for trade in Trade.get_open_trades()}
            differ = dict(self._differences(held, trades))
            ours = {pair: _signed(trade) for pair, trade in trades.items()}
        before, self._odd = self._odd or {}, differ
        self._foreign &= differ.keys()
        self.look_again = any(before.get(pair) != more for pair, more in differ.items())
        for pair, more in differ.items():
            if before.get(pair) != more or pair in self._foreign:
                continue
            with self._trying(f"Comparing {pair} with the exchange"):  # others need not wait
                if more * ours.get(pair, 0.0) < 0:
                    self._find_exits(pair)
                else:
                    self._unknown_position(pair, more)

    def _differences(
        self, held: dict[str, float], trades: dict[str, Trade]
    ) -> list[tuple[str, float]]:
        """Pairs, and how much more the exchange holds; pairs with open orders are in motion."""
        settled = [p for p in {*held, *trades} if p not in trades or not trades[p].has_open_orders]
        more = [(p, held.get(p, 0.0) - _signed(trades.get(p))) for p in sorted(settled)]
        return [(pair, amount) for pair, amount in more if abs(amount) > _DUST]

    def _find_exits(self, pair: str) -> None:
        """Some or all of a position is gone: liquidated, or by an exit that nobody knows of."""
        bot = self._bot
        logger.warning(f"{pair}: the exchange holds less than the database says.")
        with bot._exit_lock:
            trade = Trade.get_trades([Trade.is_open.is_(True), Trade.pair == pair]).first()
            if trade is None:
                return  # another thread has closed it since
            if self._book_stops(trade, {order.order_id for order in trade.open_sl_orders}):
                return
            trade.set_funding_fees(
                self._exchange.get_funding_fees(
                    trade.pair, trade.amount, trade.is_short, trade.date_last_filled_utc
                )
            )
            bot.wallets.update()
            deleted = bot.handle_onexchange_order(trade)
            closed = not deleted and not trade.is_open
        if closed:
            warn(bot, f"{pair} was closed by the exchange, or by an order without an answer.")

    def _book_stops(self, trade: Trade, ids: Set[str]) -> bool:
        """What has become of these stops; whether the trade has closed by them.

        Freqtrade looks at its stops while it runs, not while it is stopped.
        """
        for order in trade.open_sl_orders:
            if order.order_id not in ids:
                continue
            try:
                told = self._exchange.fetch_stoploss_order(order.order_id, trade.pair)
            except InvalidOrderException:  # too new to be seen
                continue
            self._bot.update_trade_state(trade, order.order_id, told, stoploss_order=True)
            if told["status"] in ("closed", "triggered") and not trade.is_open:
                trade.exit_reason = ExitType.STOPLOSS_ON_EXCHANGE.value
                self._bot._notify_exit(trade, "stoploss", True)
                self._bot.handle_protections(trade.pair, trade.trade_direction)
                Trade.commit()
                return True
        return False

    def _unknown_position(self, pair: str, amount: float) -> None:
        """What the journal explains is settled; anything else is reported once, and the pair left
        alone."""
        if amount * self._settlement.explained.get(pair, 0.0) > 0:
            with self._bot._exit_lock:
                self._settlement.settle(pair)
            return
        self._foreign.add(pair)
        warn(
            self._bot,
            f"{pair}: the exchange holds {amount:g} that the database does not know; it may "
            "have no stop. There is no entry into this pair until it is gone.",
        )


def _signed(trade: Trade | None) -> float:
    if trade is None:
        return 0.0
    amount: float = trade.amount
    return -amount if trade.is_short else amount
