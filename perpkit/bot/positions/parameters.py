"""Every parameter of the base strategy's risk stack, with the defaults it ships.

A strategy changes them with `settings = replace(PerpStrategy.settings, ...)`, a user with the
object `"perpkit"` of the configuration. All of them: docs/parameters.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from perpkit.breakers.market_alerts import AlertLimits
from perpkit.execution.entry import EntryLimits
from perpkit.execution.guarding import GuardRule
from perpkit.execution.partial_entry import PartialLimits
from perpkit.risk.carry import CarryRule
from perpkit.risk.exposure import ExposureLimits
from perpkit.risk.kelly import KellyRule
from perpkit.risk.leverage import LeverageLimit
from perpkit.risk.scale_out import Ladder
from perpkit.risk.sizing import SizingRule
from perpkit.risk.slicing import SlicingRule
from perpkit.risk.stops import EntryStop
from perpkit.risk.trailing import Trailing


@dataclass(frozen=True)
class Switches:
    """Which parts act. What is off leaves Freqtrade's own behaviour.

    :param liquidation: leverage keeps liquidation well beyond the stop; off, only the volatility
        tiers and `max_leverage` count
    :param sizing: stakes follow the risk; off, they are Freqtrade's `stake_amount`
    :param exposure: limits of exposure, open risk, cluster risk and free margin; needs `sizing`
    :param kelly: risk follows the strategy's own closed trades
    :param trailing: stops follow the trade; off, they stay where they were set
    :param scale_out: parts are sold at multiples of the risk first taken
    :param slicing: entries large against the book go in over several candles
    :param carry: positions whose funding costs more than they may earn are left, or not entered
    :param book: entries are checked against the order book, in dry-run and live
    :param guard: no position without a stop at the exchange, whatever fails; live only
    :param refresh: positioning data are kept current, in dry-run and live
    :param alerts: what moves on the market is told, in dry-run and live
    """

    liquidation: bool = True
    sizing: bool = True
    exposure: bool = True
    kelly: bool = False
    trailing: bool = True
    scale_out: bool = True
    slicing: bool = False
    carry: bool = True
    book: bool = True
    guard: bool = True
    refresh: bool = True
    alerts: bool = False


@dataclass(frozen=True)
class Settings:
    """The sections of `"perpkit"` in the configuration."""

    use: Switches = field(default_factory=Switches)
    leverage: LeverageLimit = field(default_factory=LeverageLimit)
    stop: EntryStop = field(default_factory=EntryStop)
    trailing: Trailing = field(default_factory=Trailing)
    sizing: SizingRule = field(default_factory=SizingRule)
    exposure: ExposureLimits = field(default_factory=ExposureLimits)
    kelly: KellyRule = field(default_factory=KellyRule)
    scale_out: Ladder = field(default_factory=Ladder)
    slicing: SlicingRule = field(default_factory=SlicingRule)
    carry: CarryRule = field(default_factory=CarryRule)
    entry: EntryLimits = field(default_factory=EntryLimits)
    partial: PartialLimits = field(default_factory=PartialLimits)
    guard: GuardRule = field(default_factory=GuardRule)
    alerts: AlertLimits = field(default_factory=AlertLimits)
