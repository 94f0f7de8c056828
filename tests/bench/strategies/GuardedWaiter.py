from perpkit.bot.strategy import PerpStrategy


class GuardedWaiter(PerpStrategy):
    """Long in every pair, guarded: at once in the pair that the configuration's `holds` names, 1%
    below the market in the others. Without breakers."""

    timeframe = "5m"
    startup_candle_count = 50
    protections = ()

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe

    def custom_entry_price(self, pair, trade, current_time, proposed_rate, *args, **kwargs):
        return proposed_rate * (1.002 if pair == self.config["holds"] else 0.99)
