"""`freqtrade trade` as a user runs it: a process, its log, and signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty, Queue
from time import monotonic
from typing import Any

_MAIN = "from freqtrade.main import main; main()"
_SHOWS_STACKS = {"PYTHONFAULTHANDLER": "1"}  # of all threads, when it is aborted


class Process:
    """A running `freqtrade`, its log line by line."""

    def __init__(
        self,
        arguments: list[str],
        *,
        disguised: bool = False,
        module: str = "freqtrade",
        **more: Any,
    ) -> None:
        """
        :param disguised: its command line does not show that it is Freqtrade
        :param module: run in place of Freqtrade
        :param more: for `subprocess.Popen`
        """
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            # As of a job in a shell's background: it would be the bot's, too, which Ctrl-C ends.
            signal.signal(signal.SIGINT, signal.default_int_handler)
        started = ["-c", _MAIN] if disguised else ["-m", module]
        self._process = subprocess.Popen(
            [sys.executable, *started, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "COLUMNS": "2000", **_SHOWS_STACKS} | more.pop("env", {}),
            **more,
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

    def end(self, how: signal.Signals = signal.SIGINT) -> int:
        """Send a signal (SIGINT is Ctrl-C, SIGKILL `kill -9`); the exit code.

        The log is complete then. Ctrl-C is pressed twice where it must be, with a warning: stock
        Freqtrade misses one of a thousand, which pandas takes for an error of its own.
        """
        self._process.send_signal(how)
        if how is signal.SIGINT:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(20)
            if not self.has_ended:
                warnings.warn("Ctrl-C was pressed a second time", stacklevel=2)
                self._process.send_signal(how)
        return self.wait()

    def signal(self, how: signal.Signals) -> None:
        self._process.send_signal(how)

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def kill_and_read(self) -> None:
        """The log is complete then."""
        self._process.kill()
        self.wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait(self) -> int:
        """For its end; the exit code."""
        try:
            code = self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGABRT)
            self._process.wait(10)
            self._read_the_rest()
            tail = "".join(self.log[-150:])
            raise AssertionError(
                f"it has not ended in 60 s; its log, and stacks:\n{tail}"
            ) from None
        self._read_the_rest()
        return code

    def _read_the_rest(self) -> None:
        self._reader.join(10)
        while not self._lines.empty():
            self.log.append(self._lines.get())

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def trading(bot: Any, strategy: str, **config: Any) -> Iterator[Process]:
    """`freqtrade trade` until the end of the block; a second one continues with its database.

    :param bot: the fixture of tests/integration
    :param config: settings on top of the example's
    """
    config = {
        "db_url": f"sqlite:///{bot.userdir}/trades.sqlite",
        "internals": {"process_throttle_secs": 1, "heartbeat_interval": 1},
        "perpkit": {"use": {"refresh": False}},  # the stored data are every test's
        **config,
    }
    process = Process([*map(str, bot.arguments("trade", f"--strategy={strategy}", **config))])
    try:
        yield process
    finally:
        process.close()
