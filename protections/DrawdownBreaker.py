from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from math import isnan
from typing import Any

from freqtrade.constants import Config

from perpkit.bot.positions.account import Account, AccountStanding
from perpkit.bot.positions.accounts import account_for
from perpkit.bot.watching.protection import WatchedProtection, limits_of
from perpkit.bot.watching.sources import Sources
from perpkit.breakers.breaker import Decision
from perpkit.breakers.drawdown import (
    DrawdownLimits,
    DrawdownState,
    Observation,
    equity_unknown,
    rebuild,
    step,
)
from perpkit.breakers.loss_limits import Reference
from perpkit.breakers.loss_streak import ClosedTrade
from perpkit.checks import check_range

# A backtest has no operator to clear a halt, so halts end there after a week, the longest window.
BACKTEST_CLEAR_HOURS = 168
# The high-water mark is stored again when it has moved by this share of the capital.
COARSE = 0.001
FIRST = datetime.min.replace(tzinfo=UTC)


class DrawdownBreaker(WatchedProtection):
    """Brakes, and in the end halts, when the account's equity falls.

    Parameters: those of `perpkit.breakers.drawdown.DrawdownLimits`, with `limits` as a list of
    objects with the parameters of `LossLimit`; and `backtest_clear_hours`, after which a halt ends
    in a backtest. Figures: docs/drawdown.md.
    """

    LIMITS = (DrawdownLimits,)
    DERIVED = frozenset({"clear_hours"})
    BESIDE = frozenset({"backtest_clear_hours"})
    REPLAYS = OF_TRADES = True

    def configure(self, config: Config, given: dict[str, Any]) -> None:
        clear_hours = given.get("backtest_clear_hours", BACKTEST_CLEAR_HOURS)
        check_range("backtest_clear_hours", clear_hours, 0.1, 8760)
        limits = limits_of(DrawdownLimits, given)
        if self.simulated:
            # Candle closes need no confirmation; a live loop sees hundreds of quotes a candle, and
            # any of them may be an outlier.
            limits = replace(limits, confirm=1, clear_hours=clear_hours)
        self.limits = limits
        self._state = DrawdownState()
        self._decisions: Sequence[Decision] = ()
        self._account: Account | None = None
        # A limit from the start of its window depends on when equity was sampled, since samples
        # are thinned.
        self._can_rest = all(rule.limit.reference is not Reference.START for rule in limits.rules)
        self._resting: Observation | None = None
        self._rested: datetime | None = None

    @property
    def highest_profit(self) -> float | None:
        mark = self._state.high_water
        return None if mark is None else mark[1]

    def short_desc(self) -> str:
        limits = "; ".join(str(rule.limit) for rule in self.limits.rules)
        return f"{self.name} - Equity marked to market. {limits or 'No limit'}."

    def evaluate(self, sources: Sources, now: datetime) -> Sequence[Decision]:
        if self._account is None:
            self._account = account_for(
                sources.config, sources.candles, sources.dp, sources.wallets
            )
        account = self._account
        if self.rests(now):
            return ()
        if self._resting is not None:
            rested = self._resting._replace(now=self._rested or self._resting.now)
            self._state, _ = step(self.limits, self._state, rested)
            self._resting = self._rested = None
        last = self._state.now
        if last is not None and now <= last:
            return self._decisions  # the clock was set back
        unseen = last is None or now - last > account.step
        state, capital = self._state, account.capital(now)
        closed = tuple(account.newly_closed(now))
        standing = account.at(now)
        missing = _missing(standing, capital)
        if unseen and missing:
            # The past is looked at once, and at an unknown capital nothing is learned from it.
            return (*self._decisions, equity_unknown(missing))
        if unseen and (past := self._past(account, now)):
            state, closed = self._catch_up(state, past, capital, closed)
        seen = Observation(
            now,
            capital,
            standing.profit,
            standing.open_profit,
            closed,
            self.locks.cleared_at(),
            missing,
        )
        self._state, self._decisions = step(self.limits, state, seen)
        account.counted()  # only now: if anything above fails, the same trades are counted again
        if self._state.high_water is not None:
            account.store_high_water(self._state.high_water, COARSE * capital)
        if self._can_rest and not self._decisions and account.unmoved():
            self._resting = seen._replace(closed=())
        return self._decisions

    def rests(self, now: datetime) -> bool:
        if self._resting is None or self._account is None or not self._account.unmoved():
            return False
        # Equity is unchanged and its highs can only leave a window, so no limit can trip.
        self._rested = now
        return True

    def _past(self, account: Account, now: datetime) -> list[tuple[datetime, float]]:
        """Returns the profits of the time without samples: before this process, or, if Freqtrade
        runs the breaker, between two closed trades."""
        cleared = self.locks.cleared_at() or FIRST
        since = max(self._state.now or now - self.limits.memory, cleared)
        points = list(account.curve(since, now))
        mark = account.stored_high_water() if self._state.now is None else None
        if mark is not None and (at := datetime.fromtimestamp(mark[0], UTC)) >= cleared:
            points.append((at, mark[1]))
        return sorted(points)

    def _catch_up(
        self,
        state: DrawdownState,
        past: list[tuple[datetime, float]],
        capital: float,
        closed: tuple[ClosedTrade, ...],
    ) -> tuple[DrawdownState, tuple[ClosedTrade, ...]]:
        """Returns `state` with the past added, and the trades that closed after it."""
        cleared = self.locks.cleared_at()
        closed = tuple(t for t in closed if cleared is None or t.closed_at > cleared)
        observations = []
        for at, profit in past:
            told = tuple(trade for trade in closed if trade.closed_at <= at)
            closed = closed[len(told) :]
            # Past open profit is irrelevant: limits on open positions apply to the present.
            observations.append(Observation(at, capital, profit, 0.0, told, cleared))
        return rebuild(self.limits, state, observations), closed


def _missing(standing: AccountStanding, capital: float) -> str:
    """Returns which prices or capital are unknown, for messages; empty if all are known."""
    if not standing.unpriced and not isnan(capital):
        return ""
    capitals = ["the capital"] if isnan(capital) else []
    return ", ".join(["the price of " + pair for pair in standing.unpriced] + capitals)
