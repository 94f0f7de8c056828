from perpkit.bot.strategy import PerpStrategy


class OnMinutes(PerpStrategy):
    """On 1m candles with fewer than the day that the check of its entries needs."""

    timeframe = "1m"
    startup_candle_count = 200
    protections = ()

    def populate_entry_trend(self, dataframe, metadata):
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe


class OnMinutesNamed(OnMinutes):
    """The same, whose code names the volatility, and does not compute it."""

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = (dataframe["vol_1h"] > 0).astype(int)
        return dataframe
