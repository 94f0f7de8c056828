from perpkit.bot.strategy import PerpStrategy


class WatchedOpener(PerpStrategy):
    """Long at once in every pair, with the breaker that follows the account."""

    timeframe = "5m"
    startup_candle_count = 50
    protections = [{"method": "DrawdownBreaker"}]

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe

    def custom_entry_price(self, pair, trade, current_time, proposed_rate, *args, **kwargs):
        return proposed_rate * 1.002  # crosses the spread, so that it fills at once
