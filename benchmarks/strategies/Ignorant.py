import talib.abstract as ta
from freqtrade.strategy import IStrategy
from pandas import DataFrame


class Ignorant(IStrategy):
    """Trend-following that knows nothing of Perpkit, but lists its protections."""

    timeframe = "1h"
    can_short = True
    startup_candle_count = 200
    stoploss = -0.15
    minimal_roi = {"0": 100.0}

    @property
    def protections(self):
        names = ("CryptoVixBreaker", "FlashCrashBreaker", "FundingBreaker", "DrawdownBreaker")
        return [{"method": name} for name in names]

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["fast"] = ta.EMA(dataframe, timeperiod=24)
        dataframe["slow"] = ta.EMA(dataframe, timeperiod=120)
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        above = dataframe["fast"] > dataframe["slow"]
        dataframe["enter_long"] = (above & ~above.shift(1, fill_value=True)).astype(int)
        dataframe["enter_short"] = (~above & above.shift(1, fill_value=False)).astype(int)
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        above = dataframe["fast"] > dataframe["slow"]
        dataframe["exit_long"] = (~above).astype(int)
        dataframe["exit_short"] = above.astype(int)
        return dataframe

    def leverage(self, *_, **__) -> float:
        return 1.0
