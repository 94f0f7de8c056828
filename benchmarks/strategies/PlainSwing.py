import talib
from freqtrade.strategy import IStrategy
from pandas import DataFrame


class PlainSwing(IStrategy):
    """Buys what has fallen and sells what has risen, some times a week. Nothing of Perpkit.

    For benchmarks/walkforward_cost.py: a strategy that is in a trade a small part of the time.
    """

    timeframe = "1h"
    can_short = True
    startup_candle_count = 100
    stoploss = -0.02
    minimal_roi = {"0": 0.015}

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["rsi"] = talib.RSI(dataframe["close"], 14)
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        before = dataframe["rsi"].shift()
        dataframe["enter_long"] = ((before < 22) & (dataframe["rsi"] >= 22)).astype(int)
        dataframe["enter_short"] = ((before > 78) & (dataframe["rsi"] <= 78)).astype(int)
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["exit_long"] = dataframe["exit_short"] = 0
        return dataframe
