from pandas import DataFrame, Series, Timedelta, Timestamp

from perpkit.bot.strategy import PerpStrategy

EPOCH = Timestamp(0, tz="UTC")


class Clockwork(PerpStrategy):
    """Trades at a fixed pace whatever the market does: each pair is held 24 of every 110 hours."""

    timeframe = "1h"
    startup_candle_count = 400

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["enter_long"] = (self._hour(dataframe, metadata) == 0).astype(int)
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["exit_long"] = (self._hour(dataframe, metadata) == 24).astype(int)
        return dataframe

    def _hour(self, dataframe: DataFrame, metadata: dict) -> Series:
        """Of the round of the pair; the pairs follow each other."""
        turn = self.dp.current_whitelist().index(metadata["pair"])
        hours = (dataframe["date"] - EPOCH) // Timedelta("1h")
        return (hours - 22 * turn) % 110
