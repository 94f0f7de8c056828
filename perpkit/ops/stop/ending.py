"""Finds the process of a bot by the files that it holds open, and ends it.

A pid alone, such as the state file's, is not enough: it may belong to another process by now, or
to another container. A process that was started as Freqtrade and has this bot's own lock or
database open is this bot.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

# psutil loads inside the functions, so that `perpkit --help` stays quick.

# Time for a bot to end by itself, and for the system to end a killed process.
_CLEAN_SECONDS = 3.0
_KILL_SECONDS = 5.0
# The first process of a container, which cannot be killed from within the container.
_INIT = 1


def bot_processes(files: Iterable[Path | None]) -> list[Any]:
    """Returns every `freqtrade trade` on this machine that has one of the files open, from psutil.

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
            continue  # it has ended, or belongs to another user
    return found


def is_bot(command: list[str]) -> bool:
    """Whether a command line is `freqtrade trade`, in any way of starting Freqtrade."""
    names = [Path(part).name.removesuffix(".exe") for part in command]
    if "freqtrade" not in names:
        return False
    given = command[names.index("freqtrade") + 1 :]
    return next((part for part in given if not part.startswith("-")), "") == "trade"


def is_stopped(process: Any) -> bool:
    """Whether the process is stopped (SIGSTOP): it then reacts to no signal but SIGKILL."""
    import psutil

    try:
        return process.status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
    except psutil.Error:
        return False


def end(process: Any, clean_seconds: float = _CLEAN_SECONDS) -> str:
    """Ends a process: with SIGINT, as by Ctrl-C, then with SIGKILL, or at once if it is stopped.

    :return: how it ended, for the operator
    :raises OSError: if it does not end, and why
    """
    import psutil

    pid = process.pid
    try:
        # A stopped process queues every signal but SIGKILL until it is continued.
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
    """Whether the process ends within this time; a zombie counts as ended."""
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
    """Yields device and inode of each open file, because paths differ between containers."""
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
