"""What decides on entries and trades, made from the settings that hold for them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from perpkit.bot.positions.account import Account
from perpkit.bot.positions.additions import Additions
from perpkit.bot.positions.adjustments import Adjustments
from perpkit.bot.positions.carry import CarryCosts
from perpkit.bot.positions.contracts import Contracts
from perpkit.bot.positions.entries import Entries
from perpkit.bot.positions.entry_figures import EntryFigures, Further
from perpkit.bot.positions.parameters import Settings
from perpkit.bot.positions.stop_keeper import StopKeeper
from perpkit.bot.positions.trade_risk import Columns, TradeRisks
from perpkit.bot.positions.trades import TradeStates
from perpkit.bot.refusals import Refusals


class Managing(NamedTuple):
    """What decides on entries and trades, and the figures that entries are decided by."""

    figures: EntryFigures
    entries: Entries
    additions: Additions
    stops: StopKeeper
    carry: CarryCosts
    adjustments: Adjustments


@dataclass(frozen=True)
class Managers:
    """Makes them, from what is the same for all trades of a run.

    :param fixed_stake, scored_tags: as for `Entries`
    """

    config: dict[str, Any]
    account: Account
    columns: Columns
    contracts: Contracts
    refusals: Refusals
    states: TradeStates
    scored_tags: Collection[str]
    fixed_stake: bool

    def by(
        self,
        settings: Settings,
        risks: TradeRisks,
        share: float = 1.0,
        further: Further | None = None,
    ) -> Managing:
        """Returns what manages trades by these settings.

        :param share: as for `Entries`
        :param further: as for `EntryFigures`
        """
        figures = EntryFigures(
            self.config, settings, self.account, self.columns, self.contracts, risks, further
        )
        carry = CarryCosts(settings, self.columns)
        entries = Entries(
            figures,
            carry,
            settings,
            self.contracts,
            self.refusals,
            scored_tags=self.scored_tags,
            fixed_stake=self.fixed_stake,
            share=share,
        )
        additions = Additions(figures, settings, self.contracts)
        stops = StopKeeper(settings, risks, self.columns)
        # The user's choice; Freqtrade's resolver has merged the strategy and the configuration.
        if not self.config.get("position_adjustment_enable", True):
            settings = replace(settings, use=replace(settings.use, scale_out=False, slicing=False))
        adjustments = Adjustments(settings, risks, self.columns, self.contracts, self.states)
        return Managing(figures, entries, additions, stops, carry, adjustments)
