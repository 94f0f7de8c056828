"""The section "confluence" of the configuration's "perpkit"."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import fsum
from typing import Annotated

from perpkit.bot.positions.parameters import Settings
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import NotEmpty, Range
from perpkit.risk.budgets import Budgets
from perpkit.signals.combining import ROUNDING, Combine, Rule

# The sources of the package, by the name in the configuration, which is theirs too.
SHIPPED = {
    "rsi_sma": "perpkit.signals.rsi_sma_source:RsiSma",
    "funding_tide": "perpkit.signals.funding_tide_source:FundingTide",
    "momentum": "perpkit.signals.momentum:Momentum",
}
# More sources would leave each less than a tenth of the risk.
MOST = 8


@dataclass(frozen=True)
class SourceChoice(Parameters):
    """A source of signals."""

    source: Annotated[
        str,
        "`rsi_sma`, `funding_tide`, `momentum`, or the import path of your own, "
        "`my_signals:MySource`, whose module is looked for in `user_data/strategies/` too",
    ]
    enabled: Annotated[
        bool, "Whether it enters. Off, it still closes the trades that it has open"
    ] = True
    optimize: Annotated[bool, "Whether hyperopt searches its parameters"] = True
    budget: Annotated[
        float | None,
        Range(0.01, 1, "of the risk"),
        "Its share of `sizing.risk_per_trade` and of `exposure.max_open_risk`; with `fixed` "
        "budgets only",
    ] = None


@dataclass(frozen=True)
class ConfluenceRule(Parameters):
    """Which sources there are, and how they are combined. Of equal claims the source that stands
    first counts."""

    sources: Annotated[
        tuple[SourceChoice, ...], NotEmpty(), f"The sources, at most {MOST}, at least one enabled"
    ] = tuple(map(SourceChoice, SHIPPED))
    rule: Annotated[
        Combine,
        "`any`: each source enters on its own budget; `agree`: where `least` of them are on one "
        "side; `weighted`: where the sum of confidence times budget reaches `threshold`",
    ] = Combine.ANY
    least: Annotated[int, Range(1, MOST, "sources"), "How many must agree"] = 2
    threshold: Annotated[
        float, Range(0.01, 1, "confidence"), "The least sum of confidence times budget"
    ] = 0.4
    within: Annotated[
        int,
        Range(1, 10_000, "candles"),
        "How long a claim stands with `agree` and `weighted`, its own candle included",
    ] = 24
    budgets: Annotated[
        Budgets,
        "`equal`; `fixed`: the `budget` of each; `out_of_sample`: in proportion to 1 over the "
        "volatility of its daily returns in `budgets_file`",
    ] = Budgets.EQUAL
    budgets_file: Annotated[
        str, "What walk-forward found of each source; a path in the user directory, or a whole one"
    ] = "confluence_budgets.json"

    def check_together(self) -> None:
        if len(self.sources) > MOST:
            raise ValueError(f"sources must be at most {MOST}, got {len(self.sources)}")
        enabled = [each for each in self.sources if each.enabled]
        if not enabled:
            raise ValueError("sources must have one that is enabled, got none")
        if self.rule is Combine.AGREE and self.least > len(enabled):
            raise ValueError(
                f"least must be at most {len(enabled)}, the number of enabled sources, got "
                f"{self.least}"
            )
        for each in self.sources:
            if each.budget is not None and self.budgets is not Budgets.FIXED:
                raise ValueError(
                    f"budget of {each.source} must be null with {self.budgets} budgets, got "
                    f"{each.budget:g}"
                )
        # Other budgets are 1 together, and one that is missing is refused with the source's name.
        budgets = [each.budget for each in enabled if each.budget is not None]
        if self.rule is Combine.WEIGHTED and len(budgets) == len(enabled):
            most = fsum(budgets)
            if self.threshold > most + ROUNDING:
                raise ValueError(
                    f"threshold must be at most {most:g}, the sum of the enabled sources' budgets, "
                    f"got {self.threshold:g}: nothing would ever be entered"
                )

    @property
    def combining(self) -> Rule:
        return Rule(self.rule, self.least, self.threshold, self.within)


@dataclass(frozen=True)
class ConfluenceSettings(Settings):
    """Settings with sources of signals."""

    confluence: ConfluenceRule = field(default_factory=ConfluenceRule)

    def check_together(self) -> None:
        if not self.use.sizing:
            raise ValueError("use.sizing must be true, got false: budgets are shares of the risk")
