"""The parts `leverage` and `sizing` around a strategy that is not the package's.

They are PerpStrategy's `Entries` at the strategy's own stops. What the strategy answers is the
most: its leverage is capped, its stake is cut to what the risk at its stop allows, and its
additions to what is left of that.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from freqtrade.persistence import LocalTrade

from perpkit.bot.layer.parts import Part
from perpkit.bot.layer.side_frames import SideFrames
from perpkit.bot.layer.stakes import attached_stakes
from perpkit.bot.positions.accounts import account_for
from perpkit.bot.positions.additions import Additions
from perpkit.bot.positions.candidate import Candidate
from perpkit.bot.positions.carry import CarryCosts
from perpkit.bot.positions.contracts import Contracts
from perpkit.bot.positions.entries import Entries
from perpkit.bot.positions.entry_figures import EntryFigures
from perpkit.bot.positions.parameters import Settings
from perpkit.bot.positions.strategy_stops import StrategyStops
from perpkit.risk.sizing import Size

if TYPE_CHECKING:
    from datetime import datetime

    from perpkit.bot.layer.layer import RiskLayer

logger = logging.getLogger(__name__)


class EntryRules:
    """Reduces a strategy's leverage, stakes and additions to what the rules allow.

    :param layer: of the strategy; its parts say which rules act
    :param frames: the side frames of the pairs
    """

    def __init__(self, strategy: Any, layer: RiskLayer, frames: SideFrames) -> None:
        self._strategy = strategy
        self._layer = layer
        self._frames = frames
        self._made: tuple[Entries, Additions] | None = None
        self._sizes = False

    def renew(self) -> None:
        """Prepares for another run in this process, perhaps with other parameters."""
        self._layer.renew()
        self._made = None

    def acting(self, settings: Settings) -> list[Part]:
        """Returns the parts that were asked for and are not switched off."""
        found = {Part.LEVERAGE: True, Part.SIZING: settings.use.sizing}
        return [part for part, on in found.items() if on and part in self._layer.parts]

    def stakes(self) -> str:
        """Returns how the stakes of entries are made."""
        settings = self._layer.hooks.settings()
        sizes = Part.SIZING in self.acting(settings)
        return attached_stakes(self._strategy, settings.sizing if sizes else None)

    def leverage(self, entry: Candidate, theirs: float, most: float) -> float:
        """Returns the leverage, at most theirs and at least 1."""
        if Part.LEVERAGE not in self._layer.parts:
            return theirs
        entry, side = replace(entry, tag=None), "short" if entry.is_short else "long"
        decision = self._layer.decision(entry.pair, side)
        entries, _ = self._rules()
        allowed = entries.leverage(entry, decision, most, asked=max(theirs, 1.0))
        if allowed < theirs and not self._layer.simulated:
            logger.info(f"Leverage of {entry.pair} {side} cut from {theirs:g} to {allowed:g}.")
        if allowed < theirs:
            self._layer.refusals.decided.scaled(
                entry.pair,
                side,
                entry.now,
                "leverage",
                f"Leverage of {theirs:g} cut to {allowed:g}, to keep liquidation beyond the stop",
                asked=theirs,
                allowed=allowed,
            )
        return min(theirs, allowed)

    def stake(self, entry: Candidate, theirs: float, leverage: float, most: float) -> float:
        """Returns the stake, at most theirs times the breakers' factor; 0 refuses the entry.

        :param theirs: before the factor
        """
        # The tag is left out: it is the strategy's own and says nothing about confidence.
        entry, side = replace(entry, tag=None), "short" if entry.is_short else "long"
        decision = self._layer.decision(entry.pair, side)
        entries, _ = self._rules()
        allowed = entries.stake(entry, decision, leverage, theirs, most)
        return min(theirs * min(decision.size_factor, 1.0), allowed)

    def addition(self, trade: LocalTrade, asked: Size, rate: float, now: datetime) -> Size:
        """Returns the part of an addition that the risk at the trade's stop leaves room for.

        :param asked: what the breakers allow of it
        """
        _, additions = self._rules()
        if not (self._sizes and asked.stake):
            return asked
        left = additions.left(trade, rate, now)
        if asked.stake * trade.leverage <= left:
            return asked
        reason = f"{left:.2f} is left of what the trade may hold at its stop"
        # This is true of NaN as well: in doubt, nothing is added.
        if not left >= self._contracts.least_notional(trade.pair, rate):
            return Size(0.0, None, reason)
        return Size(left / trade.leverage, None, reason)

    @property
    def _contracts(self) -> Contracts:
        return Contracts(self._strategy.dp._exchange)

    @property
    def stated(self) -> bool:
        """Whether the user has stated where the strategy's own stop is."""
        return "stop" in self._strategy.config.get("perpkit", {})

    def _rules(self) -> tuple[Entries, Additions]:
        if self._made is None:
            strategy, layer = self._strategy, self._layer
            settings, columns = layer.hooks.settings(), self._frames.get
            contracts = self._contracts
            self._sizes = Part.SIZING in self.acting(settings)
            stated = settings.stop if self.stated else None
            figures = EntryFigures(
                strategy.config,
                settings,
                account_for(strategy.config, layer.feed, strategy.dp, strategy.wallets),
                columns,
                contracts,
                StrategyStops(strategy, stated, columns, layer.states),
            )
            carry = CarryCosts(settings, columns)
            entries = Entries(figures, carry, settings, contracts, layer.refusals, alone=True)
            self._made = entries, Additions(figures, settings, contracts)
        return self._made
