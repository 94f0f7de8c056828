"""Writes the decision log of a bot: repeats are counted, and files are rotated by their size.

What is decided again and again, such as a refusal in every loop, is one row when it begins, and one
row with the number of repeats while it lasts and when it ends. A line that a kill has cut short is
closed by the next one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from perpkit.record.decisions import Decision, Kind, as_line

# The newest file and those before it: 40 MB, a hundred thousand rows.
SIZE, KEPT = 8 * 2**20, 4
# What comes again within this time is a repeat, and repeats are written at least this often.
REPEATS = timedelta(minutes=15)
# What comes again after something else was decided about the pair, is written, so that the newest
# row is what holds now; one that changes in every loop at most this often.
RETURNS = timedelta(minutes=1)
# How many rows that may come again are remembered.
_REMEMBERED = 2_000
# And for how long, which is no less than any time within which they are repeats.
_REMEMBERED_FOR = timedelta(days=1)
# What is never a repeat: each has a row of its own.
_ALWAYS_NEW = frozenset({Kind.ENTERED, Kind.ADDED, Kind.REDUCED, Kind.EXITED, Kind.STOP})


class _Known(NamedTuple):
    """What may come again.

    :param at: when it was decided last
    :param written: when what is in the file was
    :param waiting: the repeats that are not in the file yet
    """

    at: datetime
    written: datetime
    waiting: Decision | None = None


class DecisionLog:
    """Writes the log of one bot. Nothing raises: trading must go on without it.

    :param path: of the newest file; older ones have a number after it
    :param warn: called once when the log cannot be written, and once when it can be again
    :param repeats: what comes again within this time is a repeat
    """

    def __init__(
        self,
        path: Path,
        warn: Callable[[str], None],
        *,
        repeats: timedelta = REPEATS,
        size: int = SIZE,
        kept: int = KEPT,
    ) -> None:
        self.path = path
        self._warn = warn
        self._repeats = repeats
        self._size = size
        self._kept = kept
        self._lock = Lock()
        self._failed = False
        # By what makes it the same.
        self._known: dict[tuple[str, ...], _Known] = {}
        # What was decided last about each pair.
        self._last: dict[str, tuple[str, ...]] = {}

    def add(self, decision: Decision) -> None:
        """Notes a decision. A repeat is counted, and written later."""
        with self._guarded():
            self._add(decision)

    def flush(self, now: datetime) -> None:
        """Writes repeats that have waited for long enough, and forgets what is long past."""
        with self._guarded():
            due = [
                key
                for key, known in self._known.items()
                if known.waiting is not None and now - known.waiting.begins >= self._repeats
            ]
            self._write_waiting(due)
            self._known = {
                key: known
                for key, known in self._known.items()
                if known.waiting is not None or now - known.at <= _REMEMBERED_FOR
            }

    def close(self) -> None:
        """Writes what waits."""
        with self._guarded():
            self._write_waiting(list(self._known))

    def begin(self) -> None:
        """Removes what an earlier run has written, as a backtest does."""
        with self._guarded():
            self._known.clear()
            self._last.clear()
            for number in range(self._kept + 1):
                older(self.path, number).unlink(missing_ok=True)

    def _add(self, decision: Decision) -> None:
        if decision.kind in _ALWAYS_NEW:
            same_pair = [k for k in self._known if k[1] == decision.pair]
            self._write_waiting(same_pair, decision)
            self._last[decision.pair] = (decision.kind,)
            return
        key = (decision.kind, decision.pair, decision.side, decision.reason, decision.words)
        before = self._known.pop(key, None)
        last, self._last[decision.pair] = self._last.get(decision.pair), key
        new = before is None or not timedelta(0) <= decision.at - before.at <= self._repeats
        if before is None or new:
            # In the order of time: what has come again before it is written first.
            same_pair = [k for k in self._known if k[1] == decision.pair]
            self._write_waiting(same_pair, before.waiting if before else None, decision)
            self._known[key] = _Known(decision.at, decision.at)
        else:
            self._repeat(key, before, decision, returns=last != key)
        while len(self._known) > _REMEMBERED:
            oldest = self._known.pop(next(iter(self._known)))
            if oldest.waiting is not None:
                self._write(as_line(oldest.waiting))

    def _repeat(
        self, key: tuple[str, ...], before: _Known, decision: Decision, *, returns: bool
    ) -> None:
        """:param returns: something else was decided about the pair meanwhile"""
        count = (before.waiting.count if before.waiting else 0) + decision.count
        since = before.waiting.begins if before.waiting else decision.begins
        waiting = replace(decision, since=since, count=count)
        returns = returns and decision.at - before.written >= RETURNS
        if returns or waiting.at - since >= self._repeats:
            same_pair = [k for k in self._known if k[1] == decision.pair]
            self._write_waiting(same_pair, waiting)
            self._known[key] = _Known(decision.at, decision.at)
        else:
            self._known[key] = _Known(decision.at, before.written, waiting)

    def _write_waiting(self, keys: list[tuple[str, ...]], *more: Decision | None) -> None:
        rows = []
        for key in keys:
            known = self._known[key]
            if known.waiting is not None:
                rows.append(known.waiting)
                self._known[key] = _Known(known.at, known.at)
        rows.sort(key=lambda row: row.at)
        self._write(b"".join(as_line(row) for row in (*rows, *more) if row is not None))

    def _write(self, lines: bytes) -> None:
        if not lines:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
        handle = os.open(self.path, flags, 0o644)
        try:
            end = os.fstat(handle).st_size
            if end:
                os.lseek(handle, end - 1, os.SEEK_SET)
                if os.read(handle, 1) != b"\n":
                    lines = b"\n" + lines  # a kill has cut the last line short
            # One call, so that the lines of two processes do not mix.
            os.write(handle, lines)
        finally:
            os.close(handle)
        if end + len(lines) > self._size:
            self._rotate()
        if self._failed:
            self._failed = False
            self._warn("The decision log can be written again.")

    def _rotate(self) -> None:
        """Moves every file to the next number; the oldest one is replaced."""
        lock = _only_one(self.path.with_name(f"{self.path.name}.lock"))
        if lock is None:  # another process moves them now
            return
        try:
            if self.path.stat().st_size <= self._size:
                return  # another process has
            for number in range(self._kept, 0, -1):
                with suppress(FileNotFoundError):
                    os.replace(older(self.path, number - 1), older(self.path, number))
        finally:
            os.close(lock)

    def _guarded(self) -> _Guarded:
        return _Guarded(self)

    def failed(self, error: BaseException) -> None:
        """Says once that the log cannot be written."""
        if self._failed:
            return
        self._failed = True
        why = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        with suppress(Exception):
            self._warn(f"The decision log {self.path} cannot be written: {why}. Trading goes on.")


class _Guarded:
    """Holds the lock of a log, and keeps every error of it from the caller, who trades."""

    def __init__(self, log: DecisionLog) -> None:
        self._log = log

    def __enter__(self) -> None:
        self._log._lock.acquire()

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        self._log._lock.release()
        if isinstance(error, Exception):
            self._log.failed(error)
            return True
        return False


def older(path: Path, number: int) -> Path:
    """Returns the path of the file that was rotated `number` times; 0 is the newest."""
    return path.with_name(f"{path.name}.{number}") if number else path


def _only_one(path: Path) -> int | None:
    """Returns a handle that locks a file until it is closed; None while another process has it.

    It never waits: a process that hangs must not make another one hang.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:  # Windows; a file that another process has open cannot be moved there
        return handle
    except OSError:
        os.close(handle)
        return None
    return handle
