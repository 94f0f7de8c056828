"""Whether a bot has its lock, without a trace of the question."""

from __future__ import annotations

import errno
import fcntl

import pytest
from filelock import FileLock

from perpkit.record.bot_lock import hold, is_held

BOTH = pytest.mark.parametrize("unknown", [True, False])


class TakenError(Exception): ...


def test_one_process_holds_it_and_asks_again(tmp_path):
    first = hold(tmp_path / "lock", TakenError())
    assert hold(tmp_path / "lock", TakenError()) is first  # after /reload_config
    first.release(force=True)
    with FileLock(tmp_path / "lock"), pytest.raises(TakenError, match="by whom"):
        hold(tmp_path / "lock", TakenError("by whom"))


def test_what_cannot_be_locked_is_said_and_keeps_no_bot_from_its_start(tmp_path, caplog):
    assert hold(tmp_path, TakenError()) is None  # a folder
    assert "cannot be locked, so a second bot would not be noticed" in caplog.text


@BOTH
def test_a_lock_is_held_for_as_long_as_somebody_has_it(tmp_path, unknown):
    lock = tmp_path / "trades.journal.sqlite.lock"
    with FileLock(lock):
        assert is_held(lock, unknown)
    assert not is_held(lock, unknown)


@BOTH
def test_what_is_not_there_is_held_by_none_and_not_made(tmp_path, unknown):
    assert not is_held(None, unknown)
    assert not is_held(tmp_path / "lock", unknown)
    assert list(tmp_path.iterdir()) == []


@BOTH
def test_what_is_in_it_stays_and_the_lock_can_be_taken_afterwards(tmp_path, unknown):
    lock = tmp_path / "lock"
    lock.write_text("kept")
    assert not is_held(lock, unknown)
    assert lock.read_text() == "kept"
    with FileLock(lock, timeout=0):
        pass


@BOTH
@pytest.mark.parametrize("fails", ["os.open", "fcntl.flock"])
def test_where_it_cannot_be_known_the_caller_has_the_answer(tmp_path, monkeypatch, fails, unknown):
    lock = tmp_path / "lock"
    lock.touch()

    def refuse(*_):
        raise OSError(errno.ENOLCK if fails == "fcntl.flock" else errno.EACCES, "no")

    monkeypatch.setattr(fails, refuse)
    assert is_held(lock, unknown) is unknown


def test_a_shared_look_is_not_in_the_way_of_another(tmp_path):
    lock = tmp_path / "lock"
    lock.touch()
    with lock.open() as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        assert not is_held(lock, unknown=True)
