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

    def custom_entry_price(self, pair, trade, current_time, proposed_rate, entry_tag, side,
                           **kwargs):  # fmt: skip
        # An addition never waits: Freqtrade then leaves out the funding since the last fill until
        # the next hour, and its export does not say when an order was placed.
        waits = trade is None and self.drawn("waits", pair, current_time) < 0.3
        return proposed_rate * ((0.997 if side == "long" else 1.003) if waits else 1)

    def adjust_trade_position(self, trade, current_time, current_rate, current_profit, **kwargs):
        if trade.has_open_orders:
            return None
        drawn = self.drawn("adjust", trade.pair, current_time)
        if drawn < 0.06:
            return trade.stake_amount * 0.5
        if drawn > 0.93 and trade.nr_of_successful_exits < 3:
            return -trade.stake_amount * 0.4
        return None
