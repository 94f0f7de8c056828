from freqtrade.strategy import IStrategy


class Tidal(IStrategy):
    """Buys at each half of an hour until six in the morning, and sells a quarter later.

    It knows nothing of Perpkit.
    """

    INTERFACE_VERSION = 3
    timeframe = "5m"
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
        # Minutes of the half hour at which a candle closes.
        dataframe["tide"] = (dataframe["date"].dt.minute + 5) % 30
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        early = dataframe["date"].dt.hour < 6
        dataframe["enter_long"] = ((dataframe["tide"] == 0) & early).astype(int)
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe["exit_long"] = (dataframe["tide"] == 15).astype(int)
        return dataframe
