"""The funding tide as a source of signals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

import pandas as pd
from numpy.typing import NDArray

from perpkit.parameters.kinds import Search
from perpkit.signals import funding_tide, rsi_sma
from perpkit.signals.conditions import Condition, Conditions, all_met
from perpkit.signals.confidence import COLUMNS, ConfidenceRule, scores
from perpkit.signals.funding_tide import ExitOn, TideRule
from perpkit.signals.source import Signals, Source


@dataclass(frozen=True)
class TideTrades(TideRule):
    """When it enters, and when it leaves."""

    with_trend: Annotated[
        bool, Search("buy"), "Whether the side that is taken must be the trend's"
    ] = True
    exit_on: Annotated[
        ExitOn,
        Search("sell"),
        "What must be back at its middle for the exit: funding, price, either or both",
    ] = ExitOn.BOTH


@dataclass(frozen=True)
class FundingTide(Source):
    """Takes the side that receives extreme funding when the price is stretched."""

    name: str = "funding_tide"
    rule: TideTrades = TideTrades()
    computed: tuple[str, ...] = ("mean_48", "mean_distance", "stretch", "trend")
    needed: tuple[str, ...] = (*COLUMNS, "funding_mean_8h")

    def columns(self, candles: pd.DataFrame, step: timedelta) -> Mapping[str, NDArray[Any]]:
        own = funding_tide.indicators(candles)
        trend = rsi_sma.trend(rsi_sma.indicators(candles))
        return {name: own[name].to_numpy() for name in own} | {"trend": trend.to_numpy()}

    def signals(self, frame: pd.DataFrame, rule: TideTrades) -> Signals:
        found = self.conditions(frame, rule)
        exit_long, exit_short = funding_tide.exits(frame, rule.exit_on)
        long_score, short_score = scores(frame, ConfidenceRule())
        return Signals(
            all_met(found["long"]),
            all_met(found["short"]),
            exit_long.to_numpy(),
            exit_short.to_numpy(),
            long_score,
            short_score,
        )

    def conditions(self, frame: pd.DataFrame, rule: TideTrades) -> Conditions:
        found = funding_tide.conditions(frame, rule)
        if rule.with_trend:
            trend = frame["trend"]
            found["long"].append(Condition("an upward trend, 1", trend > 0, trend))
            found["short"].append(Condition("a downward trend, -1", trend < 0, trend))
        return found

    def candles(self, rule: TideTrades, step: timedelta) -> Mapping[str, int]:
        needed = {"the stretch of the price": funding_tide.MEAN_PERIOD}
        return needed | ({"the trend": rsi_sma.TREND_PERIODS[-1]} if rule.with_trend else {})
