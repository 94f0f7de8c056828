"""The stop latch: an operator's decision for an account, read before every entry order.

There is one file for each account and mode, `user_data/perpkit/latch/ACCOUNT.live.json` or
`.dry-run.json`, and `ACCOUNT.rehearsal.live.json` for bots that trade at a venue. `perpkit stop`
writes HALTED, `perpkit resume` clears it. A missing file is a clear latch; one that is damaged or
cannot be read forbids new risk but sells nothing.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from perpkit.files.whole_file import append_line, put
from perpkit.record.folders import folder_option
from perpkit.rehearsal.redirection import leads_to_venue

logger = logging.getLogger(__name__)

ACCOUNT = "main"
# Options in the configuration's "perpkit" in addition to the parameters of a strategy: those of the
# latch, and of the go-live gate.
OPTIONS = frozenset({"account", "latch_dir", "golive", "require_golive"})
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
# In bytes: a latch has a few hundred, and a larger file counts as damaged.
_LARGEST = 65_536
# How long one who writes a latch waits for another.
_ALONE_SECONDS = 1.0
# Longest text of a latch that is shown, in characters.
_LONGEST = 300


class LatchState(StrEnum):
    """REDUCING: no new risk. HALTED: open positions are closed as well."""

    CLEAR = "clear"
    REDUCING = "reducing"
    HALTED = "halted"


_STRICTNESS = tuple(LatchState)


@dataclass(frozen=True)
class Latch:
    """The content of a latch file.

    :param by: who set it, such as `user@host`; empty if it was never set
    :param why: the reason, for the operator
    :param at: when it was set (UTC); None if that is not known
    :param damaged: whether the latch exists but cannot be read or understood
    """

    state: LatchState = LatchState.CLEAR
    by: str = ""
    why: str = ""
    at: datetime | None = None
    damaged: bool = False

    def __str__(self) -> str:
        if self.damaged:
            return f"{self.state.upper()}: {self.why}"
        by = f", {self.by}" if self.by else ""
        at = f" since {self.at:%Y-%m-%d %H:%M} UTC" if self.at else ""
        why = f": {self.why}" if self.why else ""
        return f"{self.state.upper()}{at}{by}{why}"


@dataclass(frozen=True)
class LatchFile:
    """The latch file of an account, at the place that the configuration defines.

    :param in_latch_dir: its folder is `perpkit.latch_dir`, and must exist: a share that is not
        mounted may contain a latch that is set
    """

    path: Path
    in_latch_dir: bool = False

    def read(self) -> Latch:
        """Returns the latch; never raises."""
        return _damaged(self.lost) if self.lost else read(self.path)

    def write(self, state: LatchState, by: str, why: str) -> Latch:
        """Sets the latch, like the function `write`.

        :raises OSError: also if its folder must exist and does not
        """
        if lost := self.lost:
            raise FileNotFoundError(errno.ENOENT, lost)
        with _alone(self.path):  # an emergency does not wait for another who writes
            return write(self.path, state, by, why)

    def tighten(self, state: LatchState, by: str, why: str) -> Latch:
        """Sets the latch, unless it is as strict already: it is never loosened by this.

        :return: the latch as it is now
        :raises OSError: as `write`; and short of a halt, if another is writing it for long, or it
            cannot be locked
        """
        if lost := self.lost:
            raise FileNotFoundError(errno.ENOENT, lost)
        with _alone(self.path) as hindrance:
            before = self.read()
            if _STRICTNESS.index(before.state) >= _STRICTNESS.index(state):
                return before
            # An emergency goes on, as in `write`: there is nothing stricter to be loosened.
            if hindrance is not None and state is not LatchState.HALTED:
                raise hindrance
            return write(self.path, state, by, why)

    def clear(self, shown: Latch, by: str, why: str) -> Latch:
        """Clears the latch, unless it is another one than the operator was shown.

        :return: the latch as it is now
        :raises OSError: as `write`; and if another is writing it for long
        """
        if lost := self.lost:
            raise FileNotFoundError(errno.ENOENT, lost)
        with _alone(self.path) as hindrance:
            if hindrance is not None and hindrance.errno == errno.EBUSY:
                raise hindrance
            now = self.read()
            return write(self.path, LatchState.CLEAR, by, why) if now == shown else now

    @property
    def lost(self) -> str:
        """What is wrong with its folder, as a message; empty if the folder may be used."""
        if not self.in_latch_dir:
            return ""
        try:
            there = self.path.parent.is_dir()
        except OSError as error:
            return f"perpkit.latch_dir {self.path.parent} cannot be read: {_words(error)}"
        return "" if there else f"perpkit.latch_dir {self.path.parent} is not there"


def latch_file(config: Mapping[str, Any]) -> LatchFile:
    """Returns the latch file of the account that a bot trades on.

    :param config: Freqtrade's. Bots with the same `perpkit.account` (a name that the operator
        chooses) share a latch if they share the user directory or `perpkit.latch_dir`
    :raises ValueError: naming the option, its value and what is allowed
    """
    own, account = _own(config), account_of(config)
    folder = own.get("latch_dir")
    if folder is None:
        where = Path(config.get("user_data_dir") or "user_data") / "perpkit" / "latch"
    else:
        where = folder_option("perpkit.latch_dir", folder)
    mode = "dry-run" if config.get("dry_run", True) else "live"
    # A stop that is tried in a rehearsal must not reach the bot that trades from the same folder.
    name = f"{account}.rehearsal" if leads_to_venue(config) else account
    return LatchFile(where.absolute() / f"{name}.{mode}.json", folder is not None)


def account_of(config: Mapping[str, Any]) -> str:
    """Returns the name of the account that a bot trades on.

    :param config: Freqtrade's
    :raises ValueError: naming the option, its value and what is allowed
    """
    account = _own(config).get("account", ACCOUNT)
    if not isinstance(account, str) or not _NAME.fullmatch(account):
        raise ValueError(
            "perpkit.account must be a name of letters, digits, - and _, at most 64 of them, got "
            f"{account!r}"
        )
    return account


def latch_of(config: Mapping[str, Any]) -> Path:
    """Returns the path of the latch; see `latch_file`."""
    return latch_file(config).path


def _own(config: Mapping[str, Any]) -> Mapping[str, Any]:
    own = config.get("perpkit") or {}
    if not isinstance(own, Mapping):
        raise ValueError(f"perpkit must be an object of parameters, got {own!r}")
    return own


def history_of(path: Path) -> Path:
    """Returns the path of a latch's history.

    It has one line of JSON for each time that the latch was set or cleared, oldest first.
    """
    return path.with_name(f"{path.name.removesuffix('.json')}.log.jsonl")


def read(path: Path) -> Latch:
    """Returns the latch in a file; never raises."""
    try:
        content = _content(path)
    except FileNotFoundError:
        # A broken link, such as one to a share that is not mounted, is not a clear latch.
        if not os.path.islink(path):
            return Latch()
        return _damaged(f"the stop latch {path} is a link to nothing")
    except OSError as error:
        return _damaged(f"the stop latch {path} cannot be read: {_words(error)}")
    try:
        return _parsed(content)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return _damaged(f"the stop latch {path} is damaged")


def write(path: Path, state: LatchState, by: str, why: str) -> Latch:
    """Sets the latch: when this returns it is on disk; if it fails, the old one stays.

    :param by: who sets it
    :param why: the reason, for the operator; in the history all of it
    :raises OSError: when it cannot be written
    """
    at = datetime.now(UTC).replace(microsecond=0)
    content = {"state": state.value, "by": by, "why": why, "at": at.isoformat()}
    # Cut as it is shown: a latch that is too long would count as damaged, and halt nothing.
    put(path, json.dumps({**content, "by": _plain(by), "why": _plain(why)}, indent=1).encode())
    try:
        append_line(history_of(path), json.dumps(content).encode())
    except OSError as error:  # the latch itself has been written
        logger.warning(f"The history {history_of(path)} cannot be written: {_words(error)}")
    return Latch(state, _plain(by), _plain(why), at)


@contextmanager
def _alone(path: Path) -> Iterator[OSError | None]:
    """Keeps others from writing a latch, which is tried for a moment; gives why it does not."""
    hindrance = _taken(lock := FileLock(path.with_suffix(".lock")))
    try:
        yield hindrance
    finally:
        lock.release()


def _taken(lock: FileLock) -> OSError | None:
    """Takes a lock; returns why it could not."""
    path = Path(lock.lock_file)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=_ALONE_SECONDS)
    except Timeout:
        return OSError(errno.EBUSY, "another is writing it")
    except OSError as error:
        return OSError(error.errno, f"its lock {path} cannot be taken: {_words(error)}")
    except NotImplementedError as error:  # of a file system without locks
        return OSError(errno.ENOTSUP, f"its lock {path} cannot be taken: {error}")
    return None


def _content(path: Path) -> bytes:
    # Non-blocking: if the path is a pipe, opening it must not wait for a writer.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        return os.read(handle, _LARGEST + 1)
    finally:
        os.close(handle)


def _parsed(content: bytes) -> Latch:
    if len(content) > _LARGEST:
        raise ValueError("longer than a latch is")
    found = json.loads(content)
    at = datetime.fromisoformat(found["at"]) if found["at"] is not None else None
    if at is not None:
        if at.tzinfo is None:
            raise ValueError("a time without a zone")
        at = at.astimezone(UTC)
    state, by, why = LatchState(found["state"]), found["by"], found["why"]
    if not isinstance(by, str) or not isinstance(why, str):
        raise TypeError("texts must be texts")
    return Latch(state, _plain(by), _plain(why), at)


def _damaged(why: str) -> Latch:
    return Latch(LatchState.REDUCING, why=why, damaged=True)


def _plain(text: str) -> str:
    """Returns the text as one printable line of limited length, for logs and messages."""
    shown = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(shown.split())[:_LONGEST]


def _words(error: OSError) -> str:
    return error.strerror or str(error)
