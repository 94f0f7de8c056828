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
from perpkit.bot.positions.accounts import account_for
from perpkit.bot.positions.contracts import Contracts
from perpkit.bot.positions.entries import Candidate, Entries
from perpkit.bot.positions.parameters import Settings
from perpkit.bot.positions.strategy_stops import StrategyStops
from perpkit.risk.leverage import WIDEST_STOP
from perpkit.risk.sizing import Size
from perpkit.risk.stops import NO_STOP, distance_of

if TYPE_CHECKING:
    from datetime import datetime

    from perpkit.bot.layer.layer import RiskLayer

logger = logging.getLogger(__name__)

# The widest `stoploss` that each part can use, as a share of the margin, and why.
_WIDEST = {
    Part.LEVERAGE: (WIDEST_STOP, "no leverage keeps liquidation well beyond it"),
    Part.SIZING: (NO_STOP, "that is no stop to size by, for liquidation comes first"),
}


class EntryRules:
    """What the layer makes of a strategy's leverage, stakes and additions.

    :param layer: of the strategy; its parts say which rules act
    :param frames: the side frames of the pairs
    """

    def __init__(self, strategy: Any, layer: RiskLayer, frames: SideFrames) -> None:
        self._strategy = strategy
        self._layer = layer
        self._frames = frames
        self._made: Entries | None = None
        self._sizes = False

    def renew(self) -> None:
        """Another run begins in this process, perhaps with other parameters."""
        self._layer.renew()
        self._made = None

    def acting(self, settings: Settings) -> list[Part]:
        """The parts that were asked for and are not switched off."""
        found = {Part.LEVERAGE: True, Part.SIZING: settings.use.sizing}
        return [part for part, on in found.items() if on and part in self._layer.parts]

    def unfit(self) -> list[str]:
        """One message for each reason why the strategy cannot have the parts it was given."""
        strategy, name = self._strategy, type(self._strategy).__name__
        parts, found = self.acting(self._layer.hooks.settings()), []
        for part in parts:
            widest, why = _WIDEST[part]
            if not 0 < distance_of(strategy.stoploss, leverage=1.0) <= widest:
                found.append(
                    f'"perpkit.attach": {part} cannot be attached to {name}, whose "stoploss" is '
                    f"{strategy.stoploss:g}: {why}. Allowed: nearer than -{widest:g}, or "
                    f"{part} left out"
                )
        if parts and self._stated and not strategy.use_custom_stoploss:
            found.append(
                '"perpkit.stop" states where the stop of "custom_stoploss" is, but '
                f'"use_custom_stoploss" of {name} is false'
            )
        return found

    def leverage(self, entry: Candidate, theirs: float, most: float) -> float:
        """Returns the leverage, at most theirs and at least 1."""
        if Part.LEVERAGE not in self._layer.parts:
            return theirs
        entry, side = replace(entry, tag=None), "short" if entry.is_short else "long"
        decision = self._layer.decision(entry.pair, side)
        allowed = self._entries().leverage(entry, decision, most, asked=max(theirs, 1.0))
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
        # Without its tag, which is the strategy's own and no confidence.
        entry, side = replace(entry, tag=None), "short" if entry.is_short else "long"
        decision = self._layer.decision(entry.pair, side)
        allowed = self._entries().stake(entry, decision, leverage, theirs, most)
        return min(theirs * min(decision.size_factor, 1.0), allowed)

    def addition(self, trade: LocalTrade, asked: Size, rate: float, now: datetime) -> Size:
        """Returns the part of an addition that the risk at the trade's stop leaves room for.

        :param asked: what the breakers allow of it
        """
        entries = self._entries()
        if not (self._sizes and asked.stake):
            return asked
        left = entries.left(trade, rate, now)
        if asked.stake * trade.leverage <= left:
            return asked
        reason = f"{left:.2f} is left of what the trade may hold at its stop"
        # NaN included: on doubt nothing is added.
        if not left >= self._contracts.least_notional(trade.pair, rate):
            return Size(0.0, None, reason)
        return Size(left / trade.leverage, None, reason)

    @property
    def _contracts(self) -> Contracts:
        return Contracts(self._strategy.dp._exchange)

    @property
    def _stated(self) -> bool:
        return "stop" in self._strategy.config.get("perpkit", {})

    def _entries(self) -> Entries:
        if self._made is None:
            strategy, layer = self._strategy, self._layer
            settings, columns = layer.hooks.settings(), self._frames.get
            self._sizes = Part.SIZING in self.acting(settings)
            stated = settings.stop if self._stated else None
            self._made = Entries(
                strategy.config,
                settings,
                account_for(strategy.config, layer.feed, strategy.dp, strategy.wallets),
                columns,
                self._contracts,
                StrategyStops(strategy, stated, columns, layer.states),
                layer.refusals,
                alone=True,
            )
        return self._made
