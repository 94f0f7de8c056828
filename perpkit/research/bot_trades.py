"""The trades and locks of a bot, in dry-run or live, from Freqtrade's trade database."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from perpkit.record.decisions import Decision
from perpkit.record.trade_database import TradeDatabase, ms
from perpkit.research.locks import Lock, is_lifted
from perpkit.research.trades import Trade, TradeFill

SLIPPAGE_KEY = "perpkit_slippage"
STATE_KEY = "perpkit_trade"
_ORDERS = (
    "SELECT o.*, t.is_short FROM orders o JOIN trades t ON t.id = o.ft_trade_id"
    " WHERE o.filled > 0 AND o.ft_is_open = false ORDER BY o.id"
)
_KEPT = "SELECT ft_trade_id, cd_key, cd_value, created_at FROM trade_custom_data"


@dataclass(frozen=True)
class TradedTime:
    """When a bot traded with a strategy, s since 1970 UTC.

    :param first, last: of all fills and exits
    :param after, before: outside of which what is known of the bot is not the strategy's: the time
        between its trades and those of another is of neither
    """

    first: float
    last: float
    after: float
    before: float

    @classmethod
    def of(cls, trades: Sequence[Trade], others: Sequence[float]) -> TradedTime:
        """:param others: when trades of other strategies were opened"""
        events = [fill.at for trade in trades for fill in trade.fills]
        events += [trade.closed for trade in trades if trade.closed is not None]
        first, last = min(events), max(events)
        after = first if any(at < first for at in others) else -np.inf
        before = last if any(at > last for at in others) else np.inf
        return cls(first, last, after, before)

    @property
    def is_first(self) -> bool:
        """Whether no other strategy traded before."""
        return self.after < self.first

    def has(self, at: float) -> bool:
        return self.after <= at <= self.before


def bot_trades(database: TradeDatabase, strategy: str | None = None) -> tuple[Trade, ...]:
    """Returns all trades that have a fill, open and closed, dry-run and live, oldest first.

    :param strategy: whose trades; None for those of all
    :raises DatabaseError: when the database cannot be read
    """
    fills: dict[int, list[TradeFill]] = {}
    for row in database.rows(_ORDERS):
        fills.setdefault(row.ft_trade_id, []).append(_fill(row))
    kept: dict[int, dict[str, Any]] = {}
    for row in database.rows(_KEPT):
        kept.setdefault(row.ft_trade_id, {})[row.cd_key] = row
    return tuple(
        _trade(row, fills[row.id], kept.get(row.id, {}))
        for row in database.rows("SELECT * FROM trades ORDER BY id")
        if row.id in fills and strategy in (None, row.strategy)
    )


def bot_locks(database: TradeDatabase) -> tuple[Lock, ...]:
    """Returns all locks, expired ones included, but for those that were lifted.

    :raises DatabaseError: when the database cannot be read
    """
    rows = database.rows("SELECT * FROM pairlocks ORDER BY id")
    return tuple(
        Lock(
            row.pair,
            row.side,
            ms(row.lock_time) / 1000,
            ms(row.lock_end_time) / 1000,
            row.reason or "",
        )
        for row in rows
        if not is_lifted(bool(row.active), ms(row.lock_end_time), row.reason or "")
    )


def balance_before(database: TradeDatabase, first: float) -> float | None:
    """Returns the balance that Freqtrade recorded before the first trade; None if there is none.

    :param first: when the first trade of all was opened, s since 1970 UTC
    """
    recorded = _first_balance(database)
    return recorded[1] if recorded is not None and recorded[0] <= first else None


def seen_at(
    database: TradeDatabase, decisions: Sequence[Decision], first: float
) -> Iterator[float]:
    """Yields when the bot was there without a trade, as one is that a breaker has halted.

    :param first: when the first trade was opened, s since 1970 UTC, as the times returned
    """
    yield from (one.at.timestamp() for one in decisions)
    # A balance is recorded with the midnight before it.
    yield max(first, _last_balance(database) or first)
    began = database.moment("bot_start_time")
    if began is not None:
        yield began.timestamp()


def _first_balance(database: TradeDatabase) -> tuple[float, float] | None:
    """Returns the oldest balance of the wallet that Freqtrade recorded: when, in seconds since 1970
    UTC, and how much, in stake currency.

    Freqtrade records one a day in newer releases; None if there is none.
    """
    if not database.has_table("wallet_history"):
        return None
    rows = database.rows(
        "SELECT timestamp AS at, SUM(total_quote) AS total FROM wallet_history"
        " WHERE bot_managed = true AND timestamp = (SELECT MIN(timestamp) FROM wallet_history)"
        " GROUP BY timestamp"
    )
    return (ms(rows[0].at) / 1000, float(rows[0].total)) if rows and rows[0].total else None


def _last_balance(database: TradeDatabase) -> float | None:
    """Returns when Freqtrade last recorded the balance, s since 1970 UTC; None if it never did."""
    if not database.has_table("wallet_history"):
        return None
    (newest,) = database.rows("SELECT MAX(timestamp) AS at FROM wallet_history")
    return None if newest.at is None else ms(newest.at) / 1000


def _fill(row: Any) -> TradeFill:
    entry = "sell" if row.is_short else "buy"
    return TradeFill(
        ms(row.order_filled_date or row.order_date) / 1000,
        row.filled - (row.ft_fee_base or 0.0),
        row.average or row.price or row.ft_price,
        row.ft_order_side == entry,
        row.ft_order_tag or "",
        row.funding_fee or 0.0,
    )


def _trade(row: Any, fills: list[TradeFill], kept: Mapping[str, Any]) -> Trade:
    ordered = tuple(sorted(fills, key=lambda fill: fill.at))
    slippage = _value(kept.get(SLIPPAGE_KEY), row)
    # For an open trade, `close_profit_abs` covers only its last exit.
    profit = row.realized_profit if row.is_open else row.close_profit_abs
    return Trade(
        pair=row.pair,
        is_short=bool(row.is_short),
        leverage=row.leverage or 1.0,
        opened=ms(row.open_date) / 1000,
        closed=None if row.is_open else ms(row.close_date) / 1000,
        profit=profit or 0.0,
        ratio=row.close_profit or 0.0,
        fee_open=row.fee_open or 0.0,
        fee_close=row.fee_close or 0.0,
        funding=row.funding_fees or 0.0,
        fills=ordered,
        enter_tag=row.enter_tag or "",
        exit_reason=row.exit_reason or "",
        lowest=row.min_rate,
        highest=row.max_rate,
        first_stop=_first_stop(row, ordered, _value(kept.get(STATE_KEY), row)),
        last_stop=row.stop_loss or None,
        liquidation=row.liquidation_price,
        slippage_bps=slippage.get("actual_bps"),
    )


def _first_stop(row: Any, fills: tuple[TradeFill, ...], state: Mapping[str, Any]) -> float | None:
    """Returns where the first stop stood: as a strategy of ours recorded it, else Freqtrade's."""
    risk = state.get("risk")
    if not risk:
        return row.initial_stop_loss or None
    return fills[0].rate + (risk if row.is_short else -risk)


def _value(kept: Any, trade: Any) -> dict[str, Any]:
    """Returns a record kept with a trade; an earlier trade may have had the same id."""
    if kept is None or ms(kept.created_at) < ms(trade.open_date) - 1000:
        return {}
    try:
        value = json.loads(kept.cd_value)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
