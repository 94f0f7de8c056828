from typing import ClassVar

from freqtrade.strategy import DecimalParameter

from perpkit.bot.candles.plot_config import plot_config
from perpkit.bot.settings import overridden
from perpkit.bot.source_strategy import SourceStrategy
from perpkit.bot.strategy import PerpStrategy
from perpkit.signals.momentum import Momentum


class TrendFollowing(SourceStrategy):
    """Follows trends of one to four weeks, long and short, with sizes by volatility."""

    timeframe = "1h"
    # Four weeks of returns.
    startup_candle_count = 700

    source = Momentum()
    settings = overridden(PerpStrategy.settings, source.risk, "risk")
    take_profit = DecimalParameter(1, 100, default=100, decimals=0, space="sell", optimize=False)
    plot_config = plot_config(beside={"Momentum": "momentum"})
