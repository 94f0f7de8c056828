import hashlib

import numpy as np
from freqtrade.strategy import IStrategy


class RandomTrades(IStrategy):
    """Enters, adds, sells parts and closes at random; the same for the same seed, pair and time."""

    INTERFACE_VERSION = 3
    timeframe = "1h"
    startup_candle_count = 10
    can_short = True
    stoploss = -0.25
    minimal_roi = {"0": 0.08}
    position_adjustment_enable = True
    max_entry_position_adjustment = 2

    def drawn(self, what, pair, time):
        """A number from 0 to 1."""
        text = f"{self.config['random_trades']} {what} {pair} {time}"
        return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 2**32

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        drawn = np.array([self.drawn("in", metadata["pair"], at) for at in dataframe["date"]])
        dataframe["enter_long"] = (drawn < 0.2).astype(int)
        dataframe["enter_short"] = (drawn > 0.8).astype(int)
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        drawn = np.array([self.drawn("out", metadata["pair"], at) for at in dataframe["date"]])
        dataframe["exit_long"] = dataframe["exit_short"] = (drawn < 0.04).astype(int)
        return dataframe

    def leverage(self, pair, current_time, current_rate, proposed_leverage, max_leverage,
                 entry_tag, side, **kwargs):  # fmt: skip
        return 1 + round(3 * self.drawn("leverage", pair, current_time))

    def custom_stake_amount(self, pair, current_time, current_rate, proposed_stake, min_stake,
                            max_stake, leverage, entry_tag, side, **kwargs):  # fmt: skip
        return proposed_stake * (0.3 + 0.7 * self.drawn("stake", pair, current_time))

    def waits(self, what, pair, time):
        return self.drawn(f"waiting {what}", pair, time) < 0.3

    def custom_entry_price(self, pair, trade, current_time, proposed_rate, entry_tag, side,
                           **kwargs):  # fmt: skip
        waiting = 0.997 if side == "long" else 1.003
        return proposed_rate * (waiting if self.waits("in", pair, current_time) else 1)

    def custom_exit_price(self, pair, trade, current_time, proposed_rate, current_profit,
                          exit_tag, **kwargs):  # fmt: skip
        waiting = 0.997 if trade.is_short else 1.003
        return proposed_rate * (waiting if self.waits("out", pair, current_time) else 1)

    def adjust_order_price(self, trade, order, pair, current_time, proposed_rate,
                           current_order_rate, entry_tag, side, is_entry, **kwargs):  # fmt: skip
        drawn = self.drawn("replace", pair, current_time)
        if drawn < 0.05:
            return None
        return proposed_rate if drawn < 0.2 else current_order_rate

    def adjust_trade_position(self, trade, current_time, current_rate, current_profit, **kwargs):
        if trade.has_open_orders:
            return None
        drawn = self.drawn("adjust", trade.pair, current_time)
        if drawn < 0.06:
            return trade.stake_amount * 0.5
        if drawn > 0.93 and trade.nr_of_successful_exits < 3:
            return -trade.stake_amount * 0.4
        return None
