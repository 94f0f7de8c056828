"""What only a bot in dry-run or live has: order books, orders that wait, stops to guard, alerts.

In a simulated run every answer is the one of Freqtrade itself.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from functools import partial
from math import nan
from typing import Any

from filelock import FileLock
from freqtrade.data.dataprovider import DataProvider
from freqtrade.exchange import Binance
from freqtrade.persistence import Order, Trade

from perpkit.bot.candle_columns import CandleColumns
from perpkit.bot.candles import is_trading
from perpkit.bot.fail_closed import RefusedError
from perpkit.bot.live.additions import Allowed, check_additions
from perpkit.bot.live.booking import Booking
from perpkit.bot.live.leaving import leave_at_market
from perpkit.bot.live.live_orders import REST, LiveOrders
from perpkit.bot.live.order_answers import order_tag
from perpkit.bot.live.order_journal import hold, is_sound, open_at_start
from perpkit.bot.live.passive import Passive
from perpkit.bot.live.running_bot import running_bot
from perpkit.bot.live.stop_guard import StopGuard
from perpkit.bot.live.trade_lock import share_trades
from perpkit.bot.market_alerts import MarketAlerts
from perpkit.bot.parameters import Settings
from perpkit.bot.positioning_refresh import PositioningRefresh
from perpkit.bot.positions.trades import TradeStates
from perpkit.bot.trade_mode import other_mode


class RunningParts:
    """Made in `bot_start`; the guard, the booking of funding and the refresh run by themselves.

    :param states: of the trades
    :param allowed: what may be added to open trades
    """

    def __init__(
        self,
        config: dict[str, Any],
        dp: DataProvider,
        settings: Settings,
        states: TradeStates,
        allowed: Allowed,
    ) -> None:
        self._book_checked = settings.use.book
        self.orders: LiveOrders | None = None
        self._guard: StopGuard | None = None
        self._booking: Booking | None = None
        self._alerts: MarketAlerts | None = None
        self.lock: AbstractContextManager[Any] = nullcontext()
        self._held: FileLock | None = None
        self._passive: Passive | None = None
        # What speaks against trading, and the way out, by its name.
        self.obstacles: dict[str, str] = {}
        self.guarded = False
        # Of an exchange whose answers the guard and the memory of orders do not know.
        self.unknown_exchange: str | None = None
        if not is_trading(config):
            return
        self._bot = running_bot(dp)
        exchange = self._bot.exchange
        if not isinstance(exchange, Binance):
            self.unknown_exchange = exchange.id
        known = self.unknown_exchange is None
        self.guarded = known and not config["dry_run"] and settings.use.guard
        check_additions(self._bot, allowed)
        self.lock = share_trades(self._bot)
        self.orders = orders = LiveOrders(config, dp, settings.entry, settings.partial, states)

        def take_charge() -> None:
            if self.guarded:
                limit = settings.partial.max_unprotected_seconds
                self._guard = StopGuard(dp, orders, states, limit)
                self._booking = Booking(dp)
            # Last, so that it withdraws what rests before an exit is measured and split.
            leave_at_market(self._bot)

        self._look_at_what_is_there(config, take_charge)
        if settings.use.refresh:
            PositioningRefresh(config, dp.current_whitelist, period="1h").start()
        if settings.use.alerts:
            self._alerts = MarketAlerts(config, dp, settings.alerts)
        if self._passive is None:
            take_charge()

    @property
    def is_passive(self) -> bool:
        return self._passive is not None and self._passive.reason is not None

    def _look_at_what_is_there(
        self, config: dict[str, Any], take_charge: Callable[[], None]
    ) -> None:
        """Before anything is done: whose the files are, and of which mode.

        :raises RefusedError: when another process runs with them
        """
        if self.guarded:
            try:
                self._held = hold(config)
            except RefusedError as error:  # nor must it cancel anything as it ends
                self._passive = Passive(self._bot, str(error), lambda: False, take_charge)
                raise
            journal = open_at_start(config, order_tag())
            if journal.reason is not None:
                self.obstacles["Journal"] = journal.reason
            if journal.reason is not None and journal.is_copy:
                adopted = partial(is_sound, config)
                self._passive = Passive(self._bot, journal.reason, adopted, take_charge)
        if (reason := other_mode(config)) is not None:
            self.obstacles["Trade database"] = reason
            if config["dry_run"]:
                self._passive = Passive(self._bot, reason, lambda: False, take_charge)

    def close(self) -> None:
        """As the bot ends, or is made once more: another process may have the files."""
        if self._held is not None:
            self._held.release(force=True)

    def step(self, now: datetime) -> None:
        """Once a loop."""
        if self._booking is not None:
            self._booking.step(now)
        if self._alerts is not None:
            self._alerts.step(now)

    def refusal(
        self, pair: str, side: str, amount: float, now: datetime, columns: CandleColumns | None
    ) -> str | None:
        """Why this entry is not to be made now; None where nothing speaks against it.

        :param columns: analysed candles of the pair, with `close` and `vol_1h`
        """
        if self._passive is not None and self._passive.reason:
            return self._passive.reason
        if self._guard is not None and (unknown := self._guard.refusal(pair)):
            return unknown
        if self.orders is None or not self._book_checked:
            return None
        close, vol_1h = (columns.at(n, now) if columns else nan for n in ("close", "vol_1h"))
        return self.orders.refusal(pair, side, amount, now, signal_price=close, vol_1h=vol_1h)

    def entry_price(self, pair: str, proposed: float, tag: str | None) -> float:
        """For `custom_entry_price`."""
        if self.orders is None or tag != REST:
            return proposed
        return self.orders.rest_price(pair, proposed)

    def entry_timed_out(
        self, trade: Trade, order: Order, now: datetime, blocked: str | None
    ) -> bool:
        """For `check_entry_timeout`: whether the order is to end, and its fills to be kept.

        :param blocked: why there is to be no entry any more, if there is a reason
        """
        if self.orders is None:
            return blocked is not None
        return self.orders.timed_out(trade, order, now, blocked)

    def rest_stake(
        self, trade: Trade, now: datetime, min_stake: float | None
    ) -> tuple[float, str] | None:
        """For `adjust_trade_position`: the rest of an entry that had filled nearly."""
        if self.orders is None:
            return None
        return self.orders.rest_stake(trade, now, min_stake)

    def order_filled(self, trade: Trade, order: Order) -> None:
        if self.orders is not None:
            self.orders.order_filled(trade, order)
