"""What an emergency stop does, each action one JSON line with its time, and in words beside it.

The file is never changed, only appended to, and a line is on the disk before what it announces is
sent. A disk that is full holds nothing up.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from perpkit.ops.bot_config import BotConfig

_FOLDER = Path("perpkit") / "stop"


def stop_folder(config: BotConfig) -> Path:
    return config.user_data_dir / _FOLDER


def log_of(config: BotConfig, at: datetime) -> Path:
    """A file of its own for each run: `user_data/perpkit/stop/ACCOUNT.MODE.TIME.jsonl`."""
    name = f"{config.latch.stem}.{at:%Y%m%dT%H%M%S}.{os.getpid()}.jsonl"
    return stop_folder(config) / name


class ActionLog:
    """May be written to from several threads.

    :param path: of the file; None for words alone
    :param say: gets the words, such as a terminal's line
    """

    def __init__(self, path: Path | None, say: Callable[[str], None] = lambda _: None) -> None:
        self.path = path
        self._say = say
        self._lock = Lock()
        self._failed = False

    def write(self, action: str, words: str, **fields: Any) -> None:
        """:param fields: what else is to be in the line, of what JSON can hold or has as text"""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"at": at, "action": action, "words": words, **fields}, default=str)
        with self._lock:
            self._say(words)
            if self.path is not None:
                self._append(self.path, line)

    def _append(self, path: Path, line: str) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a") as file:
                file.write(line + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            if not self._failed:
                self._failed = True
                self._say(f"The log {path} cannot be written: {error.strerror or error}")
