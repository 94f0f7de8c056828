"""The stop latch: what an operator has decided for an account, read before every entry order.

One file for each account and mode, `user_data/perpkit/latch/ACCOUNT.live.json` or `.dry-run.json`.
`perpkit stop` writes HALTED, `perpkit resume` clears it. A file that is not there is a clear latch;
one that cannot be read, or is damaged, takes new risk away and sells nothing.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

ACCOUNT = "main"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class LatchState(StrEnum):
    """REDUCING: no new risk. HALTED: open positions are closed as well."""

    CLEAR = "clear"
    REDUCING = "reducing"
    HALTED = "halted"


@dataclass(frozen=True)
class Latch:
    """
    :param by: who set it, such as `user@host`; empty where it was never set
    :param why: for people
    :param at: when it was set; None where that is not known
    :param damaged: the file is there and says nothing that can be understood
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


def latch_of(config: Mapping[str, Any]) -> Path:
    """The latch of the account that a bot trades on.

    :param config: Freqtrade's. Bots with the same `perpkit.account` (a name of the operator's
        choice) share a latch where they share the user directory, or `perpkit.latch_dir`
    :raises ValueError: naming the option, its value and what is allowed
    """
    own = config.get("perpkit") or {}
    account, folder = own.get("account", ACCOUNT), own.get("latch_dir")
    if not isinstance(account, str) or not _NAME.fullmatch(account):
        raise ValueError(
            "perpkit.account must be a name of letters, digits, - and _, at most 64 of them, got "
            f"{account!r}"
        )
    if folder is not None and (not isinstance(folder, str) or not folder):
        raise ValueError(f"perpkit.latch_dir must be the path of a folder, got {folder!r}")
    user_data = Path(config.get("user_data_dir") or "user_data")
    mode = "dry-run" if config.get("dry_run", True) else "live"
    where = Path(folder) if folder else user_data / "perpkit" / "latch"
    return where.absolute() / f"{account}.{mode}.json"


def read(path: Path) -> Latch:
    """What the latch says; it never raises."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Latch()
    except OSError as error:
        return _damaged(f"the stop latch {path} cannot be read: {error.strerror or error}")
    try:
        found = json.loads(content)
        at = datetime.fromisoformat(found["at"]) if found["at"] else None
        latch = Latch(LatchState(found["state"]), str(found["by"]), str(found["why"]), at)
    except (ValueError, KeyError, TypeError, RecursionError):
        return _damaged(f"the stop latch {path} is damaged")
    if at is not None and at.tzinfo is None:
        return _damaged(f"the stop latch {path} is damaged: its time has no zone")
    return latch


def write(path: Path, state: LatchState, by: str, why: str) -> Latch:
    """Set the latch: it is on the disk when this returns, or the old one is.

    :param by: who sets it
    :raises OSError: when it cannot be written
    """
    at = datetime.now(UTC).replace(microsecond=0)
    content = {"state": state.value, "by": by, "why": why, "at": at.isoformat()}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w") as file:
            json.dump(content, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    return Latch(state, by, why, at)


def _damaged(why: str) -> Latch:
    return Latch(LatchState.REDUCING, why=why, damaged=True)


def _sync_folder(folder: Path) -> None:
    """So that the name survives a power cut; where a system cannot, the file has to do."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
