"""Old trades go, all of them or none; what something rests on stays."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from freqtrade.persistence import KeyValueStore, Trade, init_db

from perpkit.record import pruning
from perpkit.record.opening import JournalState
from perpkit.record.pruning import PruningError, prune
from perpkit.record.trade_database import HIGH_WATER_KEY
from tests import factories
from tests.bench.files import Files, files_of_a_bot
from tests.factories import START

DAY = timedelta(days=1)
# `factories.trade` closes four hours after it opens, 30 days apart here.
NOW = START + 200 * DAY
OLD = NOW - 90 * DAY


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Files:
    """With an open trade (1), and five that closed 200, 170, 140, 110 and 80 days ago (2 to 6)."""
    files = files_of_a_bot(tmp_path_factory.mktemp("made") / "bot")
    init_db(files.db_url)
    for number in range(5):
        opened = START + number * 30 * DAY
        trade = factories.trade("ETH/USDT:USDT", close_rate=30_100.0 + number, opened=opened)
        trade.set_custom_data("key", number)
    KeyValueStore.store_value(HIGH_WATER_KEY, "1672531200.0 100.0")
    engine = Trade.session.get_bind()
    Trade.commit()
    Trade.session.remove()
    engine.dispose()
    return files


@pytest.fixture
def bot(made, tmp_path) -> Files:
    shutil.copytree(made.folder, tmp_path / "bot")
    return Files(tmp_path / "bot")


def path_of(bot: Files) -> Path:
    return Path(bot.db_url.removeprefix("sqlite:///"))


def rows(path: Path, query: str) -> list[tuple]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


def ids(path: Path, table: str = "trades", column: str = "id") -> list[int]:
    return [n for (n,) in rows(path, f"SELECT DISTINCT {column} FROM {table} ORDER BY 1")]


def test_what_closed_before_goes_with_what_belongs_to_it(bot):
    path = path_of(bot)
    profits = dict(rows(path, "SELECT id, close_profit_abs FROM trades"))
    done = prune(path, OLD, [], NOW)
    assert ids(path) == ids(path, "orders", "ft_trade_id") == [1, 6]
    assert ids(path, "trade_custom_data", "ft_trade_id") == [6]
    gone = profits[2] + profits[3] + profits[4] + profits[5]
    assert (done.trades, done.orders) == (4, 8)
    assert done.profit == pytest.approx(gone)


def test_the_high_water_mark_goes_down_with_the_profit(bot):
    path = path_of(bot)
    done = prune(path, OLD, [], NOW)
    [(stored,)] = rows(
        path, f"SELECT string_value FROM KeyValueStore WHERE key = '{HIGH_WATER_KEY}'"
    )
    at, mark = stored.split()
    assert at == "1672531200.0"
    assert float(mark) == pytest.approx(100.0 - done.profit)
    assert done.profit != 0.0


def test_the_backup_is_the_database_as_it_was(bot):
    path = path_of(bot)
    before = {t: rows(path, f"SELECT * FROM {t}") for t in ("trades", "orders", "KeyValueStore")}
    path.chmod(0o640)
    done = prune(path, OLD, [], NOW)
    assert done.backup.name == f"trades.before-prune-{NOW:%Y%m%dT%H%M%S}.sqlite"
    assert done.backup.stat().st_mode & 0o777 == 0o640
    assert {t: rows(done.backup, f"SELECT * FROM {t}") for t in before} == before


def test_the_bot_goes_on_with_it(bot):
    """Its journal knows it, and what is open is there."""
    bot.start()
    prune(path_of(bot), OLD, [], NOW)
    assert bot.found.state is JournalState.SOUND
    assert [trade.id for trade in bot.database.open_trades()] == [1]


def test_a_backup_that_is_copied_back_is_the_bots_database(bot):
    """With `cp`, which leaves the file the same."""
    bot.start()
    path = path_of(bot)
    done = prune(path, OLD, [], NOW)
    for beside in path.parent.glob(f"{path.name}-*"):
        beside.unlink()
    subprocess.run(["cp", done.backup, path], check=True)
    assert bot.found.state is JournalState.SOUND
    assert ids(path) == [1, 2, 3, 4, 5, 6]


def test_the_newest_trade_stays_however_old_it_is(bot):
    """Or SQLite would give its number to the next."""
    path = path_of(bot)
    prune(path, NOW, [], NOW)
    assert ids(path) == [1, 6]


def test_the_trade_of_the_newest_order_stays(bot):
    """By which the mode of the database is known."""
    path = path_of(bot)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "UPDATE orders SET ft_trade_id = 3 WHERE id = (SELECT max(id) FROM orders)"
        )
    prune(path, NOW, [], NOW)
    assert ids(path) == [1, 3, 6]


@pytest.mark.parametrize(
    ("change", "needed"),
    [
        ("UPDATE orders SET ft_is_open = 1 WHERE ft_trade_id = 2", []),
        (
            "UPDATE orders SET order_id = 'mine' WHERE ft_trade_id = 2 AND ft_order_side = 'buy'",
            ["mine"],
        ),
        ("UPDATE trades SET close_date = NULL WHERE id = 2", []),
        ("UPDATE trades SET is_open = 1 WHERE id = 2", []),
    ],
    ids=["an open order", "an order of the journal", "no date", "open"],
)
def test_a_trade_on_which_something_rests_stays(bot, change, needed):
    path = path_of(bot)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(change)
    prune(path, OLD, needed, NOW)
    assert ids(path) == [1, 2, 6]


def test_a_time_at_which_nothing_had_closed_removes_nothing(bot):
    path = path_of(bot)
    done = prune(path, START, [], NOW)
    assert (done.trades, done.orders, done.profit) == (0, 0, 0.0)
    assert ids(path) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("writes", [False, True])
def test_a_database_that_somebody_has_open_is_left(bot, writes):
    path = path_of(bot)
    with closing(sqlite3.connect(path)) as other:
        other.execute("SELECT * FROM trades").fetchall()
        if writes:
            other.execute("BEGIN IMMEDIATE")
        with pytest.raises(PruningError, match=r"A process has .* open"):
            prune(path, OLD, [], NOW)
    assert ids(path) == [1, 2, 3, 4, 5, 6]
    assert [p.name for p in path.parent.glob("*before-prune*")] == []


@pytest.mark.parametrize("step", ["orders", "trades", "KeyValueStore"])
def test_an_error_on_the_way_takes_all_of_it_back(bot, step):
    path = path_of(bot)
    act = "UPDATE" if step == "KeyValueStore" else "DELETE"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            f"CREATE TRIGGER no BEFORE {act} ON {step} BEGIN SELECT RAISE(ABORT, 'not now'); END"
        )
    before = {t: rows(path, f"SELECT * FROM {t}") for t in ("trades", "orders", "KeyValueStore")}
    with pytest.raises(PruningError, match="not now"):
        prune(path, OLD, [], NOW)
    assert {t: rows(path, f"SELECT * FROM {t}") for t in before} == before


def test_a_damaged_database_is_left(bot):
    path = path_of(bot)
    rows(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    content[4096 * 2 : 4096 * 4] = bytes(range(256)) * 32
    path.write_bytes(content)
    with pytest.raises(PruningError):
        prune(path, OLD, [], NOW)
    assert path.read_bytes() == content
    assert [p.name for p in path.parent.glob("*before-prune*")] == []


def test_without_room_for_a_backup_nothing_is_begun(bot, monkeypatch):
    path = path_of(bot)
    usage = type("Usage", (), {"free": 2 * path.stat().st_size})
    monkeypatch.setattr(pruning.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(PruningError, match="no room for a backup"):
        prune(path, OLD, [], NOW)


def test_a_time_zone_is_taken_into_account(bot):
    """Trade 6 closed 79 days and 20 hours ago."""
    path = path_of(bot)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE trades SET close_date = '2023-05-01 04:00:00.000000' WHERE id = 5")
    moment = datetime(2023, 5, 1, 4, tzinfo=UTC)
    prune(path, moment, [], NOW)
    assert 5 in ids(path)
    prune(path, moment + timedelta(microseconds=1), [], NOW + DAY)
    assert 5 not in ids(path)
