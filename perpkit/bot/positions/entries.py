"""Decides the leverage and stake of every entry, or why there is no entry.

Freqtrade requests the leverage first, then the stake; if either is refused the stake is 0, which
opens nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from math import floor, inf, nan

from perpkit.bot.positions.additions import why_blocked
from perpkit.bot.positions.candidate import SAME_ENTRY, Candidate
from perpkit.bot.positions.carry import CarryCosts
from perpkit.bot.positions.contracts import Contracts
from perpkit.bot.positions.entry_figures import EntryFigures
from perpkit.bot.positions.parameters import Settings
from perpkit.bot.positions.trade_figures import open_trades
from perpkit.bot.refusals import RefusalKind, Refusals, Why
from perpkit.breakers.breaker import Decision
from perpkit.risk.exposure import ExposureLimits, PlannedEntry
from perpkit.risk.leverage import choose_leverage, volatility_leverage
from perpkit.risk.sizing import Basis, Size, Terms, size
from perpkit.signals.confidence import score_of

# Without `use.exposure` only the number of positions and the balance limit a size.
UNLIMITED = ExposureLimits(
    max_pair=125,
    max_side=125,
    max_gross=125,
    max_net=125,
    max_open_risk=1,
    max_cluster_risk=1,
    free_margin=0,
)


class Entries:
    """Computes the leverage and stake of entries.

    :param refusals: records each refused entry
    :param scored_tags: names of enter tags that contain a confidence
    :param fixed_stake: Freqtrade's own stake is one that the user has set, and the most
    :param alone: what else is open does not limit a size, and other parts see to it
    :param share: of the risk of one trade, which is all that an entry may take
    """

    def __init__(
        self,
        figures: EntryFigures,
        carry: CarryCosts,
        settings: Settings,
        contracts: Contracts,
        refusals: Refusals,
        *,
        scored_tags: Collection[str] = (),
        fixed_stake: bool = False,
        alone: bool = False,
        share: float = 1.0,
    ) -> None:
        self._alone = alone
        self._share = share
        self._figures = figures
        self._carry = carry
        self._settings = settings
        self._contracts = contracts
        self._refusals = refusals
        self._scored_tags = scored_tags
        self._fixed_stake = fixed_stake
        # Why the newest leverage was refused: its stake is requested next, and must be 0.
        self._refusal: tuple[str, bool, datetime, str] | None = None

    def leverage(
        self, entry: Candidate, decision: Decision, maximum: float, asked: float = inf
    ) -> float:
        """Returns the leverage for `IStrategy.leverage`; 1 if the entry is refused.

        :param decision: of the breakers, for the pair and side
        :param maximum: the highest leverage that the exchange allows
        :param asked: what the strategy would take; it is the result unless less is allowed
        """
        self._refusal = None
        settings, figures = self._settings, self._figures
        range_24h = figures.range_24h(entry)
        if not settings.use.liquidation:
            allowed = min(maximum, decision.max_leverage)
            # A whole number, as the exchange requires.
            most = float(floor(volatility_leverage(settings.leverage, range_24h, allowed)))
            return min(asked, most)
        tiers = self._contracts.tiers(entry.pair, entry.rate)
        if tiers is None:
            return self._refuse(entry, "the exchange has told no maintenance margin of the pair")
        margin = figures.carrying(entry.now)
        distance = figures.stop_distance(entry, asked)
        while True:
            chosen = choose_leverage(
                settings.leverage,
                tiers,
                stake=self._most_collateral(entry, distance),
                stop_distance=distance,
                is_short=entry.is_short,
                range_24h=range_24h,
                breaker_cap=min(decision.max_leverage, maximum),
                margin=margin,
            )
            if chosen.leverage is None:
                return self._refuse(entry, chosen.reason)
            asked = min(asked, chosen.leverage)
            nearer, distance = distance, figures.stop_distance(entry, asked)
            # A stop at a share of the margin is farther away at less leverage, and allows less.
            if distance == nearer:
                self._refusals.decided.sized(entry.pair, entry.side, entry.now, chosen.reason)
                return asked

    def stake(
        self, entry: Candidate, decision: Decision, leverage: float, proposed: float, most: float
    ) -> float:
        """Returns the stake for `custom_stake_amount`; 0 opens nothing, and the reason is logged.

        :param proposed: Freqtrade's own stake: `stake_amount`, or that of a forced entry
        :param most: the largest that balance and exchange allow
        """
        blocked = why_blocked(decision)
        refused = blocked or self._refusal_of(entry) or self._too_dear(entry)
        if refused:
            sized = Size(0.0, None, refused)
        elif self._settings.use.sizing:
            fixed = proposed if self._fixed_stake else inf
            sized = self._sized(entry, decision, leverage, most, fixed)
        else:
            sized = Size(proposed * decision.size_factor)
        if not sized.stake:
            why = Why(RefusalKind.BREAKER if blocked else RefusalKind.SIZE, sized.reason)
            self._refusals.add(why, entry.pair, entry.side, entry.now, what="No entry")
        elif self._refusals.decided:
            self._note(entry, decision, leverage, sized)
        return sized.stake

    def _note(self, entry: Candidate, decision: Decision, leverage: float, sized: Size) -> None:
        """Notes how a stake came about."""
        decided, factor, stake = self._refusals.decided, decision.size_factor, sized.stake
        at, rule = (entry.pair, entry.side, entry.now), self._settings.sizing
        if self._settings.use.sizing and rule.basis is Basis.RISK:
            risk = rule.risk_per_trade * self._share
            of = (
                f"{risk:.2%} of {self._figures.equity(entry.now):.2f} at risk to a stop "
                f"{self._figures.stop_distance(entry, leverage):.2%} away"
            )
            confidence = score_of(entry.tag, self._scored_tags)
            weighed = "" if confidence is None else f", confidence {confidence:g}"
            decided.sized(*at, f"Stake {stake:.2f}: {of}{weighed}")
        if factor < 1:
            text = f"Size x {factor:g}: {decision.reason}"
            decided.scaled(*at, RefusalKind.BREAKER, text, asked=stake / factor, allowed=stake)
        if sized.reason:
            asked = nan  # the text has it, in notional
            decided.scaled(
                *at, RefusalKind.SIZE, f"Size {sized.reason}", asked=asked, allowed=stake
            )

    def _sized(
        self, entry: Candidate, decision: Decision, leverage: float, most: float, fixed: float
    ) -> Size:
        settings, figures = self._settings, self._figures
        confidence = score_of(entry.tag, self._scored_tags)
        others = [] if self._alone else open_trades()
        equity = figures.equity(entry.now)
        holdings = [figures.holding(trade, entry.now) for trade in others]
        distance = figures.stop_distance(entry, leverage)
        asked = PlannedEntry(entry.pair, entry.is_short, distance, leverage)
        return size(
            settings.sizing,
            settings.exposure if settings.use.exposure else UNLIMITED,
            equity,
            holdings,
            asked,
            Terms(
                price=entry.rate,
                amount_step=self._contracts.amount_step(entry.pair),
                min_stake=self._contracts.least_notional(entry.pair, entry.rate) / leverage,
                max_stake=most,
                confidence=1.0 if confidence is None else confidence,
                size_factor=decision.size_factor,
                kelly=figures.kelly_factor(),
                vol_annual=figures.vol_annual(entry),
                fixed_stake=fixed,
                share=self._share,
            ),
            figures.correlation(entry, others).between,
            figures.further_rooms(entry.tag, equity, others, holdings, asked),
        )

    def _most_collateral(self, entry: Candidate, distance: float) -> float:
        """The largest margin that the entry may get: all of the equity, or what its risk allows."""
        equity, sizing = self._figures.equity(entry.now), self._settings.sizing
        if not self._settings.use.sizing or sizing.basis is Basis.VOLATILITY:
            return equity
        return min(equity, equity * sizing.risk_per_trade * self._settings.kelly.cap / distance)

    def _too_dear(self, entry: Candidate) -> str | None:
        return self._carry.reason(entry.pair, entry.is_short, entry.now, 0.0)

    def _refuse(self, entry: Candidate, reason: str) -> float:
        self._refusal = entry.pair, entry.is_short, entry.now, reason
        return 1.0

    def _refusal_of(self, entry: Candidate) -> str | None:
        if self._refusal is None:
            return None
        pair, is_short, asked, reason = self._refusal
        same = (pair, is_short) == (entry.pair, entry.is_short)
        return reason if same and entry.now - asked < SAME_ENTRY else None
