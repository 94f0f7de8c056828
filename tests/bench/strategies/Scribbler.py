from copy import deepcopy

from freqtrade.persistence import PairLocks, Trade
from freqtrade.strategy import IStrategy


class Scribbler(IStrategy):
    """Writes to all that its callbacks are given, keeps it, and decides by what it then sees."""

    timeframe = "1h"
    can_short = True
    startup_candle_count = 30
    stoploss = -0.08
    minimal_roi = {"0": 0.05}
    use_custom_stoploss = position_adjustment_enable = True
    max_entry_position_adjustment = 2

    protections = [
        {"method": "CooldownPeriod", "stop_duration_candles": 1},
        {
            "method": "MaxDrawdown",
            "calculation_mode": "equity",
            "lookback_period_candles": 24,
            "trade_limit": 2,
            "stop_duration_candles": 3,
            "max_allowed_drawdown": 0.001,
        },
    ]

    def bot_start(self, **kwargs):
        self.kept, self.frames, self.seen = [], [], 0

    def populate_indicators(self, dataframe, metadata):
        dataframe["slow"] = dataframe["close"].rolling(12).mean()
        dataframe["note"] = "calm"
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = (dataframe["close"] > dataframe["slow"]).astype(int)
        dataframe["enter_short"] = (dataframe["close"] < dataframe["slow"]).astype(int)
        dataframe["enter_tag"] = "trend"
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe["exit_long"] = dataframe["exit_short"] = 0
        return dataframe

    def _scribble(self, pair, trade):
        """Returns a number that depends on whether anything of it was there before."""
        frame, _ = self.dp.get_analyzed_dataframe(pair, self.timeframe)
        seen = hasattr(trade, "scribbled") + len(trade.orders) + ("mine" in frame)
        seen += sum(order.ft_order_tag == "scribbled" for order in trade.orders)
        seen += frame["close"].iloc[-1] == 0.0
        self.frames = [*self.frames[-2:], frame]
        self.kept = [*self.kept[-4:], trade]
        seen += sum(len(kept.orders) for kept in self.kept)
        trade.scribbled = trade.stop_loss = trade.amount = 0.0
        trade.is_open = False
        frame["mine"] = 1
        frame.loc[frame.index[-1], "close"] = 0.0
        for order in trade.orders:
            order.ft_order_tag, order.filled = "scribbled", 0.0
        del trade.orders[1:]
        deepcopy(trade).orders.clear()
        return seen

    def custom_stoploss(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
        before = trade.stop_loss
        return -0.03 if self._scribble(pair, trade) % 2 and before else -0.05

    def custom_exit(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
        held = current_time - trade.date_last_filled_utc
        seen = self._scribble(pair, trade)
        self.seen += seen
        return f"seen {seen % 5}" if held.total_seconds() > 3600 * (8 + self.seen % 7) else None

    def adjust_trade_position(self, trade, current_time, current_rate, current_profit, **kwargs):
        first = trade.stake_amount
        seen = self._scribble(trade.pair, trade)
        return first / 2 if current_profit < -0.005 and seen % 3 else None

    def order_filled(self, pair, trade, order, current_time, **kwargs):
        self._scribble(pair, trade)
        order.ft_order_tag = "filled"  # which is Freqtrade's own order, with stock as well

    def confirm_trade_exit(self, pair, trade, amount, exit_reason, current_time, **kwargs):
        self._scribble(pair, trade)
        lost = Trade.get_trades_proxy(pair=pair, is_open=False)
        locks = PairLocks.get_pair_locks(pair, current_time)
        return exit_reason != "seen 3" or len(lost) % 2 == 0 or bool(locks)
