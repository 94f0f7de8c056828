"""The files of a bot, trade database and journal, and what it does with them as it starts."""

from __future__ import annotations

from pathlib import Path

from freqtrade.persistence import Order, Trade, init_db
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from perpkit.record.journal import Journal
from perpkit.record.opening import (
    TAG_KEY,
    JournalFinding,
    JournalState,
    adopt,
    assess,
    make,
    mark_opened,
)
from perpkit.record.trade_database import TradeDatabase
from tests import factories

TAG = "3fa2c1"
NOW = 1_790_000_000_000


class Files:
    """Trade database and journal in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def db_url(self) -> str:
        return f"sqlite:///{self.folder}/trades.sqlite"

    @property
    def path(self) -> Path:
        return self.folder / "trades.journal.sqlite"

    @property
    def database(self) -> TradeDatabase:
        return TradeDatabase.at(self.db_url)

    @property
    def found(self) -> JournalFinding:
        return assess(self.path, self.database)

    def start(self) -> JournalState:
        """As a bot does; the state that it has found."""
        found = self.found
        if found.state is JournalState.FIRST:
            make(self.path, self.database, TAG, NOW).close()
        if found.state.is_sound:
            journal = Journal.open(self.path)
            mark_opened(journal, self.database)
            journal.begin("RsiSmaSwing", NOW)
            journal.close()
        return found.state

    def adopt(self) -> Path | None:
        return adopt(self.path, self.database, self.found, NOW)


def files_of_a_bot(folder: Path) -> Files:
    """Of one that has never started with a journal, and has one trade with its stop.

    :param folder: to be made
    """
    folder.mkdir()
    made = Files(folder)
    init_db(made.db_url)
    trade = factories.trade()
    stop = Order(
        order_id="77",
        ft_pair=trade.pair,
        ft_order_side="stoploss",
        ft_amount=trade.amount,
        ft_price=29_000.0,
        ft_is_open=True,
        side="sell",
        order_type="stop_market",
        status="open",
        amount=trade.amount,
        stop_price=29_000.0,
        order_date=trade.open_date,
    )
    trade.orders.append(stop)
    Trade.commit()
    engine = Trade.session.get_bind()
    Trade.session.remove()
    engine.dispose()
    made.database.store(TAG_KEY, TAG)
    return made


def without_wal(path: Path) -> None:
    """All of a database in its one file, as after a clean end."""
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
