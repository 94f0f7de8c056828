"""The process of a bot: found by the files that it holds open, and ended.

A number alone, such as the state file's, is not enough: it may be another process's by now, or one
of another container. Who holds this bot's own lock or database open, and was started as Freqtrade,
is this bot.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

# psutil loads inside the functions, so that `perpkit --help` stays quick.

# For a bot that still can end by itself, and for the system to end what was killed.
_CLEAN_SECONDS = 3.0
_KILL_SECONDS = 5.0
# Of a container. From within it the system lets nobody kill it.
_INIT = 1


def bot_processes(files: Iterable[Path | None]) -> list[Any]:
    """Every `freqtrade trade` on this machine that has one of the files open, as psutil shows it.

    :param files: its lock and its database; None and missing ones are skipped
    """
    import psutil

    wanted = {(known.st_dev, known.st_ino) for file in files if (known := _stat(file))}
    if not wanted:
        return []
    found = []
    for process in psutil.process_iter():
        try:
            if is_bot(process.cmdline()) and wanted & set(_open(process)):
                found.append(process)
        except (psutil.Error, OSError):
            continue  # it has ended, or is another user's
    return found


def is_bot(command: list[str]) -> bool:
    """Whether a command line is Freqtrade's for trading, however it was started."""
    names = [Path(part).name.removesuffix(".exe") for part in command]
    if "freqtrade" not in names:
        return False
    given = command[names.index("freqtrade") + 1 :]
    return next((part for part in given if not part.startswith("-")), "") == "trade"


def is_stopped(process: Any) -> bool:
    """Whether the system has it stopped (SIGSTOP): it answers no signal but SIGKILL."""
    import psutil

    try:
        return process.status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
    except psutil.Error:
        return False


def end(process: Any, clean_seconds: float = _CLEAN_SECONDS) -> str:
    """End it: as with Ctrl-C, and then, or at once where it is stopped, for good.

    :return: how it ended, for people
    :raises OSError: when it is still there, and why
    """
    import psutil

    pid = process.pid
    try:
        # A stopped process keeps every signal but SIGKILL until it is woken, and then goes on.
        if not is_stopped(process):
            process.send_signal(signal.SIGINT)
            if _has_ended(process, clean_seconds):
                return f"process {pid} ended by SIGINT"
        if pid == _INIT:
            raise OSError(
                "process is the first one of this container, which is killed from outside only: "
                "docker kill"
            )
        process.kill()
        if _has_ended(process, _KILL_SECONDS):
            return f"process {pid} killed"
    except psutil.NoSuchProcess:
        return f"process {pid} had ended"
    except psutil.AccessDenied:
        raise OSError(f"process {pid} belongs to {_owner(process)} and cannot be ended") from None
    raise OSError(f"process {pid} does not end, though it was killed")


def _has_ended(process: Any, seconds: float) -> bool:
    """One that its parent has not looked after yet (a zombie) has ended, too."""
    import time

    import psutil

    until = time.monotonic() + seconds
    while True:
        try:
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        if time.monotonic() >= until:
            return False
        time.sleep(0.05)


def _open(process: Any) -> Iterator[tuple[int, int]]:
    """Device and number of every file that it has open: names differ between containers."""
    for file in process.open_files():
        link = Path(f"/proc/{process.pid}/fd/{file.fd}")
        found = _stat(link) or _stat(Path(file.path))
        if found:
            yield found.st_dev, found.st_ino


def _stat(file: Path | None) -> os.stat_result | None:
    try:
        return file.stat() if file is not None else None
    except OSError:
        return None


def _owner(process: Any) -> str:
    import psutil

    try:
        return f"user {process.username()}"
    except psutil.Error:
        return "another user"
