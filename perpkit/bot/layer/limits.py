"""The part `limits` of the risk layer: `perpkit.limits`, for any strategy."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from math import isnan
from typing import Any, NamedTuple

from freqtrade.exceptions import ConfigurationError
from freqtrade.persistence import LocalTrade

from perpkit.bot.candles.candles import CandleFeed
from perpkit.bot.positions.account import Account, tradable_equity
from perpkit.bot.positions.accounts import account_for
from perpkit.bot.positions.candidate import SAME_ENTRY, Candidate
from perpkit.bot.positions.contracts import Contracts
from perpkit.bot.positions.size_limits import SizeLimits, StopDistance
from perpkit.bot.positions.trade_losses import TradeLosses
from perpkit.bot.positions.trades import TradeStates
from perpkit.bot.refusals import RefusalKind, Refusals, Why
from perpkit.risk.limits import PositionLimits
from perpkit.risk.stops import NO_STOP, distance_of

logger = logging.getLogger(__name__)

# Amounts are rounded to the exchange's step between the question for the stake and the last one.
_STEP = 1.001


def look_at_limits(strategy: Any, limits: PositionLimits, *, own_stops: bool) -> None:
    """Checks what a limit needs of the strategy.

    :param own_stops: its stops are the package's
    :raises ConfigurationError: naming the limit
    """
    if limits.max_open_risk is None or own_stops or not isnan(distance_of(strategy.stoploss, 1.0)):
        return
    raise ConfigurationError(
        f'"perpkit.limits.max_open_risk" cannot be {limits.max_open_risk:g} for '
        f"{type(strategy).__name__}: it limits what all stops together may lose, and a stoploss of "
        f"{strategy.stoploss:g} is no stop. Allowed: null, or a stoploss nearer than -{NO_STOP:g}; "
        "max_trade_loss and max_tag_loss limit losses without a stop"
    )


class Allowed(NamedTuple):
    """How much stake may be ordered, and the reason if that is less than was asked for."""

    stake: float
    why: Why | None = None


class _Sized(NamedTuple):
    at: datetime
    leverage: float
    notional: float


def limits_of(
    limits: PositionLimits,
    strategy: Any,
    feed: CandleFeed,
    stop_distance: StopDistance,
    states: Callable[[], TradeStates],
    say: Callable[[str], None],
) -> Limits | None:
    """Returns the limits of a run, None where none is set."""
    if not limits.given:
        return None
    config, dp = strategy.config, strategy.dp
    account = account_for(config, feed, dp, strategy.wallets)

    def equity(now: datetime) -> float:
        return tradable_equity(config, account, now)

    contracts = Contracts(dp._exchange)
    return Limits(limits, account, equity, contracts, stop_distance, states, say)


class Limits:
    """Cuts and refuses entries and additions, and says which trades must be closed."""

    def __init__(
        self,
        limits: PositionLimits,
        account: Account,
        equity: Callable[[datetime], float],
        contracts: Contracts,
        stop_distance: StopDistance,
        states: Callable[[], TradeStates],
        say: Callable[[str], None],
    ) -> None:
        self._sizes = SizeLimits(limits, account, equity, contracts, stop_distance)
        self._losses = TradeLosses(limits, account, equity, states, say)
        # The newest stake of each pair and side, whose entry is confirmed next.
        self._sized: dict[tuple[str, bool], _Sized] = {}

    def step(self, now: datetime) -> None:
        self._losses.step(now)

    def exit_reason(self, trade: LocalTrade, rate: float) -> str | None:
        """Returns why the trade must be closed at once at `rate`, or None."""
        return self._losses.exit_reason(trade, rate)

    def entry(self, entry: Candidate, leverage: float, stake: float) -> Allowed:
        """Returns the part of an entry's stake that may be ordered."""
        if lost := self._losses.against_entry(entry.tag):
            return Allowed(0.0, Why(RefusalKind.LOSS, lost))
        fits = self._sizes.fit(entry, leverage, stake * leverage)
        self._sized[entry.pair, entry.is_short] = _Sized(entry.now, leverage, fits.notional)
        if fits.bound is None:
            return Allowed(stake)
        return Allowed(fits.notional / leverage, Why(RefusalKind.SIZE, fits.reason))

    def stake(self, entry: Candidate, leverage: float, stake: float, refusals: Refusals) -> float:
        """Returns the part of an entry's stake that may be ordered; the log names the rest."""
        allowed, why = self.entry(entry, leverage, stake)
        side = side_of(entry)
        if why is not None and not allowed:
            refusals.add(why, entry.pair, side, entry.now, what="No entry")
        elif why is not None:
            what = f"Stake of {stake:.2f} for {entry.pair} {side} cut to {allowed:.2f}"
            logger.info(f"{what}: {why.reason}")
            refusals.decided.scaled(
                entry.pair,
                side,
                entry.now,
                why.kind,
                f"{what}: {why.reason}",
                asked=stake,
                allowed=allowed,
            )
        return allowed

    def refusal(self, entry: Candidate, amount: float) -> Why | None:
        """Returns why an entry must not be made, or None.

        It is refused if it is larger than the stake that was allowed, or never asked for one and
        exceeds a limit.
        """
        if lost := self._losses.against_entry(entry.tag):
            return Why(RefusalKind.LOSS, lost)
        notional = amount * entry.rate
        sized = self._sized.get((entry.pair, entry.is_short))
        known = sized is not None and abs(entry.now - sized.at) < SAME_ENTRY
        if sized is not None and known and notional <= sized.notional * _STEP:
            return None
        # An unknown leverage of 1 is the widest stop.
        fits = self._sizes.fit(entry, sized.leverage if sized and known else 1.0, notional)
        if fits.notional >= notional:
            return None
        return Why(RefusalKind.SIZE, fits.reason or f"its amount is {amount:g}")

    def addition(self, trade: LocalTrade, stake: float, rate: float, now: datetime) -> Allowed:
        """Returns the part of `stake` that may be added to an open trade."""
        if lost := self._losses.against_addition(trade, rate):
            return Allowed(0.0, Why(RefusalKind.LOSS, lost))
        entry = Candidate(trade.pair, trade.is_short, now, rate, trade.enter_tag)
        fits = self._sizes.fit(entry, trade.leverage, stake * trade.leverage, trade)
        if fits.bound is None:
            return Allowed(stake)
        return Allowed(fits.notional / trade.leverage, Why(RefusalKind.SIZE, fits.reason))


def side_of(entry: Candidate) -> str:
    return "short" if entry.is_short else "long"
