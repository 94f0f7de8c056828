from freqtrade.strategy import DecimalParameter, IntParameter
from PlainTrend import PlainTrend

from perpkit.bot.strategy import PerpStrategy


class BasedTrend(PerpStrategy):
    """The signals of PlainTrend, on the package's base class."""

    timeframe = PlainTrend.timeframe
    startup_candle_count = PlainTrend.startup_candle_count

    fast = IntParameter(3, 10, default=5, space="buy")
    band = DecimalParameter(0.0, 0.01, default=0.001, decimals=3, space="buy")

    def populate_indicators(self, dataframe, metadata):
        dataframe = super().populate_indicators(dataframe, metadata)
        return PlainTrend.populate_indicators(self, dataframe, metadata)

    populate_entry_trend = PlainTrend.populate_entry_trend
    populate_exit_trend = PlainTrend.populate_exit_trend
