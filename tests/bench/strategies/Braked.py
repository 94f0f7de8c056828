from perpkit.bot.strategy import PerpStrategy


class Braked(PerpStrategy):
    """Does what the test says, guarded by the breakers that the configuration's `breakers` list.

    `side` opens a position, `leave` closes it; in the configuration, or told to the object.
    """

    timeframe = "1m"
    startup_candle_count = 10
    process_only_new_candles = False

    side: str | None = None
    leave = False

    @property
    def protections(self):
        return self.config["breakers"]

    def populate_indicators(self, dataframe, metadata):
        dataframe = super().populate_indicators(dataframe, metadata)
        # The test's market has no day behind it.
        dataframe["range_24h"], dataframe["vol_1h"] = 0.0, 0.002
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        side = self.config.get("side", self.side)
        dataframe["enter_long"] = int(side == "long")
        dataframe["enter_short"] = int(side == "short")
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe

    def custom_entry_price(self, pair, trade, current_time, proposed_rate, entry_tag, side, **kw):
        return proposed_rate * (1.001 if side == "long" else 0.999)

    def custom_exit(self, *args, **kwargs):
        return "told" if self.leave else super().custom_exit(*args, **kwargs)

    def custom_exit_price(self, pair, trade, current_time, proposed_rate, **kwargs):
        return proposed_rate * (1.001 if trade.is_short else 0.999)
