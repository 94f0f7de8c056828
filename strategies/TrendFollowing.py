from dataclasses import replace
from typing import ClassVar

from freqtrade.strategy import DecimalParameter

from perpkit.bot.candles.plot_config import plot_config
from perpkit.bot.settings import overridden
from perpkit.bot.source_strategy import SourceStrategy
from perpkit.bot.strategy import PerpStrategy
from perpkit.risk.exposure import ExposureLimits
from perpkit.signals.momentum import Momentum


class TrendFollowing(SourceStrategy):
    """Follows trends of one to four weeks, long and short; see docs/strategies.md."""

    timeframe = "1h"
    # Four weeks of returns.
    startup_candle_count = 700

    source = Momentum()
    # Pairs trend together, so what they risk together is limited rather than their number: three
    # positions at full size that move as one.
    settings = replace(
        overridden(PerpStrategy.settings, source.risk, "risk"),
        exposure=ExposureLimits(max_positions=20, max_open_risk=0.06, max_cluster_risk=0.025),
    )
    searched: ClassVar[dict[str, str]] = {
        "stop_atr": "stop.atr_multiple",
        "risk_per_trade": "sizing.risk_per_trade",
    }
    meanings = PerpStrategy.meanings | {
        "stop_distance": "What an entry whose stop failed to be computed gets",
        "trail_atr": "Not used: the stop does not trail",
    }
    plot_config = plot_config(beside={"Momentum": "momentum"})

    stop_atr = DecimalParameter(8, 20, default=16, decimals=0, space="sell")
    risk_per_trade = DecimalParameter(
        0.0025, 0.02, default=0.0075, decimals=4, space="sell", optimize=False
    )
    # Never reached: the score is what ends a trade.
    take_profit = DecimalParameter(1, 100, default=100, decimals=0, space="sell", optimize=False)
    stop_distance = DecimalParameter(
        0.05, 0.25, default=0.15, decimals=2, space="sell", optimize=False
    )
    trail_atr = DecimalParameter(1.5, 8.0, default=3.0, decimals=1, space="sell", optimize=False)
