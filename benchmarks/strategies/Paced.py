from freqtrade.strategy import IStrategy
from pandas import DataFrame, Series, Timedelta, Timestamp

EPOCH = Timestamp(0, tz="UTC")


class Paced(IStrategy):
    """Holds every pair half of the time, in trades as long as the configuration's "pace", in hours.

    Only the number of trades depends on it, so that their cost can be seen to grow. Nothing of
    Perpkit; with Freqtrade's protections that look at closed trades.
    """

    timeframe = "1h"
    can_short = True
    startup_candle_count = 24
    stoploss = -0.99
    minimal_roi = {"0": 100.0}

    @property
    def protections(self):
        guard = {"lookback_period_candles": 24, "trade_limit": 1000, "stop_duration_candles": 1}
        return [
            {"method": "CooldownPeriod", "stop_duration_candles": 1},
            {"method": "StoplossGuard", **guard},
            {"method": "MaxDrawdown", "max_allowed_drawdown": 0.99, **guard},
            {"method": "LowProfitPairs", "required_profit": -0.9, **guard},
        ]

    def _hour(self, dataframe: DataFrame) -> Series:
        return ((dataframe["date"] - EPOCH) // Timedelta("1h")) % (2 * self.config["pace"])

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["enter_long"] = (self._hour(dataframe) == 0).astype(int)
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["exit_long"] = (self._hour(dataframe) == self.config["pace"]).astype(int)
        return dataframe
