"""`freqtrade trade` in dry-run against the venue: it starts, analyses, and stops when told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, Queue
from time import monotonic

import pytest

pytestmark = pytest.mark.integration


class Process:
    """A running `freqtrade`, its log line by line."""

    def __init__(self, arguments: list[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "freqtrade", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "COLUMNS": "2000"},
        )
        self.log: list[str] = []
        self._lines: Queue[str] = Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)

    def wait_for(self, text: str, seconds: float = 120) -> str:
        """The next line that contains `text`."""
        end = monotonic() + seconds
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, end - monotonic()))
            except Empty:
                tail = "".join(self.log[-40:])
                raise AssertionError(f"no line with {text!r} in {seconds} s:\n{tail}") from None
            self.log.append(line)
            if text in line:
                return line

    def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(60)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def trading(bot, strategy: str, **config) -> Iterator[Process]:
    config = {
        "db_url": f"sqlite:///{bot.userdir}/trades.sqlite",
        "internals": {"process_throttle_secs": 1, "heartbeat_interval": 1},
        **config,
    }
    process = Process([*map(str, bot.arguments("trade", f"--strategy={strategy}", **config))])
    try:
        yield process
    finally:
        process.kill()


@pytest.mark.parametrize("strategy", ["RsiSmaSwing", "RsiSmaScalp"])
def test_it_starts_analyses_and_stops_on_sigint(bot, strategy):
    with trading(bot, strategy) as process:
        process.wait_for("Whitelist with 5 pairs")
        process.wait_for("CryptoVixBreaker")
        process.wait_for("Bot heartbeat")
        process.wait_for("Bot heartbeat")
        assert process.interrupt() in (0, 130)
    log = "".join(process.log)
    for trouble in ("ERROR", "Traceback", "Outdated history", "A breaker failed", "No data found"):
        assert trouble not in log, log[-4000:]
