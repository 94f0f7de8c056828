"""Blocks entries of a bot that crashes repeatedly, until an operator has checked it.

Systemd or Docker restart a bot endlessly, and an error that follows every entry would make one
entry per restart. After three runs within an hour without a clean stop, the bot starts REDUCING. A
lock with the reason stands until `/unlock`; then those runs are forgotten.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

from freqtrade.enums import State

from perpkit.bot.live.order_journal import files_of
from perpkit.bot.live.replaced import around
from perpkit.bot.running_bot import OncePerCycle, message_of, warn
from perpkit.bot.watching.standing_lock import StandingLock
from perpkit.bot.watching.watch import Watch
from perpkit.breakers.breaker import Decision, Trading
from perpkit.record import runs
from perpkit.record.runs import Run, Runs, RunsError

logger = logging.getLogger(__name__)

NAME = "Crash loop"
_WAY_OUT = "See the log; /unlock with the id of its lock from /locks allows entries again"
# Identifies this process: process ids repeat, in a container at every start.
_PROCESS = token_hex(8)


class CrashLoop:
    """Detects a crash loop; made in `bot_start` of a running bot that is not passive.

    :param bot: Freqtrade's
    """

    def __init__(self, bot: Any, watch: Watch, now: datetime) -> None:
        self._bot = bot
        self._watch = watch
        self._path = files_of(bot.config).runs
        self._lock = StandingLock(NAME)
        self._process = _PROCESS
        known, held = self._found(now)
        run = Run(process=self._process, pid=os.getpid(), started_at=now)
        self._write(known.begin(run, held))
        if held is not None:
            watch.restrict(NAME, Decision(Trading.REDUCING, 0.0, reason=f"{held}. {_WAY_OUT}"))
            self._lock.hold(Trading.REDUCING, held, now)
        self._steps = OncePerCycle(f"The lock of the {NAME.lower()}")
        self._steps.undelivered = held is not None
        for attribute in ("bot.process", "bot.process_stopped"):
            around(bot, attribute, self._cycle)

    def _found(self, now: datetime) -> tuple[Runs, str | None]:
        """Returns the known runs, and why entries must be blocked, if they must."""
        standing = self._lock.reason(now)
        try:
            known = runs.read(self._path)
        except RunsError as error:
            return Runs(), f"{error}; how the last runs ended is not known"
        held = known.held or standing
        if held is None and not known.goes_on(self._process):
            held = runs.crash_loop(known.runs, now)
        return known, held

    def step(self, now: datetime) -> None:
        """Lifts the restriction if an operator has ended the lock; called once per cycle."""
        if self._runs.held is None or self._lock.reason(now) is not None:
            return
        self._write(self._runs.forget(self._process))
        self._watch.lift(NAME, "its lock was ended")

    def end(self, error: BaseException | None) -> None:
        """Records the end of the run, when the bot is cleaned up.

        :param error: that ends it; None if it is stopped or reloads its configuration
        """
        if error is None and self._bot.state is State.RELOAD_CONFIG:
            return
        text = ""
        if isinstance(error, Exception):  # other exceptions are signals
            text = f"{type(error).__name__}: {message_of(error)}"
        self._write(self._runs.end(self._process, datetime.now(UTC), text))

    def _cycle(self, process: Callable[[], None]) -> None:
        self._steps.take(self._bot, self.step)
        process()

    def _write(self, known: Runs) -> None:
        self._runs = known
        try:
            runs.write(self._path, known)
        except OSError as error:
            warn(
                self._bot,
                f"The record of runs {self._path} cannot be written, so that a crash loop would "
                f"not be detected: {message_of(error)}. Trading continues.",
            )
