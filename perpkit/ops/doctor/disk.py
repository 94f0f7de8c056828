"""Checks free space and write permission on the disks where a bot writes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from perpkit.ops.doctor.context import Context
from perpkit.ops.doctor.finding import Finding, fail, ok, warn

_MB = 1_000_000
# A journal, a log and a database grow by megabytes a day; SQLite also needs space to work.
FULL, NEARLY_FULL = 200 * _MB, 1000 * _MB


def check(context: Context) -> Iterator[Finding]:
    volumes: dict[int, list[str]] = {}
    for name, folder in _folders(context).items():
        there = _existing(folder)
        if not os.access(there, os.W_OK | os.X_OK):
            yield fail(
                f"{there} ({name}) cannot be written by this user",
                f"chown {_user()} {there}, or run as the user of the bot",
            )
        volumes.setdefault(there.stat().st_dev, []).append(str(there))
    for folders in volumes.values():
        yield _room(folders[0])


def _room(folder: str) -> Finding:
    free = shutil.disk_usage(folder).free
    words = f"{free / _MB:,.0f} MB free on the volume of {folder}"
    clear = "free some: old backtest results and logs; `perpkit doctor --prune 90d` for trades"
    if free < FULL:
        return fail(f"{words}: journal and database cannot be written for long", clear)
    if free < NEARLY_FULL:
        return warn(words, clear)
    return ok(words)


def _folders(context: Context) -> dict[str, Path]:
    bot = context.bot
    found = {
        "user directory": bot.user_data_dir,
        "state file": bot.places.state.parent,
        "stop latch": bot.latch.parent,
    }
    if bot.places.journal is not None:
        found["journal"] = bot.places.journal.parent
    if (logfile := context.config.get("logfile")) and not str(logfile).startswith(
        ("syslog", "journald")
    ):
        found["log"] = Path(logfile).parent
    return {name: folder.absolute() for name, folder in found.items()}


def _existing(folder: Path) -> Path:
    """Returns the folder, or the nearest existing one above it, in which it would be created."""
    return next(each for each in (folder, *folder.parents) if each.is_dir())


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "the bot's user"
