from perpkit.bot.strategy import PerpStrategy


class GuardedOpener(PerpStrategy):
    """Long in every pair as soon as there is a slot and the default breaker allows it."""

    timeframe = "5m"
    startup_candle_count = 300
    protections = [{"method": "CryptoVixBreaker"}]

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe

    def custom_entry_price(self, pair, trade, current_time, proposed_rate, **kwargs):
        return proposed_rate * 1.002  # crosses the spread, so that it fills at once
