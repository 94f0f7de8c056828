"""Every parameter of the base strategy's risk stack, with the defaults it ships.

A strategy changes them with `settings = replace(PerpStrategy.settings, ...)`, a user with the
object `"perpkit"` of the configuration. All of them: docs/parameters.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from perpkit.breakers.market_alerts import AlertLimits
from perpkit.breakers.performance import PerformanceLimits
from perpkit.execution.entry import EntryLimits
from perpkit.execution.guarding import GuardRule
from perpkit.execution.partial_entry import PartialLimits
from perpkit.parameters.declared import Parameters
from perpkit.risk.carry import CarryRule
from perpkit.risk.exposure import ExposureLimits
from perpkit.risk.kelly import KellyRule
from perpkit.risk.leverage import LeverageLimit
from perpkit.risk.limits import PositionLimits
from perpkit.risk.scale_out import Ladder
from perpkit.risk.sizing import SizingRule
from perpkit.risk.slicing import SlicingRule
from perpkit.risk.stops import EntryStop
from perpkit.risk.trailing import Trailing


@dataclass(frozen=True)
class Switches(Parameters):
    """Which parts act. What is off leaves Freqtrade's own behaviour."""

    liquidation: Annotated[
        bool,
        "Leverage keeps liquidation well beyond the stop; off, only the volatility tiers and "
        "`max_leverage` count",
    ] = True
    sizing: Annotated[
        bool,
        "Stakes follow the risk, and a fixed `stake_amount` is the most; off, they are Freqtrade's "
        "`stake_amount`",
    ] = True
    exposure: Annotated[
        bool,
        "Exposure, open risk, cluster risk and free margin are limited; needs `sizing`",
    ] = True
    kelly: Annotated[bool, "The risk follows the strategy's own closed trades"] = False
    trailing: Annotated[bool, "Stops follow the trade; off, they stay where they were set"] = True
    scale_out: Annotated[bool, "Parts are sold at multiples of the risk first taken"] = True
    slicing: Annotated[
        bool, "Entries that are large against the book go in over several candles"
    ] = False
    carry: Annotated[
        bool, "Positions whose funding costs more than they may earn are left, or not entered"
    ] = True
    book: Annotated[bool, "Entries are checked against the order book, in dry-run and live"] = True
    guard: Annotated[
        bool, "No position is without a stop at the exchange, whatever fails; live only"
    ] = True
    targets: Annotated[
        bool,
        "The next part and the whole are sold by limit orders that rest at the exchange beside the "
        "stop; live only, needs `guard`",
    ] = False
    premium: Annotated[
        bool,
        "The premium index is joined to the candles, for signals of yours: `premium` and "
        "`premium_funding_8h`",
    ] = False
    refresh: Annotated[bool, "Positioning data are kept current, in dry-run and live"] = True
    alerts: Annotated[bool, "Moves of the market are reported, in dry-run and live"] = False
    performance: Annotated[
        bool,
        "Results outside of what the backtest predicts block entries, in dry-run and live; needs "
        "a verdict of `perpkit golive`",
    ] = True


@dataclass(frozen=True)
class Settings(Parameters):
    """The sections of `"perpkit"` in the configuration."""

    use: Switches = field(default_factory=Switches)
    leverage: LeverageLimit = field(default_factory=LeverageLimit)
    stop: EntryStop = field(default_factory=EntryStop)
    trailing: Trailing = field(default_factory=Trailing)
    sizing: SizingRule = field(default_factory=SizingRule)
    exposure: ExposureLimits = field(default_factory=ExposureLimits)
    limits: PositionLimits = field(default_factory=PositionLimits)
    kelly: KellyRule = field(default_factory=KellyRule)
    scale_out: Ladder = field(default_factory=Ladder)
    slicing: SlicingRule = field(default_factory=SlicingRule)
    carry: CarryRule = field(default_factory=CarryRule)
    entry: EntryLimits = field(default_factory=EntryLimits)
    partial: PartialLimits = field(default_factory=PartialLimits)
    guard: GuardRule = field(default_factory=GuardRule)
    alerts: AlertLimits = field(default_factory=AlertLimits)
    performance: PerformanceLimits = field(default_factory=PerformanceLimits)
