from perpkit.bot.strategy import PerpStrategy


class HealthSteered(PerpStrategy):
    """Does what the test says, guarded by VenueHealthBreaker alone.

    `side` opens a position, `leave` closes it. The configuration's `venue_health` holds the
    parameters of the breaker; null is without it.
    """

    timeframe = "1m"
    startup_candle_count = 10
    process_only_new_candles = False

    side: str | None = None
    leave = False

    @property
    def protections(self):
        parameters = self.config.get("venue_health", {})
        return [] if parameters is None else [{"method": "VenueHealthBreaker", **parameters}]

    def populate_indicators(self, dataframe, metadata):
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
