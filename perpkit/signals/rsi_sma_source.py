"""The RSI/SMA rule as a source of signals, with confidence from funding and positioning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from math import ceil
from typing import Annotated, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range, Search
from perpkit.signals import rsi_sma
from perpkit.signals.conditions import Condition, Conditions, all_met
from perpkit.signals.confidence import COLUMNS, ConfidenceRule, CrowdRank, FundingRank, scores
from perpkit.signals.source import Floats, Signals, Source


class Entry(StrEnum):
    PULLBACK = "pullback"
    LITERAL = "literal"


class TrendOf(StrEnum):
    OWN = "own"
    HIGHER = "higher"
    BOTH = "both"


_RANK = Search("buy", 0.85, 0.99)


@dataclass(frozen=True)
class RsiSmaRule(Parameters):
    """When it enters, and when it leaves."""

    rule: Annotated[
        Entry,
        Search("buy", optimize=False),
        "The signal: the pull-back that has ended, or the textbook rule as written",
    ] = Entry.PULLBACK
    trend_filter: Annotated[
        TrendOf,
        Search("buy"),
        "The trend that an entry must follow: of its own timeframe, of the higher one, or both "
        "where they agree",
    ] = TrendOf.HIGHER
    oversold: Annotated[
        int,
        Range(1, 50, "RSI"),
        Search("buy", 20, 45),
        "The RSI below which the market counts as oversold",
    ] = 35
    overbought: Annotated[
        int,
        Range(50, 99, "RSI"),
        Search("buy", 55, 80),
        "The RSI above which the market counts as overbought",
    ] = 65
    lookback: Annotated[
        int,
        Range(1, 500, "candles"),
        Search("buy", 2, 30),
        "How many candles ago the extreme may lie",
    ] = 12
    min_confidence: Annotated[
        float,
        Range(0, 1, "confidence"),
        Search("buy", 0.6, 0.9, decimals=1),
        "The least confidence of an entry",
    ] = 0.6
    funding_rank: Annotated[FundingRank, _RANK] = ConfidenceRule.funding_rank
    crowd_rank: Annotated[CrowdRank, _RANK] = ConfidenceRule.crowd_rank
    exit_on_opposite: Annotated[
        bool, Search("sell"), "Whether a signal of the other side closes a trade"
    ] = True
    exit_on_trend_loss: Annotated[
        bool, Search("sell"), "Whether a trend that has turned closes a trade"
    ] = False


@dataclass(frozen=True)
class RsiSma(Source):
    """Buys pull-backs with the larger trend, and sells rallies against it.

    :param trend: length of the candles of the larger trend, a multiple of the strategy's
    :param confidence: base and bonuses of the confidence; its ranks are the rule's

    Pull-backs need room: the ladder takes profit at 1R and moves the stop of the rest to
    break-even, so the trail can be wide (docs/strategies.md shows the cost of tighter ones).
    """

    name: str = "rsi_sma"
    rule: RsiSmaRule = RsiSmaRule()
    computed: tuple[str, ...] = ("rsi", "sma_20", "sma_50", "sma_200", "own_trend", "higher_trend")
    needed: tuple[str, ...] = COLUMNS
    risk: Mapping[str, Mapping[str, Any]] = field(
        default_factory=lambda: {"trailing": {"break_even_after": 0.0, "atr_multiple": 5.0}}
    )
    trend: timedelta = timedelta(hours=4)
    confidence: ConfidenceRule = field(default_factory=ConfidenceRule)

    def columns(self, candles: pd.DataFrame, step: timedelta) -> Mapping[str, NDArray[Any]]:
        found = rsi_sma.indicator_columns(candles)
        higher = rsi_sma.higher_trend(candles, step, self.trend)
        return found | {
            "own_trend": rsi_sma.direction(found["sma_50"], found["sma_200"]),
            "higher_trend": higher.to_numpy(),
        }

    def signals(self, frame: pd.DataFrame, rule: RsiSmaRule) -> Signals:
        found, trend = _own_conditions(frame, rule), _trend(frame, rule)
        long, short = all_met(found["long"]), all_met(found["short"])
        long_score, short_score = self._scores(frame, rule)
        opposite, loss, least = rule.exit_on_opposite, rule.exit_on_trend_loss, rule.min_confidence
        return Signals(
            long & (trend > 0) & (long_score >= least),
            short & (trend < 0) & (short_score >= least),
            (short & opposite) | ((trend < 0) & loss),
            (long & opposite) | ((trend > 0) & loss),
            long_score,
            short_score,
        )

    def side(self, frame: pd.DataFrame, rule: RsiSmaRule) -> NDArray[np.int64]:
        """Returns the side that it would enter at each candle: 1 long, -1 short, 0 none."""
        return _trend(frame, rule)

    def conditions(self, frame: pd.DataFrame, rule: RsiSmaRule) -> Conditions:
        trend, least = _trend(frame, rule), rule.min_confidence
        own, both = _own_conditions(frame, rule), self._scores(frame, rule)
        followed = {"long": ("up, 1", trend > 0), "short": ("down, -1", trend < 0)}
        return {
            side: [
                *own[side],
                Condition(f"the trend ({rule.trend_filter}) {words}", met, trend),
                Condition(f"a confidence of {least:g}", score >= least, score),
            ]
            for (side, (words, met)), score in zip(followed.items(), both, strict=True)
        }

    def candles(self, rule: RsiSmaRule, step: timedelta) -> Mapping[str, int]:
        higher = ceil(rsi_sma.HIGHER_TREND_PERIODS[-1] * (self.trend / step))
        needed = {
            TrendOf.OWN: ("the trend", rsi_sma.TREND_PERIODS[-1]),
            TrendOf.HIGHER: (f"the {self._trend_words} trend", higher),
        }
        by = rule.trend_filter
        return dict(needed.values() if by is TrendOf.BOTH else [needed[by]])

    def unsuited(self, step: timedelta) -> str:
        if self.trend % step == timedelta(0):
            return ""
        return f"one of which {self._trend_words}, the timeframe of the larger trend, is a multiple"

    @property
    def _trend_words(self) -> str:
        """As Freqtrade writes it."""
        for letter, unit in (("d", timedelta(days=1)), ("h", timedelta(hours=1))):
            if self.trend % unit == timedelta(0):
                return f"{self.trend // unit}{letter}"
        return f"{self.trend // timedelta(minutes=1)}m"

    def _scores(self, frame: pd.DataFrame, rule: RsiSmaRule) -> tuple[Floats, Floats]:
        ranks = {"funding_rank": rule.funding_rank, "crowd_rank": rule.crowd_rank}
        return scores(frame, replace(self.confidence, **ranks))


def _own_conditions(frame: pd.DataFrame, rule: RsiSmaRule) -> Conditions:
    extremes = {"oversold": rule.oversold, "overbought": rule.overbought}
    if rule.rule is Entry.LITERAL:
        return rsi_sma.literal_conditions(frame, **extremes)
    return rsi_sma.pullback_conditions(frame, **extremes, lookback=rule.lookback)


def _trend(frame: pd.DataFrame, rule: RsiSmaRule) -> NDArray[np.int64]:
    own, higher = (frame[name].to_numpy() for name in ("own_trend", "higher_trend"))
    if rule.trend_filter is TrendOf.OWN:
        return own
    if rule.trend_filter is TrendOf.HIGHER:
        return higher
    return np.where(own == higher, own, 0)
