import numpy as np
from freqtrade.strategy import stoploss_from_absolute

from perpkit.bot.booking import Booking
from perpkit.bot.live_orders import REST, LiveOrders
from perpkit.bot.stop_guard import StopGuard
from perpkit.bot.strategy import PerpStrategy
from perpkit.execution.entry import EntryLimits
from perpkit.execution.partial_entry import PartialLimits


class GuardedSteered(PerpStrategy):
    """Does what the test says, as `Steered` does, guarded by Perpkit's base strategy.

    `side` opens a position ("long" or "short"), `leave` closes it, `crossing` takes what the book
    offers instead of waiting, `trails` keeps the stop 2% behind the price.
    """

    timeframe = "1m"
    startup_candle_count = 10
    process_only_new_candles = False
    position_adjustment_enable = True
    protections = ()

    side: str | None = None
    leave = False
    crossing = True
    trails = False

    # What the base strategy is to do, as long as it does not.

    def bot_start(self, **kwargs):
        super().bot_start(**kwargs)
        self.orders = LiveOrders(self.config, self.dp, EntryLimits(), PartialLimits())
        if not self.config["dry_run"]:
            self.guard = StopGuard(self.dp, self.orders, 15)
            self.booking = Booking(self.dp)

    def bot_loop_start(self, current_time, **kwargs):
        super().bot_loop_start(current_time, **kwargs)
        if not self.config["dry_run"]:
            self.booking.step(current_time)

    def confirm_trade_entry(self, pair, order_type, amount, rate, *args, **kwargs):
        candles, _ = self.dp.get_analyzed_dataframe(pair, self.timeframe)
        newest = candles.iloc[-1]
        refused = self.guard.refusal(pair) or self.orders.refusal(
            pair,
            kwargs["side"],
            amount,
            kwargs["current_time"],
            signal_price=newest["close"],
            vol_1h=newest["vol_1h"],
        )
        self.refused = refused
        return refused is None

    def check_entry_timeout(self, pair, trade, order, current_time, **kwargs):
        return self.orders.timed_out(trade, order, current_time)

    def order_filled(self, pair, trade, order, current_time, **kwargs):
        self.orders.order_filled(trade, order)

    def adjust_trade_position(self, trade, current_time, *args, **kwargs):
        return self.orders.rest_stake(trade, current_time, kwargs["min_stake"])

    # What the test says.

    def populate_indicators(self, dataframe, metadata):
        returns = np.log(dataframe["close"]).diff()
        dataframe["vol_1h"] = returns.rolling(9).std() * 60**0.5
        dataframe["range_24h"] = 0.0
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = int(self.side == "long")
        dataframe["enter_short"] = int(self.side == "short")
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe

    def leverage(self, *args, **kwargs):
        return 3.0

    def custom_stake_amount(self, pair, current_time, current_rate, proposed_stake, *args, **kw):
        return proposed_stake

    def custom_entry_price(self, pair, trade, current_time, proposed_rate, entry_tag, side, **kw):
        if entry_tag == REST:
            return self.orders.rest_price(pair, proposed_rate)
        away = 0.001 if self.crossing else -0.001
        return proposed_rate * (1 + away if side == "long" else 1 - away)

    def custom_stoploss(
        self, pair, trade, current_time, current_rate, current_profit, after_fill, **kwargs
    ):
        if not (after_fill or self.trails):
            return None
        away = 1.02 if trade.is_short else 0.98
        start = current_rate if self.trails else trade.open_rate
        return stoploss_from_absolute(start * away, current_rate, trade.is_short, trade.leverage)

    def custom_roi(self, *args, **kwargs):
        return None

    def custom_exit(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
        return "told" if self.leave else None

    def custom_exit_price(self, pair, trade, current_time, proposed_rate, **kwargs):
        return proposed_rate * (1.001 if trade.is_short else 0.999)
