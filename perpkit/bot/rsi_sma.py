"""The RSI/SMA strategy with funding and positioning bias, for any timeframe."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from freqtrade.constants import Config
from freqtrade.exchange import timeframe_to_seconds

from perpkit.bot.candles.plot_config import plot_config
from perpkit.bot.source_strategy import SourceStrategy
from perpkit.signals.confidence import ConfidenceRule
from perpkit.signals.rsi_sma_source import RsiSma


class RsiSmaStrategy(SourceStrategy):
    """Trades the RSI/SMA rule with confidence from funding and positioning.

    Subclasses set `timeframe`, `trend_timeframe` and their own defaults.
    """

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
