"""The state of each trade, beside what Freqtrade keeps of it.

It belongs to a trade, which is an id and when it was opened: SQLite gives the id of a deleted
newest row to the next one, and Freqtrade deletes entries that never filled. What has to outlive the
process is in Freqtrade's database, in one entry of the trade's custom data that says whose it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from freqtrade.persistence import LocalTrade, Trade
from freqtrade.persistence.custom_data import _CustomData

from perpkit.risk.slicing import Plan

STATE_KEY = "perpkit_trade"
# Before there was one entry for both; they do not say whose they are.
OLD_RISK_KEY = "perpkit_risk"
OLD_PLAN_KEY = "perpkit_slices"


class TradeKey(NamedTuple):
    """What tells a trade from every other."""

    id: int
    opened: datetime


class Rest(NamedTuple):
    """What is missing of a nearly filled entry is still to be taken.

    :param order: the exchange's id of the entry
    :param at: when that was decided
    """

    order: str
    at: datetime


@dataclass
class TradeState:
    """
    :param opened: when the trade was, UTC
    :param risk: R, in price; 0 before the entry has filled
    :param plan: of an entry that goes in by slices, while there are any to come
    :param best: highest rate since entry, lowest of a short
    :param candle: when the newest candle that was looked at closed, seconds since 1970 UTC
    :param amount: of the position when its stop was looked at last
    :param reducing: whether the breakers were REDUCING then
    :param overtaken: the rate had passed where the stop should go: to be closed
    :param ends: the contract does so soon: to be closed
    :param rest: of a nearly filled entry, while it is still to be taken
    :param covered_at: when the position was last seen to have its stop at the exchange
    :param given_up: no stop could be placed, and the position is being closed for it
    """

    opened: datetime
    risk: float = 0.0
    plan: Plan | None = None
    best: float = 0.0
    candle: float = 0.0
    amount: float = 0.0
    reducing: bool = False
    overtaken: bool = False
    ends: bool = False
    rest: Rest | None = None
    covered_at: datetime | None = None
    given_up: bool = False


class TradeStates:
    """The states of a run's trades.

    A state ends with its trade: those of trades that have closed or are gone are dropped when
    another trade begins. In a backtest no id comes again, and all end with the run.

    :param kept: whether trades live in a database
    """

    def __init__(self, kept: bool) -> None:
        self.kept = kept
        self._states: dict[int, TradeState] = {}

    def __len__(self) -> int:
        return len(self._states)

    def of(self, trade: LocalTrade) -> TradeState:
        """The trade's own; at the first look, what the database has of it."""
        state = self._states.get(trade.id)
        if state is not None and state.opened == utc(trade.open_date):
            return state
        if self.kept:
            self._drop_ended()
        state = self._states[trade.id] = self.stored(trade)
        return state

    def stored(self, trade: LocalTrade) -> TradeState:
        """What the database has of the trade, which may have closed: one look-up."""
        state = TradeState(utc(trade.open_date))
        if self.kept and isinstance(trade, Trade):
            _CustomData.session.expire_all()  # another thread may have deleted and added rows
            found = {entry.cd_key: entry for entry in trade.get_all_custom_data()}
            _read(state, found)
        return state

    def store(self, trade: LocalTrade, state: TradeState) -> None:
        """Keep what has to outlive the process."""
        if self.kept:
            content = {
                "opened": state.opened.isoformat(),
                "risk": state.risk,
                "plan": list(state.plan) if state.plan else None,
            }
            trade.set_custom_data(STATE_KEY, content)

    def _drop_ended(self) -> None:
        still_open = {t.id: utc(t.open_date) for t in Trade.get_trades_proxy(is_open=True)}
        self._states = {
            number: state
            for number, state in self._states.items()
            if still_open.get(number) == state.opened
        }


def _read(state: TradeState, found: dict[str, Any]) -> None:
    entry = found.get(STATE_KEY)
    if entry is not None and entry.value["opened"] == state.opened.isoformat():
        state.risk = float(entry.value["risk"])
        state.plan = Plan(*entry.value["plan"]) if entry.value["plan"] else None
        return
    # Those of an earlier trade with this id were made before this one was opened.
    own = {
        key: entry.value for key, entry in found.items() if utc(entry.created_at) >= state.opened
    }
    state.risk = float(own.get(OLD_RISK_KEY) or 0.0)
    if plan := own.get(OLD_PLAN_KEY):
        state.plan = Plan(*plan)


def key_of(trade: LocalTrade) -> TradeKey:
    return TradeKey(trade.id, utc(trade.open_date))


def utc(moment: datetime) -> datetime:
    """The database returns times without their zone."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
