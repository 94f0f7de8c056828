"""The RSI/SMA strategy with funding and positioning bias, for any timeframe."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from freqtrade.constants import Config
from freqtrade.exchange import timeframe_to_seconds
from freqtrade.strategy import DecimalParameter

from perpkit.bot.candles.plot_config import plot_config
from perpkit.bot.source_strategy import SourceStrategy
from perpkit.bot.strategy import PerpStrategy
from perpkit.risk.trailing import Trailing
from perpkit.signals.confidence import ConfidenceRule
from perpkit.signals.rsi_sma_source import RsiSma


class RsiSmaStrategy(SourceStrategy):
    """Trades the RSI/SMA rule with confidence from funding and positioning.

    Subclasses set `timeframe`, `trend_timeframe` and their own defaults.
    """

    # Pull-backs need room: the ladder takes profit at 1R and moves the stop of the rest to
    # break-even, so the trail can be wide (docs/strategies.md shows the cost of tighter ones).
    settings = replace(PerpStrategy.settings, trailing=Trailing(break_even_after=0.0))
    trail_atr = DecimalParameter(1.5, 8.0, default=5.0, decimals=1, space="sell")

    source = RsiSma()
    # Base and bonuses of the confidence; its rank thresholds are hyperopt parameters.
    confidence_rule = ConfidenceRule()
    # Timeframe of the larger trend: a multiple of `timeframe`.
    trend_timeframe: str

    plot_config = plot_config(means=("sma_20", "sma_50", "sma_200"), rsi=True)

    def __init__(self, config: Config) -> None:
        trend = timedelta(seconds=timeframe_to_seconds(self.trend_timeframe))
        self.source = replace(self.source, trend=trend, confidence=self.confidence_rule)
        super().__init__(config)
