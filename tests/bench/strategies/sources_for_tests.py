"""Sources of signals that say what the hour of a candle tells them to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range, Search
from perpkit.signals.source import Signals, Source


@dataclass(frozen=True)
class ClockRule(Parameters):
    hour: Annotated[
        int, Range(0, 23, "h"), Search("buy", 0, 23), "When it enters, and six hours later again"
    ] = 0
    held: Annotated[int, Range(1, 23, "h"), Search("sell", 1, 23), "When it leaves"] = 12
    confidence: Annotated[float, Range(0, 1), "In an entry"] = 0.5


@dataclass(frozen=True)
class _Clock(Source):
    name: str = "clock"
    rule: ClockRule = ClockRule()
    long: bool = True

    def columns(self, candles, step):
        return {f"{self.name}_hour": candles["date"].dt.hour.to_numpy()}

    def signals(self, frame, rule):
        hour, none = frame[f"{self.name}_hour"].to_numpy(), np.zeros(len(frame), dtype=bool)
        hours = [rule.hour, (rule.hour + 6) % 24]
        enters, leaves = (np.isin((hour - later) % 24, hours) for later in (0, rule.held))
        # It says that both sides are to be left; the other side is none of its own.
        sides = (enters, none, leaves, leaves) if self.long else (none, enters, leaves, leaves)
        sure = np.full(len(frame), rule.confidence)
        return Signals(*sides, sure, sure)


@dataclass(frozen=True)
class Morning(_Clock):
    name: str = "morning"
    rule: ClockRule = ClockRule(hour=6, held=12)
    computed: tuple[str, ...] = ("morning_hour",)


@dataclass(frozen=True)
class Evening(_Clock):
    """Sells short, and leaves in hours in which a morning's long is open."""

    name: str = "evening"
    rule: ClockRule = ClockRule(hour=14, held=3, confidence=0.8)
    computed: tuple[str, ...] = ("evening_hour",)
    long: bool = False


@dataclass(frozen=True)
class BareMorning(Morning):
    name: str = "bare_morning"
    computed: tuple[str, ...] = ("bare_morning_hour",)
    risk: dict = None  # type: ignore[assignment]
    take_profit: float | None = 100.0

    def __post_init__(self):
        risk = {"stop": {"distance": 0.02}, "use": {"scale_out": False, "trailing": False}}
        object.__setattr__(self, "risk", risk)


@dataclass(frozen=True)
class Steady(_Clock):
    """Its entry stands at every candle, and it never leaves."""

    name: str = "steady"
    computed: tuple[str, ...] = ("steady_hour",)

    def signals(self, frame, rule):
        found = super().signals(frame, rule)
        always = np.ones(len(frame), dtype=bool)
        return found._replace(enter_long=always, exit_long=~always, exit_short=~always)
