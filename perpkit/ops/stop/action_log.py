"""Logs an emergency stop: each action as a JSON line with its time, and as a sentence to show.

The file is append-only, and a line is on the disk before the request that it announces is sent. A
full disk does not hold up the stop.
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
    """Returns the log of one run: `user_data/perpkit/stop/ACCOUNT.MODE.TIME.PID.jsonl`."""
    name = f"{config.latch.stem}.{at:%Y%m%dT%H%M%S}.{os.getpid()}.jsonl"
    return stop_folder(config) / name


class ActionLog:
    """A log that several threads may write to.

    :param path: of the file; None to report only the sentences
    :param say: receives each sentence, for example to print it
    """

    def __init__(self, path: Path | None, say: Callable[[str], None] = lambda _: None) -> None:
        self.path = path
        self._say = say
        self._lock = Lock()
        self._failed = False

    def write(self, action: str, words: str, **fields: Any) -> None:
        """Logs an action.

        :param words: the sentence for the operator
        :param fields: further fields of the line; what JSON cannot hold is written as text
        """
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
