from dataclasses import replace

from perpkit.bot.positions.parameters import Settings, Switches
from perpkit.bot.strategy import PerpStrategy


class WholeTrade(PerpStrategy):
    """The base strategy with its own callbacks and no breakers; signals when the test says so.

    `side` opens a position ("long" or "short"), `leave` closes it.
    """

    timeframe = "1m"
    startup_candle_count = 10
    process_only_new_candles = False
    protections = ()
    settings = replace(Settings(), use=replace(Switches(), carry=False, refresh=False))

    side: str | None = None
    leave = False

    def populate_indicators(self, dataframe, metadata):
        dataframe = super().populate_indicators(dataframe, metadata)
        # The test's market has no day behind it.
        dataframe["range_24h"], dataframe["vol_1h"] = 0.0, 0.002
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = int(self.side == "long")
        dataframe["enter_short"] = int(self.side == "short")
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe["exit_long"] = dataframe["exit_short"] = int(self.leave)
        return dataframe
