"""What a bot finds as it starts: its own journal, a copy, a backup, or none; and adopting it."""

from __future__ import annotations

import os
import shutil
import sqlite3

import pytest

from perpkit.record import opening
from perpkit.record.journal import Journal, JournalError, Outcome
from perpkit.record.opening import ADOPTED_AT, ID, IDENTITY, JournalState, aside_of, move_aside
from perpkit.record.order_ids import Purpose
from perpkit.record.trade_database import DatabaseError, TradeDatabase
from tests.bench.files import NOW, TAG, Files, without_wal

PAIR = "BTC/USDT:USDT"


def database_file(files: Files):
    return files.folder / "trades.sqlite"


def backup_of(files: Files):
    """Both files, in a folder beside."""
    without_wal(database_file(files))
    backup = files.folder.with_name("backup")
    shutil.copytree(files.folder, backup)
    return backup


def overwrite(target, source) -> None:
    """In place, as `cat source > target`."""
    target.write_bytes(source.read_bytes())


# What happens to the files of a bot that has started twice, and what the next start finds.


def nothing(files):
    return files


def moved(files):
    return Files(files.folder.rename(files.folder.with_name("elsewhere")))


def copied(files):
    return Files(backup_of(files))


def restored(files):
    """The whole folder from a backup."""
    backup_of(files)
    files.start()
    shutil.rmtree(files.folder)
    shutil.copytree(files.folder.with_name("backup"), files.folder)
    return files


def database_copied(files):
    """Without its journal, to another machine."""
    copy = files.folder.with_name("copy")
    copy.mkdir()
    without_wal(database_file(files))
    shutil.copy2(database_file(files), copy)
    return Files(copy)


def journal_gone(files):
    files.path.unlink()
    return files


def damaged(files):
    files.path.write_bytes(os.urandom(20_000))
    return files


def damaged_inside(files):
    content = bytearray(files.path.read_bytes())
    content[4096:12288] = b"\xff" * 8192
    files.path.write_bytes(content)
    return files


def emptied(files):
    files.path.write_bytes(b"")
    return files


def cut_off(files):
    files.path.write_bytes(files.path.read_bytes()[:5000])
    return files


def newer(files):
    with sqlite3.connect(files.path) as connection:
        connection.execute("UPDATE about SET value = '99' WHERE key = 'schema'")
    return files


def of_another_bot(files):
    files.path.unlink()
    Journal.create(files.path, "ffffff", **{ID: "other", IDENTITY: "other"}).close()
    return files


def database_new(files):
    """Deleted, to begin with an empty one; the journal was overlooked."""
    other = sqlite3.connect(database_file(files))
    other.execute('DELETE FROM "KeyValueStore"')
    other.commit()
    other.close()
    return files


def database_older(files):
    backup = backup_of(files)
    files.start()
    files.start()
    without_wal(database_file(files))
    overwrite(database_file(files), backup / "trades.sqlite")
    return files


def database_replaced(files):
    """By a backup that is as new as the last start."""
    backup = backup_of(files)
    os.replace(backup / "trades.sqlite", database_file(files))
    return files


def database_from_before_the_journal(files):
    with sqlite3.connect(database_file(files)) as other:
        other.execute("DELETE FROM \"KeyValueStore\" WHERE key != 'perpkit_order_tag'")
    return files


def journal_older(files):
    backup = backup_of(files)
    files.start()
    files.start()
    overwrite(files.path, backup / files.path.name)
    return files


def _name(value) -> str:
    return getattr(value, "__name__", value)


FOUND = {
    nothing: JournalState.SOUND,
    moved: JournalState.SOUND,
    copied: JournalState.COPY,
    restored: JournalState.COPY,
    database_copied: JournalState.COPY,
    journal_gone: JournalState.MISSING,
    damaged: JournalState.DAMAGED,
    damaged_inside: JournalState.DAMAGED,
    emptied: JournalState.DAMAGED,
    cut_off: JournalState.DAMAGED,
    newer: JournalState.NEWER,
    of_another_bot: JournalState.UNFIT,
    database_new: JournalState.UNFIT,
    database_older: JournalState.OLDER_DATABASE,
    database_replaced: JournalState.OLDER_DATABASE,
    database_from_before_the_journal: JournalState.OLDER_DATABASE,
    journal_older: JournalState.OLDER_JOURNAL,
}


@pytest.mark.parametrize(("how", "state"), FOUND.items(), ids=_name)
def test_what_the_next_start_finds(files, how, state):
    assert files.start() is JournalState.FIRST
    assert files.start() is JournalState.SOUND
    files = how(files)
    before = {path: path.read_bytes() for path in files.folder.glob("*journal.sqlite")}
    assert files.start() is state
    assert (files.found.words == "") is state.is_sound
    if not state.is_sound:  # nothing is changed, and the start after it finds the same
        assert before == {path: path.read_bytes() for path in before}
        assert files.start() is state


@pytest.mark.parametrize(
    "how", [how for how, state in FOUND.items() if state.may_be_adopted], ids=_name
)
def test_what_was_adopted_is_the_bots(files, how):
    files.start()
    files.start()
    files = how(files)
    kept = files.path.read_bytes() if files.path.exists() else None
    state = files.found.state
    aside = files.adopt()
    assert files.start() is JournalState.SOUND
    assert files.start() is JournalState.SOUND
    journal = Journal.open(files.path)
    assert journal.find_order(PAIR, "77").outcome is Outcome.BOOKED
    assert journal.about(ADOPTED_AT) == str(NOW)
    moved_aside = kept is not None and state in (JournalState.DAMAGED, JournalState.UNFIT)
    assert (aside is not None) is moved_aside
    if aside is not None:
        assert aside.read_bytes() == kept


def test_an_adopted_copy_leaves_the_original_as_it_is(files):
    """The one that is adopted has taken its place all the same; that is for the operator."""
    files.start()
    copy = copied(files)
    copy.adopt()
    assert files.start() is JournalState.SOUND


def test_a_copy_of_an_adopted_copy_is_a_copy(files):
    files.start()
    copy = copied(files)
    copy.adopt()
    copy.start()
    again = copy.folder.with_name("again")
    without_wal(database_file(copy))
    shutil.copytree(copy.folder, again)
    assert Files(again).start() is JournalState.COPY


# The first start


def test_the_first_journal_knows_the_orders_of_open_trades(files):
    files.start()
    journal = Journal.open(files.path)
    assert journal.tag == TAG
    entry, stop = journal.entries()
    assert [e.intent.purpose for e in (entry, stop)] == [Purpose.ENTRY, Purpose.STOP]
    assert stop.order_id == "77"
    assert (stop.intent.side, stop.intent.stop_price, stop.intent.amount) == ("sell", 29_000, 0.01)
    assert (stop.intent.reduce_only, entry.intent.reduce_only) == (True, False)
    assert [e.outcome for e in (entry, stop)] == [Outcome.BOOKED] * 2
    assert journal.open_entries() == []


@pytest.mark.parametrize(
    "step",
    ["Journal.create", "Journal.begin", "take_over", "mark_opened", "identity", "Journal.describe"],
)
@pytest.mark.parametrize("after", [False, True])
def test_a_first_start_that_was_killed_is_made_again(files, monkeypatch, step, after):
    class Killed(BaseException):
        pass

    owner = opening.Journal if "." in step else opening
    name = step.split(".")[-1]
    real = getattr(owner, name)

    def killed(*args, **kwargs):
        if after:
            (real.__func__ if name == "create" else real)(
                *((opening.Journal,) if name == "create" else ()), *args, **kwargs
            )
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, killed)
        with pytest.raises(Killed):
            files.start()
    assert files.start() in (JournalState.FIRST, JournalState.SOUND)
    assert files.start() is JournalState.SOUND
    assert len(Journal.open(files.path).entries()) == 2


@pytest.mark.parametrize("step", ["take_over", "mark_opened"])
def test_a_take_over_that_was_killed_can_be_repeated(files, monkeypatch, step):
    files.start()
    copy = copied(files)
    with monkeypatch.context() as patch:
        patch.setattr(opening, step, lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            copy.adopt()
    assert copy.start() is JournalState.COPY
    copy.adopt()
    assert copy.start() is JournalState.SOUND


# Files that cannot be used


def test_a_journal_that_is_busy_is_not_taken_for_damaged(files, monkeypatch):
    files.start()
    other = sqlite3.connect(files.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    monkeypatch.setattr("perpkit.record.journal.sqlite3.connect", _impatient(sqlite3.connect))
    assert files.found.state is JournalState.UNWRITABLE
    other.close()
    assert files.found.state is JournalState.SOUND


def _impatient(connect):
    return lambda *args, **kwargs: connect(*args, **{**kwargs, "timeout": 0})


@pytest.mark.parametrize("state", [s for s in JournalState if not s.may_be_adopted])
def test_what_is_not_to_be_adopted_is_refused(files, state):
    with pytest.raises(ValueError, match=str(state)):
        opening.adopt(files.path, files.database, opening.JournalFinding(state), NOW)
    assert not files.path.exists()


def test_what_is_moved_aside_replaces_nothing(files):
    files.start()
    for _ in range(2):
        files.path.write_bytes(b"broken")
        files.adopt()
    kept = [path.read_bytes() for path in files.folder.glob("*aside*")]
    assert kept == [b"broken"] * 2
    assert not aside_of(files.path, NOW).exists()


@pytest.mark.parametrize(
    ("db_url", "words"),
    [
        ("sqlite://", "in memory"),
        ("sqlite:///nothing.sqlite", "There is no trade database nothing.sqlite"),
        ("sqlite:///{folder}/text", "cannot be read as a trade database"),
        ("sqlite:///{folder}/trades.journal.sqlite", "is no trade database of Freqtrade"),
        ("nonsense", "cannot be read as a trade database"),
    ],
)
def test_a_database_that_cannot_be_used(files, db_url, words):
    files.start()
    (files.folder / "text").write_text("not a database, but a text that is long enough" * 50)
    with pytest.raises(DatabaseError, match=words):
        TradeDatabase.at(db_url.format(folder=files.folder))


def test_what_sqlite_keeps_beside_a_file_moves_with_it(files):
    """It would be played into the new one."""
    files.start()
    beside = files.path.with_name(files.path.name + "-journal")
    beside.write_bytes(b"unfinished")
    move_aside(files.path, NOW)
    assert not beside.exists()
    assert len(list(files.folder.glob("*aside*"))) == 2


def test_a_journal_of_another_schema_says_so(files):
    files.start()
    newer(files)
    with pytest.raises(JournalError, match="has schema 99, and this Perpkit knows 1"):
        Journal.open(files.path)
    assert "schema 99" in files.found.words
