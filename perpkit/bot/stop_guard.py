"""No position without a live stop for longer than a few seconds, whatever fails in live mode.

Freqtrade places stops towards the end of its cycle, and a read that fails ends a cycle early and
puts the next one off by half a minute. The guard looks before and after every cycle, and when one
has failed. It uses Freqtrade's functions, requests nothing where the
database shows a stop for every position, and compares the database with the exchange once a minute.
It asks nobody's leave and refuses no exit: all it refuses is an entry where something is unknown.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from freqtrade.data.dataprovider import DataProvider
from freqtrade.exceptions import (
    DDosProtection,
    DependencyException,
    InvalidOrderException,
    TemporaryError,
)
from freqtrade.persistence import Order, Trade

from perpkit.bot.live_orders import LiveOrders
from perpkit.bot.order_answers import OrderAnswers, is_stored, order_tag
from perpkit.bot.positions.trades import TradeStates
from perpkit.bot.reconciliation import Reconciliation
from perpkit.bot.running_bot import running_bot, warn, words

logger = logging.getLogger(__name__)

# Cycles from one comparison with the exchange to the next; soon again while something is odd.
COMPARE_EVERY = 12
_DUST = 1e-9  # amounts that differ by less are equal


class StopGuard:
    """Made in `bot_start` of a live bot; from then on it runs by itself.

    :param orders: knows which entries have been looked at
    :param states: of the trades
    :param max_unprotected_seconds: after which a position without a stop is left at the market
    """

    def __init__(
        self,
        dp: DataProvider,
        orders: LiveOrders,
        states: TradeStates,
        max_unprotected_seconds: float,
    ) -> None:
        self._bot: Any = running_bot(dp)
        self._exchange: Any = self._bot.exchange
        self._orders = orders
        self._states = states
        self._limit = max_unprotected_seconds
        self._answers = OrderAnswers(self._exchange._api, order_tag(), is_stored)
        self._reconciliation = Reconciliation(self._bot, self._answers)
        self._cycles_left = 0
        self._failing: set[str] = set()
        self._take_over()

    def refusal(self, pair: str) -> str | None:
        """Why there is to be no entry in this pair, if there is a reason."""
        return self._reconciliation.refusal(pair)

    def _take_over(self) -> None:
        """Look around the cycles of a running bot and of one that is stopped, and after entries and
        fills; neither a stop nor an exit waits for a balance."""
        bot = self._bot
        self._process: Callable[[], None] = bot.process
        self._process_stopped: Callable[[], None] = bot.process_stopped
        self._execute_entry: Callable[..., bool] = bot.execute_entry
        self._after_fill: Callable[..., Trade] = bot._update_trade_after_fill
        bot.process = self._cycle
        bot.process_stopped = self._stopped_cycle
        bot.execute_entry = self._entry
        bot._update_trade_after_fill = self._fill
        bot._safe_exit_amount = _exit_amount

    def _cycle(self) -> None:
        self._begin()
        try:
            self._process()
        except Exception as error:
            with self._trying("Looking at entries"), self._bot._exit_lock:
                if self._open_entries():
                    self._bot.manage_open_orders()
            self._stops()
            # A ban grows longer with every request.
            if isinstance(error, DDosProtection) or not isinstance(error, TemporaryError):
                raise
            with self._bot._exit_lock:
                unsafe = self._open_entries() or self._bare()
            if not unsafe:
                raise
            logger.warning(f"A cycle ended early, the next one follows at once: {words(error)}")
        else:
            self._end()

    def _stopped_cycle(self) -> None:
        """A bot that is stopped does not look at its entries: they end, and stops stay."""
        self._begin()
        self._process_stopped()
        self._end()

    def _begin(self) -> None:
        """What must not wait for the cycle."""
        now = datetime.now(UTC)
        self._orders.begin_cycle(now)
        with self._bot._exit_lock:
            for trade in self._open_entries():
                with self._trying(f"Ending an entry for {trade.pair} that cannot be looked at"):
                    self._orders.end_unseen(trade)
            self._protect_all()

    def _end(self) -> None:
        """What can wait: exits come first."""
        self._stops()
        self._cancel_outlived()
        self._cycles_left -= 1
        if self._cycles_left < 0 or self._reconciliation.look_again or self._answers.unsettled:
            self._cycles_left = COMPARE_EVERY
            with self._trying("Comparing orders with the exchange"):
                self._reconciliation.orders()
            with self._trying("Comparing positions with the exchange"):
                self._reconciliation.positions(datetime.now(UTC))

    def _stops(self) -> None:
        with self._bot._exit_lock:
            self._protect_all()

    def _protect_all(self) -> None:
        for trade in Trade.get_open_trades():
            if trade.has_open_position:
                self._protect(trade)

    def _protect(self, trade: Trade) -> None:
        """Place what is missing, or leave. The bot's lock is held."""
        now, state = datetime.now(UTC), self._states.of(trade)
        if self._is_covered(trade):
            state.covered_at = now
            return
        with self._trying(f"Cancelling a small stop for {trade.pair}"):
            self._bot.cancel_stoploss_on_exchange(trade)
        with self._trying(f"Placing a stop for {trade.pair}"):
            if trade.has_open_sl_orders:  # too small, and stays: together they cover
                self._bot.create_stoploss_order(trade, trade.stoploss_or_liquidation)
            else:
                self._bot.handle_stoploss_on_exchange(trade)
            Trade.commit()
        if not trade.is_open or self._is_covered(trade):
            return
        since = max(state.covered_at or trade.date_last_filled_utc, trade.open_date_utc)
        bare = (now - since).total_seconds()
        if bare + self._orders.next_look_seconds > self._limit and not _leaving(trade):
            if not state.given_up:
                warn(
                    self._bot,
                    f"{trade.pair} has had no stop for up to {bare:.0f} s and none can be placed: "
                    "it is closed at the market.",
                )
            state.given_up = True
            with self._trying(f"Leaving {trade.pair}"):
                self._bot.emergency_exit(trade, trade.stop_loss)
                Trade.commit()

    def _is_covered(self, trade: Trade) -> bool:
        covered = sum(order.safe_amount for order in trade.open_sl_orders)
        return covered >= trade.amount - _DUST

    def _bare(self) -> bool:
        return any(
            trade.has_open_position and not self._is_covered(trade)
            for trade in Trade.get_open_trades()
        )

    def _entry(self, *args: Any, **kwargs: Any) -> bool:
        """Freqtrade's, which reads the balance between an order that fills at once and its stop."""
        with self._balance_later():
            placed = self._execute_entry(*args, **kwargs)
            self._protect_all()
        return placed

    def _fill(self, trade: Trade, order: Order, send_msg: bool) -> Trade:
        """Freqtrade's, in which one read that fails would leave the trade without its own stop and
        the rest of the cycle undone."""
        entered = order.ft_order_side == trade.entry_side
        with self._balance_later():
            try:
                trade = self._after_fill(trade, order, send_msg)
            except DependencyException as error:
                logger.warning(
                    f"After a fill of {trade.pair}, not all could be done: {words(error)}"
                )
                if entered and trade.is_open:
                    self._set_stop(trade)
            if entered and trade.has_open_position:
                self._protect(trade)
        return trade

    def _set_stop(self, trade: Trade) -> None:
        """As Freqtrade does after a fill, at the price of the entry instead of one to be read."""
        strategy = self._bot.strategy
        trade.adjust_stop_loss(trade.open_rate, strategy.stoploss, initial=True)
        if strategy.use_custom_stoploss:
            strategy.ft_stoploss_adjust(
                trade.open_rate, trade, datetime.now(UTC), 0.0, 0, after_fill=True
            )

    @contextmanager
    def _balance_later(self) -> Iterator[None]:
        """The balance is read at the end, if it was to be read."""
        wallets, wanted = self._bot.wallets, []
        update = wallets.update

        def later(*_: Any, **__: Any) -> None:
            wanted.append(True)

        wallets.update = later
        try:
            yield
        finally:
            wallets.update = update
            if wanted:
                with self._trying("Reading the balance"):
                    update()

    def _cancel_outlived(self) -> None:
        """Stops that the database shows as open, of trades that it shows as closed."""
        with self._bot._exit_lock:
            for order in Order.get_open_orders():
                if order.ft_order_side == "stoploss" and not order.trade.is_open:
                    with self._trying(f"Cancelling the stop of a closed trade in {order.ft_pair}"):
                        self._cancel_outlived_stop(order)

    def _cancel_outlived_stop(self, order: Order) -> None:
        try:
            told = self._exchange.cancel_stoploss_order_with_result(
                order.order_id, order.ft_pair, order.safe_amount
            )
        except InvalidOrderException:  # the exchange has none to cancel
            told = {"id": order.order_id, "status": "canceled"}
        order.update_from_ccxt_object(told)
        Trade.commit()
        logger.info(f"The stop {order.order_id} of a closed trade in {order.ft_pair} is cancelled.")

    def _open_entries(self) -> list[Trade]:
        return [
            trade
            for trade in Trade.get_open_trades()
            if any(order.ft_order_side == trade.entry_side for order in trade.open_orders)
        ]

    @contextmanager
    def _trying(self, what: str) -> Iterator[None]:
        """A failure is logged when it is new, and then swallowed: the cycle must go on."""
        try:
            yield
        except Exception as error:
            if what not in self._failing:
                logger.warning(f"{what} failed: {words(error)}")
            self._failing.add(what)
        else:
            self._failing.discard(what)


def _exit_amount(_trade: Trade, _pair: str, amount: float) -> float:
    """As Freqtrade's for futures, which reads the balance first and makes no use of it."""
    return amount


def _leaving(trade: Trade) -> bool:
    """Whether a market order is on its way that closes the trade."""
    return any(
        order.ft_order_side == trade.exit_side and order.order_type == "market"
        for order in trade.open_orders
    )
