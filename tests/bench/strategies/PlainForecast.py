import numpy as np
from freqtrade.strategy import IStrategy, informative


class PlainForecast(IStrategy):
    """Acts on columns as FreqAI writes them, and on another timeframe and pair."""

    INTERFACE_VERSION = 3
    timeframe = "1h"
    startup_candle_count = 40
    can_short = True
    process_only_new_candles = False
    stoploss = -0.05
    minimal_roi = {"0": 0.1}
    protections = [{"method": "StoplossGuard", "lookback_period_candles": 24, "trade_limit": 2,
                    "stop_duration_candles": 4}]  # fmt: skip

    def informative_pairs(self):
        return [("ETH/USDT:USDT", "1h")]

    @informative("4h")
    def populate_indicators_4h(self, dataframe, metadata):
        dataframe["slope"] = dataframe["close"].pct_change(2)
        return dataframe

    def feature_engineering_expand_all(self, dataframe, period, metadata, **kwargs):
        dataframe["%-change"] = dataframe["close"].pct_change(period)
        return dataframe

    def populate_indicators(self, dataframe, metadata):
        dataframe = self.feature_engineering_expand_all(dataframe, 3, metadata)
        dataframe["&-target"] = dataframe["%-change"].rolling(5).mean()
        dataframe["&-target_std"] = dataframe["&-target"].rolling(20).std()
        dataframe["do_predict"] = np.where(dataframe["&-target_std"] > 0, 1, 0)
        other = self.dp.get_pair_dataframe("ETH/USDT:USDT", "1h")
        dataframe["other"] = other["close"].pct_change(4).reindex(dataframe.index)
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        sure = dataframe["do_predict"] == 1
        up = dataframe["&-target"] > dataframe["&-target_std"]
        down = dataframe["&-target"] < -dataframe["&-target_std"]
        dataframe.loc[sure & up & (dataframe["slope_4h"] > 0), ["enter_long", "enter_tag"]] = (
            1, "up")  # fmt: skip
        dataframe.loc[sure & down & (dataframe["other"] < 0), ["enter_short", "enter_tag"]] = (
            1, "down")  # fmt: skip
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe["exit_long"] = (dataframe["&-target"] < 0).astype(int)
        dataframe["exit_short"] = (dataframe["&-target"] > 0).astype(int)
        return dataframe
