from pathlib import Path

from freqtrade.strategy import IStrategy


class Opener(IStrategy):
    """Long in every pair as soon as there is a slot, and out of all of them once told.

    Told by a file in the user directory, so that it survives a restart. Its limit orders cross the
    spread, so that they fill at once.
    """

    SIGNAL = "leave"

    timeframe = "5m"
    stoploss = -0.50
    minimal_roi = {"0": 100.0}

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe

    def custom_entry_price(self, pair, trade, current_time, proposed_rate, **kwargs):
        return proposed_rate * 1.002

    def custom_exit_price(self, pair, trade, current_time, proposed_rate, **kwargs):
        return proposed_rate * 0.998

    def custom_exit(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
        return "told" if (Path(self.config["user_data_dir"]) / self.SIGNAL).exists() else None
