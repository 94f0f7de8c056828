"""Closes trades that have lost too much, alone or with the others of their enter tag.

Freqtrade has no limit of this kind, and a stop is none for a strategy that adds to what it loses
on. A trade is judged at the rate at which it would be closed, whenever exits are looked at; a tag
once per loop, in a backtest once per candle. What has been decided stays decided until the trade
has closed, though the price comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from math import isnan, nan

from freqtrade.persistence import LocalTrade

from perpkit.bot.positions.account import Account
from perpkit.bot.positions.trade_figures import net_profit, open_trades
from perpkit.bot.positions.trades import TradeStates
from perpkit.risk.limits import PositionLimits
from perpkit.risk.losses import RecentResults, TagResult, beyond, share_lost, tag_profits

# Exit reasons, named as the parameters are.
TRADE_LOSS = "max_trade_loss"
TAG_LOSS = "max_tag_loss"

UNKNOWN = "the losses of open trades are unknown: a price or the balance is missing"


class TradeLosses:
    """The losses of the trades of one run.

    :param equity: that may be traded with, marked to market; NaN while it is unknown
    :param states: returns those of the trades
    :param say: notifies the operator
    """

    def __init__(
        self,
        limits: PositionLimits,
        account: Account,
        equity: Callable[[datetime], float],
        states: Callable[[], TradeStates],
        say: Callable[[str], None],
    ) -> None:
        self._limits = limits
        self._account = account
        self._equity_at = equity
        self._states = states
        self._say = say
        self._recent = RecentResults(timedelta(days=limits.tag_loss_days).total_seconds())
        # The last known, for exits do not wait for a price of another pair.
        self._equity = nan
        self._unknown = True
        # Why tags are refused.
        self._refused: dict[str, str] = {}

    def step(self, now: datetime) -> None:
        """Looks at the equity and at all tags, once per loop."""
        if not self._limits.limits_loss:
            return
        self._unknown = True  # should the rest fail
        equity = self._equity_at(now)
        if not isnan(equity):
            self._equity = equity
        if self._limits.max_tag_loss is not None:
            self._look_at_tags(now)
        self._unknown = isnan(equity)

    def _look_at_tags(self, now: datetime) -> None:
        closed = self._account.newly_closed(now)
        self._recent.add(TagResult(t.closed_at.timestamp(), t.tag, t.profit) for t in closed)
        self._account.counted()
        trades = open_trades()
        rated = [(tag_of(t), total_profit(t, self._account.rate(t.pair, now))) for t in trades]
        refused = {}
        for tag, profit in tag_profits(rated, self._recent.at(now.timestamp())).items():
            share = share_lost(profit, self._equity)
            if isnan(share):
                refused[tag] = self._refused.get(tag, UNKNOWN)
            elif beyond(share, self._limits.max_tag_loss):
                refused[tag] = (
                    f"tag {tag!r} has lost {share:.2%} of equity, "
                    f"max_tag_loss is {self._limits.max_tag_loss:.2%}"
                )
                self._close(trades, tag)
        self._tell(refused)
        self._refused = refused

    def _close(self, trades: Sequence[LocalTrade], tag: str) -> None:
        for trade in trades:
            if tag_of(trade) == tag:
                state = self._states().of(trade)
                state.beyond = state.beyond or TAG_LOSS

    def _tell(self, refused: dict[str, str]) -> None:
        before = {tag for tag, reason in self._refused.items() if reason != UNKNOWN}
        after = {tag for tag, reason in refused.items() if reason != UNKNOWN}
        for tag in sorted(after - before):
            self._say(f"Closed at the market, and not entered: {refused[tag]}.")
        for tag in sorted(before - after - {*refused}):
            self._say(f"Tag {tag!r} may be entered again: its loss is within max_tag_loss.")

    def exit_reason(self, trade: LocalTrade, rate: float) -> str | None:
        """Returns why the trade must be closed at once, or None.

        :param rate: at which it would be closed
        """
        if not self._limits.limits_loss:
            return None
        state = self._states().of(trade)
        if not state.beyond and (reason := self._lost(trade, rate)):
            state.beyond = TRADE_LOSS
            self._say(f"{trade.pair} {trade.trade_direction} is closed at the market: {reason}.")
        return state.beyond or None

    def _lost(self, trade: LocalTrade, rate: float) -> str | None:
        if self._limits.max_trade_loss is None:
            return None
        share = share_lost(total_profit(trade, rate), self._equity)
        if not beyond(share, self._limits.max_trade_loss):
            return None
        return (
            f"the trade has lost {share:.2%} of equity, "
            f"max_trade_loss is {self._limits.max_trade_loss:.2%}"
        )

    def against_entry(self, tag: str | None) -> str | None:
        """Returns why nothing is entered with this tag, or None."""
        if not self._limits.limits_loss:
            return None
        return UNKNOWN if self._unknown else self._refused.get(tag or "")

    def against_addition(self, trade: LocalTrade, rate: float) -> str | None:
        """Returns why nothing is added to a trade, or None.

        :param rate: of the addition
        """
        if not self._limits.limits_loss:
            return None
        if beyond_already := self._states().of(trade).beyond:
            return f"the trade is being closed: {beyond_already}"
        return self._lost(trade, rate) or self.against_entry(tag_of(trade))


def tag_of(trade: LocalTrade) -> str:
    return trade.enter_tag or ""


def total_profit(trade: LocalTrade, rate: float) -> float:
    """Returns the profit of a trade if it were closed now, with parts of it that were sold."""
    return (trade.realized_profit or 0.0) + net_profit(trade, rate)
