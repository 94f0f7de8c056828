"""Marks a trade database that was used at a simulated venue, and in which mode.

Its trades look like any others: at the exchange, or in the other mode, a bot would look for
positions and orders that do not exist. The mark is a table that Freqtrade ignores.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from perpkit.record.urls import shown_parsed
from perpkit.rehearsal import RehearsalError


@dataclass(frozen=True)
class Content:
    """What a trade database contains.

    :param mode: of the rehearsals that it was used for, "dry-run" or "live"; None without any
    """

    mode: str | None = None
    has_trades: bool = False
    has_open_trades: bool = False


def content(db_url: str) -> Content:
    """Returns what a database contains; it is not created if it does not exist.

    :raises SQLAlchemyError: when it cannot be read
    """
    if _in_memory(db_url) or not _exists(db_url):
        return Content()
    with _engine(db_url).connect() as connection:
        tables = inspect(connection).get_table_names()
        mode = (
            _first(connection, "SELECT mode FROM perpkit_venue")
            if "perpkit_venue" in tables
            else None
        )
        if "trades" not in tables:
            return Content(mode)
        return Content(
            mode,
            has_trades=_first(connection, "SELECT id FROM trades LIMIT 1") is not None,
            has_open_trades=_first(connection, "SELECT id FROM trades WHERE is_open = true LIMIT 1")
            is not None,
        )


def claim(db_url: str, mode: str) -> None:
    """Marks a database as one of rehearsals.

    :param mode: "dry-run" or "live"
    :raises RehearsalError: when it has trades not made at a venue, or was used in the other mode
    :raises SQLAlchemyError: when it cannot be read or written
    """
    if _in_memory(db_url):
        return
    found = content(db_url)
    if found.mode is None and found.has_trades:
        raise RehearsalError(
            f"{_shown(db_url)} has trades that were not made at a venue: use the database of the "
            "venue's overlay (leave out --db-url, give the overlay last), or a new one"
        )
    if found.mode not in (None, mode):
        raise RehearsalError(
            f"{_shown(db_url)} was used at a venue in the mode {found.mode}, and this is {mode}: "
            "use an overlay that was written for it, or a new database"
        )
    if found.mode is None:
        if (file := _file(db_url)) is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        with _engine(db_url).begin() as connection:
            connection.execute(text("CREATE TABLE perpkit_venue (mode VARCHAR(20))"))
            connection.execute(text("INSERT INTO perpkit_venue VALUES (:mode)"), {"mode": mode})


def refuse_rehearsed(db_url: str) -> Content:
    """Returns what a database contains, before it is used at the exchange.

    :raises RehearsalError: when it was used at a venue
    """
    try:
        found = content(db_url)
    except SQLAlchemyError:
        return Content()  # Freqtrade reports the error itself
    if found.mode is not None:
        raise RehearsalError(
            f"{_shown(db_url)} has the trades of rehearsals at a simulated venue: use another "
            "database (db_url)"
        )
    return found


def _in_memory(db_url: str) -> bool:
    url = make_url(db_url)
    return url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")


def _file(db_url: str) -> Path | None:
    url = make_url(db_url)
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def _exists(db_url: str) -> bool:
    file = _file(db_url)
    return file is None or file.is_file()


def _engine(db_url: str) -> Engine:
    return create_engine(db_url, poolclass=NullPool)


def _first(connection: Connection, query: str) -> str | None:
    value = connection.execute(text(query)).scalar()
    return None if value is None else str(value)


def _shown(db_url: str) -> str:
    return shown_parsed(make_url(db_url))
