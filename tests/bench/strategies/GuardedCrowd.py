from dataclasses import replace

import numpy as np
from freqtrade.strategy import stoploss_from_absolute

from perpkit.bot.positions.parameters import Settings, Switches
from perpkit.bot.strategy import PerpStrategy


class GuardedCrowd(PerpStrategy):
    """In every pair at all times: long and short by turns, and at once in the pairs that the
    configuration's `holds` names; in the others its entry rests 3% away. Stops are 5% away."""

    timeframe = "1m"
    startup_candle_count = 10
    process_only_new_candles = False
    protections = ()
    settings = replace(
        Settings(), use=replace(Switches(), scale_out=False, carry=False, refresh=False, book=False)
    )

    def is_short(self, pair):
        return self.config["exchange"]["pair_whitelist"].index(pair) % 2 == 1

    def populate_indicators(self, dataframe, metadata):
        returns = np.log(dataframe["close"]).diff()
        dataframe["vol_1h"] = returns.rolling(9).std() * 60**0.5
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_short"] = int(self.is_short(metadata["pair"]))
        dataframe["enter_long"] = 1 - dataframe["enter_short"]
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe

    def leverage(self, *args, **kwargs):
        return 3.0

    def custom_stake_amount(self, pair, current_time, current_rate, proposed_stake, *args, **kw):
        return proposed_stake

    def custom_entry_price(self, pair, trade, current_time, proposed_rate, entry_tag, side, **kw):
        away = 0.002 if pair in self.config["holds"] else -0.03
        return proposed_rate * (1 + away if side == "long" else 1 - away)

    def custom_stoploss(
        self, pair, trade, current_time, current_rate, current_profit, after_fill, **kwargs
    ):
        away = 1.05 if trade.is_short else 0.95
        return stoploss_from_absolute(
            trade.open_rate * away, current_rate, trade.is_short, trade.leverage
        )

    def custom_roi(self, *args, **kwargs):
        return None
