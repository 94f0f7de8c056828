"""Reads what the journal needs from Freqtrade's trade database, by SQL, without a running bot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from perpkit.record.looking import look
from perpkit.record.urls import shown_parsed, shown_url

# Key in Freqtrade's KeyValueStore: when the profit was highest (s since 1970 UTC), and that profit.
HIGH_WATER_KEY = "perpkit_high_water"
DRY_RUN = "dry_run_"  # prefix of the ids of dry-run orders, which were never sent


class DatabaseError(Exception):
    """The trade database cannot be used; the message is for the operator."""


@dataclass(frozen=True)
class StoredOrder:
    """An order of an open trade.

    :param side: buy or sell
    :param kind: the side as Freqtrade stores it: buy, sell or stoploss
    :param at: when it was created, ms since 1970 UTC
    """

    pair: str
    strategy: str
    order_id: str
    kind: str
    side: str
    type: str
    amount: float
    price: float | None
    stop_price: float | None
    is_entry: bool
    leverage: float | None
    tag: str | None
    at: int


@dataclass(frozen=True)
class StoredTrade:
    """An open trade; the amount is in base currency."""

    id: int
    pair: str
    is_short: bool
    amount: float
    stop_loss: float | None


@dataclass(frozen=True)
class StoredFill:
    """An order's effect on a position, as far as the database knows.

    :param side: buy or sell
    :param conditional: whether it is a stop at the exchange
    :param is_open: whether it has not ended, as far as the database knows
    :param amount: at most it fills so much, in base currency
    :param filled: in base currency
    :param opened: when its trade was opened, ms since 1970 UTC
    :param trade_is_open: may be false even while the order is open
    """

    pair: str
    is_short: bool
    order_id: str
    side: str
    conditional: bool
    is_open: bool
    amount: float
    filled: float
    opened: int
    trade_is_open: bool


class TradeDatabase:
    """A trade database of Freqtrade.

    :param engine: of a database that Freqtrade has created
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def at(cls, db_url: str, *, read_only: bool = False) -> TradeDatabase:
        """Opens an existing trade database.

        :param read_only: change nothing on disk, see `perpkit.record.looking`
        :raises DatabaseError: when there is none; it is not created
        """
        try:
            url = make_url(db_url)
            if url.get_backend_name() == "sqlite":
                if url.database in (None, "", ":memory:"):
                    raise DatabaseError("A trade database in memory ends with its bot")
                if not Path(str(url.database)).is_file():
                    raise DatabaseError(f"There is no trade database {url.database}")
            database = cls(_engine(url, read_only))
            tables = inspect(database._engine).get_table_names()
        except (SQLAlchemyError, ImportError, ValueError) as error:
            shown = _shown(db_url)
            raise DatabaseError(f"{shown} cannot be read as a trade database: {error}") from error
        if not {"trades", "orders", "KeyValueStore"} <= set(tables):
            raise DatabaseError(f"{_shown(db_url)} is no trade database of Freqtrade")
        return database

    @property
    def file(self) -> Path | None:
        """Path of the database; None if it is not a file."""
        url = self._engine.url
        if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
            return None
        return Path(str(url.database))

    @property
    def name(self) -> str:
        return str(self.file or shown_parsed(self._engine.url))

    def value(self, key: str) -> str | None:
        rows = self.rows('SELECT string_value FROM "KeyValueStore" WHERE key = :key', key=key)
        return rows[0].string_value if rows else None

    def moment(self, key: str) -> datetime | None:
        """Returns one of Freqtrade's own stored times, such as `startup_time`, in UTC."""
        rows = self.rows('SELECT datetime_value FROM "KeyValueStore" WHERE key = :key', key=key)
        if not rows or rows[0].datetime_value is None:
            return None
        return datetime.fromtimestamp(ms(rows[0].datetime_value) / 1000, UTC)

    def store(self, key: str, value: str) -> None:
        self.store_all({key: value})

    def store_all(self, values: dict[str, str]) -> None:
        """Stores all of the values, or none if that fails."""
        try:
            with self._engine.begin() as connection:
                for key, value in values.items():
                    connection.execute(
                        text('DELETE FROM "KeyValueStore" WHERE key = :key'), {"key": key}
                    )
                    connection.execute(
                        text(
                            'INSERT INTO "KeyValueStore" (key, value_type, string_value)'
                            " VALUES (:key, 'str', :value)"
                        ),
                        {"key": key, "value": value},
                    )
        except SQLAlchemyError as error:
            raise DatabaseError(f"{self.name} cannot be written: {error}") from error

    def open_trades(self) -> list[StoredTrade]:
        rows = self.rows(
            "SELECT id, pair, is_short, amount, stop_loss FROM trades WHERE is_open = true"
            " ORDER BY id"
        )
        return [
            StoredTrade(row.id, row.pair, bool(row.is_short), row.amount, row.stop_loss)
            for row in rows
        ]

    def orders_of_open_trades(self) -> list[StoredOrder]:
        """Returns live orders of open trades that are open or have fills, oldest first."""
        rows = self.rows(
            "SELECT o.*, t.strategy, t.is_short, t.leverage AS trade_leverage FROM orders o"
            " JOIN trades t ON t.id = o.ft_trade_id WHERE t.is_open = true"
            " AND (o.ft_is_open = true OR o.filled > 0) ORDER BY o.id"
        )
        return [_order(row) for row in rows if not row.order_id.startswith(DRY_RUN)]

    def fills(self) -> list[StoredFill]:
        """Returns the fills of all orders of open trades, and of all open orders, oldest first."""
        rows = self.rows(
            "SELECT o.ft_pair, o.order_id, o.ft_order_side, o.ft_is_open, o.ft_amount, o.filled,"
            " o.ft_fee_base, t.is_short, t.is_open, t.open_date FROM orders o"
            " JOIN trades t ON t.id = o.ft_trade_id"
            " WHERE t.is_open = true OR o.ft_is_open = true ORDER BY o.id"
        )
        return [_fill(row) for row in rows if not row.order_id.startswith(DRY_RUN)]

    def has_order(self, pair: str, order_id: str) -> bool:
        """Whether any trade, open or closed, has this order."""
        rows = self.rows(
            "SELECT 1 FROM orders WHERE ft_pair = :pair AND order_id = :order_id LIMIT 1",
            pair=pair,
            order_id=order_id,
        )
        return bool(rows)

    def modes(self) -> set[bool]:
        """Returns whether the open trades and the newest order were made in dry-run; both values if
        they differ."""
        rows = self.rows(
            "SELECT order_id FROM orders JOIN trades ON trades.id = ft_trade_id"
            " WHERE trades.is_open = true"
        )
        rows += self.rows("SELECT order_id FROM orders ORDER BY id DESC LIMIT 1")
        return {row.order_id.startswith(DRY_RUN) for row in rows}

    def venue_mode(self) -> str | None:
        """Returns the mode in which it was used at a simulated venue; None if it was not."""
        if not self.has_table("perpkit_venue"):
            return None
        rows = self.rows("SELECT mode FROM perpkit_venue")
        return str(rows[0].mode) if rows else None

    def has_table(self, name: str) -> bool:
        return name in inspect(self._engine).get_table_names()

    def rows(self, query: str, **values: Any) -> list[Any]:
        """Returns the rows of a query that changes nothing.

        :raises DatabaseError: when the database cannot be read
        """
        try:
            with self._engine.connect() as connection:
                return list(connection.execute(text(query), values))
        except SQLAlchemyError as error:
            raise DatabaseError(f"{self.name} cannot be read: {error}") from error


def _order(row: Any) -> StoredOrder:
    entry = "sell" if row.is_short else "buy"
    exit_side = "buy" if row.is_short else "sell"
    is_entry = row.ft_order_side == entry
    return StoredOrder(
        pair=row.ft_pair,
        strategy=row.strategy or "",
        order_id=row.order_id,
        kind=row.ft_order_side,
        side=entry if is_entry else exit_side,
        type=row.order_type or "",
        amount=row.ft_amount,
        price=row.price,
        stop_price=row.stop_price,
        is_entry=is_entry,
        leverage=row.trade_leverage,
        tag=row.ft_order_tag,
        at=ms(row.order_date),
    )


def _fill(row: Any) -> StoredFill:
    leaves = "buy" if row.is_short else "sell"
    conditional = row.ft_order_side == "stoploss"
    return StoredFill(
        pair=row.ft_pair,
        is_short=bool(row.is_short),
        order_id=row.order_id,
        side=leaves if conditional else row.ft_order_side,
        conditional=conditional,
        is_open=bool(row.ft_is_open),
        amount=row.ft_amount,
        filled=(row.filled or 0.0) - (row.ft_fee_base or 0.0),
        opened=ms(row.open_date),
        trade_is_open=bool(row.is_open),
    )


def ms(moment: datetime | str | None) -> int:
    """Returns ms since 1970 UTC, 0 for None; a time without a zone, as in SQLite, is UTC."""
    if moment is None:
        return 0
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def _engine(url: URL, read_only: bool) -> Engine:
    if not read_only or url.get_backend_name() != "sqlite":
        return create_engine(url, poolclass=NullPool)
    file = Path(str(url.database))
    return create_engine(url, poolclass=NullPool, creator=lambda: look(file))


def _shown(db_url: str) -> str:
    try:
        return shown_parsed(make_url(db_url))
    except (SQLAlchemyError, ValueError):
        return repr(shown_url(db_url))
