"""The RSI/SMA strategy with funding and positioning bias, for any timeframe."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import ClassVar

import numpy as np
import pandas as pd
from freqtrade.exchange import timeframe_to_resample_freq, timeframe_to_seconds
from freqtrade.strategy import (
    BooleanParameter,
    CategoricalParameter,
    DecimalParameter,
    IntParameter,
)
from numpy.typing import NDArray

from perpkit.bot.candles.plot_config import plot_config
from perpkit.bot.layer.warm_up import Need
from perpkit.bot.strategy import PerpStrategy
from perpkit.market.columns import with_columns
from perpkit.risk.trailing import Trailing
from perpkit.signals import rsi_sma
from perpkit.signals.conditions import Condition, Conditions, all_met
from perpkit.signals.confidence import ConfidenceRule, scores, tag
from perpkit.signals.rsi_sma import HIGHER_TREND_PERIODS, TREND_PERIODS


class RsiSmaStrategy(PerpStrategy):
    """Trades the RSI/SMA rule with confidence from funding and positioning.

    Subclasses set `timeframe`, `trend_timeframe` and their own defaults.
    """

    # Pull-backs need room: the ladder takes profit at 1R and moves the stop of the rest to
    # break-even, so the trail can be wide (docs/strategies.md shows the cost of tighter ones).
    settings = replace(PerpStrategy.settings, trailing=Trailing(break_even_after=0.0))
    trail_atr = DecimalParameter(1.5, 8.0, default=5.0, decimals=1, space="sell")

    # Base and bonuses of the confidence; its rank thresholds are hyperopt parameters below.
    confidence_rule = ConfidenceRule()

    rules = (ConfidenceRule,)
    scored_tags = frozenset({"rsi_sma"})
    plot_config = plot_config(means=("sma_20", "sma_50", "sma_200"), rsi=True)
    meanings: ClassVar[dict[str, str]] = PerpStrategy.meanings | {
        "rule": "The signal: the pull-back that has ended, or the textbook rule as written",
        "trend_filter": "The trend that an entry must follow: of its own timeframe, of the higher "
        "one, or both where they agree",
        "oversold": "The RSI below which the market counts as oversold",
        "overbought": "The RSI above which the market counts as overbought",
        "lookback": "How many candles ago the extreme may lie",
        "min_confidence": "The least confidence of an entry",
        "exit_on_opposite": "Whether a signal of the other side closes a trade",
        "exit_on_trend_loss": "Whether a trend that has turned closes a trade",
    }

    # Timeframe of the larger trend: a multiple of `timeframe`.
    trend_timeframe: str

    rule = CategoricalParameter(
        ["pullback", "literal"], default="pullback", space="buy", optimize=False
    )
    trend_filter = CategoricalParameter(["own", "higher", "both"], default="higher", space="buy")
    oversold = IntParameter(20, 45, default=35, space="buy")
    overbought = IntParameter(55, 80, default=65, space="buy")
    lookback = IntParameter(2, 30, default=12, space="buy")
    min_confidence = DecimalParameter(0.6, 0.9, default=0.6, decimals=1, space="buy")
    funding_rank = DecimalParameter(0.85, 0.99, default=0.95, decimals=2, space="buy")
    crowd_rank = DecimalParameter(0.85, 0.99, default=0.95, decimals=2, space="buy")

    exit_on_opposite = BooleanParameter(default=True, space="sell")
    exit_on_trend_loss = BooleanParameter(default=False, space="sell")

    def candles_needed(self) -> list[Need]:
        higher = timeframe_to_seconds(self.trend_timeframe) / timeframe_to_seconds(self.timeframe)
        trends = {
            "own": Need("the trend", TREND_PERIODS[-1]),
            "higher": Need(
                f"the {self.trend_timeframe} trend", ceil(HIGHER_TREND_PERIODS[-1] * higher)
            ),
        }
        by = self.trend_filter.value
        return [*super().candles_needed(), *(trends.values() if by == "both" else [trends[by]])]

    def unsuited_timeframe(self) -> str:
        own, higher = self.timeframe, self.trend_timeframe
        if timeframe_to_seconds(higher) % timeframe_to_seconds(own) == 0:
            return ""
        return (
            f'"timeframe" must be one of which {higher}, the timeframe of the larger trend, is a '
            f'multiple, got "{own}"'
        )

    def populate_indicators(self, dataframe: pd.DataFrame, metadata: dict) -> pd.DataFrame:
        dataframe = super().populate_indicators(dataframe, metadata)
        columns = rsi_sma.indicator_columns(dataframe)
        higher = rsi_sma.higher_trend(
            dataframe,
            timeframe_to_resample_freq(self.timeframe),
            timeframe_to_resample_freq(self.trend_timeframe),
        )
        trends = {
            "own_trend": rsi_sma.direction(columns["sma_50"], columns["sma_200"]),
            "higher_trend": higher.to_numpy(),
        }
        return with_columns(dataframe, columns | trends)

    def populate_entry_trend(self, dataframe: pd.DataFrame, metadata: dict) -> pd.DataFrame:
        long, short = self._signals(dataframe)
        direction = self._trend(dataframe)
        long_score, short_score = scores(dataframe, self._confidence_rule())
        long = long & (direction > 0) & (long_score >= self.min_confidence.value)
        short = short & (direction < 0) & (short_score >= self.min_confidence.value)
        score = pd.Series(np.where(long, long_score, short_score), dataframe.index)
        dataframe["enter_long"] = long.astype(int)
        dataframe["enter_short"] = short.astype(int)
        dataframe["enter_tag"] = tag("rsi_sma", score)
        return dataframe

    def entry_conditions(self, dataframe: pd.DataFrame) -> Conditions:
        """Returns what a candle must meet for an entry, for the decision log."""
        direction, least = self._trend(dataframe), self.min_confidence.value
        own, both = self._own_conditions(dataframe), scores(dataframe, self._confidence_rule())
        trend = {"long": ("up, 1", direction > 0), "short": ("down, -1", direction < 0)}
        return {
            side: [
                *own[side],
                Condition(f"the trend ({self.trend_filter.value}) {words}", met, direction),
                Condition(f"a confidence of {least:g}", score >= least, score),
            ]
            for (side, (words, met)), score in zip(trend.items(), both, strict=True)
        }

    def _own_conditions(self, frame: pd.DataFrame) -> Conditions:
        extremes = {"oversold": self.oversold.value, "overbought": self.overbought.value}
        if self.rule.value == "literal":
            return rsi_sma.literal_conditions(frame, **extremes)
        return rsi_sma.pullback_conditions(frame, **extremes, lookback=self.lookback.value)

    def _confidence_rule(self) -> ConfidenceRule:
        return replace(
            self.confidence_rule,
            funding_rank=self.funding_rank.value,
            crowd_rank=self.crowd_rank.value,
        )

    def populate_exit_trend(self, dataframe: pd.DataFrame, metadata: dict) -> pd.DataFrame:
        long, short = self._signals(dataframe)
        direction = self._trend(dataframe)
        opposite, loss = self.exit_on_opposite.value, self.exit_on_trend_loss.value
        dataframe["exit_long"] = ((short & opposite) | ((direction < 0) & loss)).astype(int)
        dataframe["exit_short"] = ((long & opposite) | ((direction > 0) & loss)).astype(int)
        return dataframe

    def _signals(self, frame: pd.DataFrame) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        found = self._own_conditions(frame)
        return all_met(found["long"]), all_met(found["short"])

    def _trend(self, frame: pd.DataFrame) -> NDArray[np.int64]:
        own, higher = (frame[name].to_numpy() for name in ("own_trend", "higher_trend"))
        if self.trend_filter.value == "own":
            return own
        if self.trend_filter.value == "higher":
            return higher
        return np.where(own == higher, own, 0)
