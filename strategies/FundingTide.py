from perpkit.bot.candles.plot_config import plot_config
from perpkit.bot.source_strategy import SourceStrategy
from perpkit.signals import funding_tide_source


class FundingTide(SourceStrategy):
    """Enters the side that receives extreme funding when the price is stretched, with the trend.

    See docs/evidence/strategies.md for its results, and for those of fading without the trend.
    """

    timeframe = "1h"
    # SMA(200), and as many again for the average true range to converge.
    startup_candle_count = 400

    source = funding_tide_source.FundingTide()
    plot_config = plot_config(means=("mean_48",), beside={"Stretch": "stretch", "Trend": "trend"})
