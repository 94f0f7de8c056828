from freqtrade.strategy import DecimalParameter, IntParameter, IStrategy
from pandas import DataFrame


class InTheMarket(IStrategy):
    """Follows the trend, long or short, nearly all the time. Nothing of Perpkit, and no callback.

    What a trade loop costs where there is a trade in nearly every candle.
    """

    timeframe = "1h"
    can_short = True
    startup_candle_count = 240
    stoploss = -0.30
    minimal_roi = {"0": 100.0}

    fast = IntParameter(12, 36, default=24, space="buy")
    band = DecimalParameter(0.0, 0.01, default=0.0, decimals=3, space="buy")

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["slow"] = dataframe["close"].ewm(span=120).mean()
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        fast = dataframe["close"].ewm(span=self.fast.value).mean()
        dataframe["enter_long"] = (fast > dataframe["slow"] * (1 + self.band.value)).astype(int)
        dataframe["enter_short"] = (fast < dataframe["slow"] * (1 - self.band.value)).astype(int)
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        fast = dataframe["close"].ewm(span=self.fast.value).mean()
        dataframe["exit_long"] = (fast < dataframe["slow"]).astype(int)
        dataframe["exit_short"] = (fast > dataframe["slow"]).astype(int)
        return dataframe
