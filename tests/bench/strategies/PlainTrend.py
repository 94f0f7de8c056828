from freqtrade.strategy import DecimalParameter, IntParameter, IStrategy


class PlainTrend(IStrategy):
    """Two averages that cross, on both sides; knows nothing of Perpkit."""

    INTERFACE_VERSION = 3
    timeframe = "1h"
    startup_candle_count = 30
    can_short = True
    stoploss = -0.08
    minimal_roi = {"0": 0.06, "600": 0.02}
    trailing_stop = True
    trailing_stop_positive = 0.02
    trailing_stop_positive_offset = 0.03
    trailing_only_offset_is_reached = True

    fast = IntParameter(3, 10, default=5, space="buy")
    band = DecimalParameter(0.0, 0.01, default=0.001, decimals=3, space="buy")

    def populate_indicators(self, dataframe, metadata):
        dataframe["slow"] = dataframe["close"].rolling(24).mean()
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        fast = dataframe["close"].rolling(self.fast.value).mean()
        dataframe["enter_long"] = (fast > dataframe["slow"] * (1 + self.band.value)).astype(int)
        dataframe["enter_short"] = (fast < dataframe["slow"] * (1 - self.band.value)).astype(int)
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe["exit_long"] = (dataframe["close"] < dataframe["slow"]).astype(int)
        dataframe["exit_short"] = (dataframe["close"] > dataframe["slow"]).astype(int)
        return dataframe
