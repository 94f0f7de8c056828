"""Perpkit's own state of each trade, in addition to Freqtrade's.

A trade is identified by its id and opening time: SQLite reuses the id of a deleted newest row, and
Freqtrade deletes entries that never filled. What must survive a restart is stored in Freqtrade's
database, in one custom-data entry of the trade that includes the opening time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from freqtrade.persistence import LocalTrade, Trade
from freqtrade.persistence.custom_data import _CustomData

from perpkit.risk.slicing import Plan
from perpkit.risk.stops import stop_price

STATE_KEY = "perpkit_trade"
# Keys of older versions, which used one entry each and stored no opening time.
OLD_RISK_KEY = "perpkit_risk"
OLD_PLAN_KEY = "perpkit_slices"


class TradeKey(NamedTuple):
    """The identity of a trade."""

    id: int
    opened: datetime


class Rest(NamedTuple):
    """The unfilled rest of a nearly filled entry, which is still to be ordered.

    :param order: exchange id of the entry order
    :param at: time of the decision
    """

    order: str
    at: datetime


@dataclass
class TradeState:
    """What Perpkit remembers of one trade.

    :param opened: opening time of the trade, UTC
    :param risk: R, in price; 0 before the entry has filled
    :param plan: plan of an entry in slices, until the last slice is placed
    :param best: highest rate since the entry, lowest for a short
    :param candle: close time of the newest candle evaluated, seconds since 1970 UTC
    :param amount: position size when its stop was last evaluated
    :param reducing: whether the breakers were REDUCING at that time
    :param overtaken: the rate had already passed the new stop: the trade must be closed
    :param beyond: why the trade must be closed for its loss, an exit reason; empty if it need not
    :param ends: the contract is about to be delisted: the trade must be closed
    :param rest: rest of a nearly filled entry that is still to be ordered
    :param covered_at: when the position was last seen with its stop at the exchange
    :param given_up: no stop could be placed, and the position is being closed because of it
    """

    opened: datetime
    risk: float = 0.0
    plan: Plan | None = None
    best: float = 0.0
    candle: float = 0.0
    amount: float = 0.0
    reducing: bool = False
    overtaken: bool = False
    beyond: str = ""
    ends: bool = False
    rest: Rest | None = None
    covered_at: datetime | None = None
    given_up: bool = False


class TradeStates:
    """The states of the trades of a run.

    States of closed or deleted trades are dropped when another trade begins. In a backtest ids are
    never reused, and all states end with the run.

    :param kept: whether trades live in a database
    """

    def __init__(self, kept: bool) -> None:
        self.kept = kept
        self._states: dict[int, TradeState] = {}

    def __len__(self) -> int:
        return len(self._states)

    def of(self, trade: LocalTrade) -> TradeState:
        """Returns the state of a trade; the first call loads it from the database."""
        state = self._states.get(trade.id)
        if state is not None and state.opened == utc(trade.open_date):
            return state
        if self.kept:
            self._drop_ended()
        state = self._states[trade.id] = self.stored(trade)
        return state

    def stored(self, trade: LocalTrade) -> TradeState:
        """Returns a new state as the database has it; the trade may be closed. One query."""
        state = TradeState(utc(trade.open_date))
        if self.kept and isinstance(trade, Trade):
            _CustomData.session.expire_all()  # another thread may have deleted and added rows
            found = {entry.cd_key: entry for entry in trade.get_all_custom_data()}
            _read(state, found)
        return state

    def store(self, trade: LocalTrade, state: TradeState) -> None:
        """Stores the part of a state that must survive a restart."""
        if self.kept:
            content = {
                "opened": state.opened.isoformat(),
                "risk": state.risk,
                "plan": list(state.plan) if state.plan else None,
                "in_words": _in_words(trade, state),
            }
            trade.set_custom_data(STATE_KEY, content)

    def _drop_ended(self) -> None:
        still_open = {t.id: utc(t.open_date) for t in Trade.get_trades_proxy(is_open=True)}
        self._states = {
            number: state
            for number, state in self._states.items()
            if still_open.get(number) == state.opened
        }


def _in_words(trade: LocalTrade, state: TradeState) -> str:
    """For FreqUI and `/list_custom_data`; nothing reads it."""
    if not (state.risk and trade.open_rate):
        return "its risk is not known before the entry has filled"
    share = state.risk / trade.open_rate
    stop = stop_price(trade.open_rate, share, trade.is_short)
    sliced = f"; slices are still to come: {state.plan}" if state.plan else ""
    return (
        f"R is {state.risk:.6g}, {share:.2%} of the entry at {trade.open_rate:.8g}: first stop at "
        f"{stop:.8g}{sliced}"
    )


def _read(state: TradeState, found: dict[str, Any]) -> None:
    entry = found.get(STATE_KEY)
    if entry is not None and entry.value["opened"] == state.opened.isoformat():
        state.risk = float(entry.value["risk"])
        state.plan = Plan(*entry.value["plan"]) if entry.value["plan"] else None
        return
    # Entries created before this trade was opened belong to an earlier trade with the same id.
    own = {
        key: entry.value for key, entry in found.items() if utc(entry.created_at) >= state.opened
    }
    state.risk = float(own.get(OLD_RISK_KEY) or 0.0)
    if plan := own.get(OLD_PLAN_KEY):
        state.plan = Plan(*plan)


def key_of(trade: LocalTrade) -> TradeKey:
    return TradeKey(trade.id, utc(trade.open_date))


def utc(moment: datetime) -> datetime:
    """Returns a time with its zone, UTC if it has none, as times from the database."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
