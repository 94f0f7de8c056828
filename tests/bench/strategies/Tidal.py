from freqtrade.strategy import IStrategy


class Tidal(IStrategy):
    """Buys at each high water of the clock's six hours, and sells three hours later.

    It knows nothing of Perpkit.
    """

    INTERFACE_VERSION = 3
    timeframe = "1h"
    startup_candle_count = 5
    can_short = False
    stoploss = -0.2
    minimal_roi = {"0": 100.0}
    order_types = {
        "entry": "market",
        "exit": "market",
        "emergency_exit": "market",
        "stoploss": "market",
        "stoploss_on_exchange": True,
    }

    def populate_indicators(self, dataframe, metadata):
        # Of the hour in which a candle closes.
        dataframe["tide"] = (dataframe["date"].dt.hour + 1) % 6
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = (dataframe["tide"] == 0).astype(int)
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe["exit_long"] = (dataframe["tide"] == 3).astype(int)
        return dataframe
