"""What a backtest or a bot did, in one shape, from an export or a trade database of Freqtrade."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from perpkit.files.errors import FileError
from perpkit.files.zipped import unpacked
from perpkit.market.exchanges import DEFAULT_EXCHANGE
from perpkit.market.times import dates_of
from perpkit.record.decisions import Decision
from perpkit.record.trade_database import TradeDatabase, ms
from perpkit.record.urls import refuse_url
from perpkit.research.bot_trades import (
    TradedTime,
    balance_before,
    bot_locks,
    bot_trades,
    seen_at,
)
from perpkit.research.locks import Lock, exported_locks
from perpkit.research.marked import NoStrategyError, load_export, load_exported_config
from perpkit.research.noted import noted_beside, noted_in_export, with_stops
from perpkit.research.trades import Trade, exported_trade

_SQLITE = b"SQLite format 3\0"
# Of Freqtrade's wallet over time: 5m candles of ten years have 50 MiB.
_MOST_WALLET_BYTES = 2**28


@dataclass(frozen=True)
class Results:
    """
    :param source: the file that they are from
    :param timeframe: of the strategy's candles
    :param start, end: of the backtest, or of what is known of the bot, with or without a trade; s
        since 1970 UTC
    :param starting_balance: in stake currency
    :param pairs: that could be traded; for a bot, those that were
    :param stats: Freqtrade's own figures; empty for a bot
    :param config: of the backtest; empty where it is not exported
    :param wallet: Freqtrade's own equity, if exported
    :param decisions: that were noted, oldest first; empty where there is no decision log
    :param recorded_balance: of a bot before its first trade, where the database has it: of the
        whole wallet, also where the bot may use a part of it
    :param strategies, timeframes: all that the trades of a bot are of; with a strategy that was
        chosen, that one and its own
    """

    source: Path
    strategy: str
    stake_currency: str
    timeframe: str
    start: float
    end: float
    starting_balance: float
    pairs: tuple[str, ...]
    trades: tuple[Trade, ...]
    locks: tuple[Lock, ...] = ()
    stats: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    wallet: pd.Series | None = None
    decisions: tuple[Decision, ...] = ()
    recorded_balance: float | None = None
    strategies: tuple[str, ...] = ()
    timeframes: tuple[str, ...] = ()

    @property
    def is_bot(self) -> bool:
        return not self.stats

    @property
    def exchange(self) -> str:
        """Its name, where the export has the configuration; else Binance."""
        return str((self.config.get("exchange") or {}).get("name") or DEFAULT_EXCHANGE)

    @property
    def breakers_locks(self) -> tuple[Lock, ...]:
        return tuple(lock for lock in self.locks if lock.is_breakers)

    @property
    def closed(self) -> list[Trade]:
        """In the order of closing."""
        ended = [trade for trade in self.trades if trade.closed is not None]
        return sorted(ended, key=lambda trade: trade.closed or 0.0)


def load_results(
    path: Path, strategy: str | None = None, starting_balance: float | None = None
) -> Results:
    """Returns the results in a backtest export (.zip or .json) or a trade database (SQLite).

    :param strategy: may be omitted if there is only one; of a bot, all trades count then
    :param starting_balance: of a bot; counts before one that the database has
    :raises FileError: if the file is neither
    :raises DatabaseError: if the database cannot be read
    :raises ValueError: if the strategy is not in it, the balance is missing, stakes are of several
        currencies, or it is a URL
    """
    refuse_url("results", path)
    try:
        with path.open("rb") as file:
            is_database = file.read(len(_SQLITE)) == _SQLITE
    except OSError as error:
        raise FileError(
            f"results must be a backtest export or a trade database, got {path}: {error.strerror}"
        ) from error
    if is_database:
        return _from_database(path, strategy, starting_balance)
    return _from_export(path, strategy)


def _from_export(path: Path, strategy: str | None) -> Results:
    stats = load_export(path, strategy)
    stops_are_real = _stops_are_real(stats)
    trades = tuple(exported_trade(trade, stops_are_real(trade)) for trade in stats["trades"])
    pairs = stats.get("pairlist") or sorted({trade.pair for trade in trades})
    name = str(stats.get("strategy_name") or strategy or "strategy")
    decisions = noted_in_export(path, name)
    start, end = (
        pd.Timestamp(stats[key], tz="UTC").timestamp() for key in ("backtest_start", "backtest_end")
    )
    return Results(
        source=path,
        strategy=name,
        stake_currency=str(stats.get("stake_currency") or _quote(pairs)),
        timeframe=str(stats.get("timeframe") or "1h"),
        start=start,
        # Freqtrade closes what is left open with the last candle, and states when that opened.
        end=max([end, *(trade.closed for trade in trades if trade.closed is not None)]),
        starting_balance=float(stats["starting_balance"]),
        pairs=tuple(pairs),
        trades=with_stops(trades, decisions),
        locks=exported_locks(stats.get("locks") or ()),
        stats=stats,
        config=load_exported_config(path),
        wallet=_wallet(path, name, str(stats.get("stake_currency"))),
        decisions=decisions,
    )


class _stops_are_real:  # noqa: N801
    """Whether a trade's initial stop in an export is where its first stop stood.

    It is the strategy's fixed `stoploss` at first; one that a strategy sets itself replaces it only
    if the strategy says so.
    """

    def __init__(self, stats: Mapping[str, Any]) -> None:
        self._fixed = stats.get("stoploss")
        self._own = bool(stats.get("use_custom_stoploss"))

    def __call__(self, trade: Mapping[str, Any]) -> bool:
        ratio = trade.get("initial_stop_loss_ratio")
        if ratio is None:
            return False
        return not self._own or self._fixed is None or not np.isclose(ratio, self._fixed)


def _wallet(path: Path, strategy: str, currency: str) -> pd.Series | None:
    """Returns Freqtrade's own equity, by time; None if it is not in the export."""
    member = f"{path.stem}_{strategy}_wallet.feather"
    if not zipfile.is_zipfile(path):
        return None
    try:
        content = unpacked(path, str(path), lambda _: member, _MOST_WALLET_BYTES)
        frame = pd.read_feather(io.BytesIO(content))
        value = (frame["rate"] * frame["balance"]).to_numpy(dtype=np.float64)
        wallet = pd.Series(value, dates_of(frame["date"]), name=currency)
        return wallet.groupby(level=0).sum()
    except (FileError, KeyError, ValueError, TypeError, OSError):
        return None


def _from_database(path: Path, strategy: str | None, balance: float | None) -> Results:
    database = TradeDatabase.at(f"sqlite:///{path}", read_only=True)
    rows = database.rows(
        "SELECT strategy, stake_currency, timeframe, open_date FROM trades ORDER BY id"
    )
    names = _strategies(path, rows, strategy)
    trades = bot_trades(database, strategy)
    if not trades:
        raise ValueError(f"results must have a trade, got none in {path}")
    own, quote = [r for r in rows if strategy in (None, r.strategy)], _quote([trades[0].pair])
    others = [ms(row.open_date) / 1000 for row in rows if strategy not in (None, row.strategy)]
    traded = TradedTime.of(trades, others)
    # The log is found by the database's name, and may have begun with one that was removed.
    began = database.moment("bot_start_time")
    decisions = [one for one in noted_beside(path) if began is None or one.at >= began]
    seen = [at for at in seen_at(database, decisions, traded.first) if traded.has(at)]
    recorded = balance_before(database, traded.first) if traded.is_first else None
    return Results(
        source=path,
        strategy=", ".join(names) or "bot",
        stake_currency=_one_currency(
            path, {row.stake_currency or quote for row in own}, len(names) > 1
        ),
        timeframe=_timeframe(own[-1].timeframe),
        start=min([traded.first, *seen]),
        end=max([traded.last, *seen]),
        starting_balance=_starting_balance(recorded, traded.is_first, balance),
        pairs=tuple(sorted({trade.pair for trade in trades})),
        trades=with_stops(trades, decisions),
        locks=tuple(
            lock
            for lock in bot_locks(database)
            if lock.until > traded.after and lock.start <= traded.before
        ),
        decisions=tuple(one for one in decisions if traded.has(one.at.timestamp())),
        recorded_balance=recorded,
        strategies=names,
        timeframes=tuple(dict.fromkeys(_timeframe(row.timeframe) for row in own if row.timeframe)),
    )


def _strategies(path: Path, rows: Sequence[Any], strategy: str | None) -> tuple[str, ...]:
    """Returns the one that was chosen, else all that a bot's trades are of.

    :raises NoStrategyError: for one of which there is no trade
    """
    names = tuple(sorted({row.strategy for row in rows} - {None}))
    if rows and strategy is not None and strategy not in names:
        known = ", ".join(names) or "none"
        raise NoStrategyError(f"strategy must be one of {known} in {path}, got {strategy}")
    return names if strategy is None else (strategy,)


def _one_currency(path: Path, currencies: set[str], are_several: bool) -> str:
    """
    :param are_several: whether a strategy could be chosen
    :raises ValueError: for several: their balances are no one account
    """
    if len(currencies) > 1:
        raise ValueError(
            f"results must have one stake currency, got {', '.join(sorted(currencies))} in {path}: "
            + (
                "give the strategy that traded in one of them"
                if are_several
                else "one strategy traded in them, and their balances are no one account"
            )
        )
    return next(iter(currencies))


def _starting_balance(recorded: float | None, is_first: bool, given: float | None) -> float:
    """Returns the balance before the first trade, as it was given, else as it was recorded.

    :param is_first: whether no other strategy traded before; what is recorded is from before that
    """
    # A recorded one can be of more than the bot may use, and its date earlier than it was made.
    balance = recorded if given is None else given
    if balance is None:
        raise ValueError(
            "starting_balance must be given: the trade database does not have the balance from "
            "before the first trade"
            + ("" if is_first else " of this strategy, which is not its first")
        )
    return balance


def _timeframe(minutes: int | None) -> str:
    """Returns minutes, as the database has them, in Freqtrade's words."""
    minutes = minutes or 60
    for unit, length in (("w", 10_080), ("d", 1_440), ("h", 60)):
        if minutes % length == 0:
            return f"{minutes // length}{unit}"
    return f"{minutes}m"


def _quote(pairs: Any) -> str:
    first = next(iter(pairs), "/USDT")
    return str(first).split("/")[-1].split(":")[0]
