"""The performance monitor of a running bot: blocks entries when results leave the predicted band.

The band is that of the verdict of `perpkit golive`, which keeps it even where it did not pass.
Without one it is idle, and says so once: what is not known is no reason to stop. A lock with the
reason stands until `/unlock`; then, and with another verdict, results are measured from that moment
on. The state is in the trade database.

Backtests have no monitor: the band is made of them, and they would be compared with themselves.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any

from freqtrade.persistence import KeyValueStore

from perpkit.bot.positions.account import Account
from perpkit.bot.running_bot import NO_MARKDOWN, message_of
from perpkit.bot.watching.standing_lock import StandingLock
from perpkit.bot.watching.watch import Watch
from perpkit.breakers import performance
from perpkit.breakers.breaker import Decision, Trading
from perpkit.breakers.performance import Horizon, Look, PerformanceLimits, PerformanceState
from perpkit.files.errors import FileError
from perpkit.record.golive import golive_file, read

logger = logging.getLogger(__name__)

NAME = "Performance monitor"
KEY = "perpkit_performance"
_AGAIN = timedelta(minutes=1)
_WAY_OUT = "See `perpkit compare`; /unlock with the id of its lock from /locks allows entries again"


class PerformanceWatch:
    """Made in `bot_start` of a running bot that is not passive.

    :param bot: Freqtrade's
    :param watch: that is restricted
    :param loud: whether the operator gets a message while it is idle, as of a bot that needs a
        verdict; else it is in the log
    """

    def __init__(
        self,
        bot: Any,
        watch: Watch,
        account: Account,
        limits: PerformanceLimits,
        now: datetime,
        *,
        loud: bool = False,
    ) -> None:
        self._bot, self._watch, self._account = bot, watch, account
        self._limits, self._loud = limits, loud
        self._lock = StandingLock(NAME)
        self._held = False
        self._idle = ""
        # Files and the database need not be read in every cycle.
        self._asleep_until = now
        if (reason := self._lock.reason(now)) is not None:
            self._restrict(reason)

    def step(self, now: datetime) -> None:
        """Looks at the results where that is due; called once per cycle. It never raises."""
        try:
            self._step(now)
        except Exception as error:
            # It must not stop a bot whose other parts work.
            self._be_idle(f"it has failed: {message_of(error)}", logging.WARNING)

    def _step(self, now: datetime) -> None:
        if self._held and self._lock.reason(now) is None:
            self._held = False
            self._watch.lift(NAME, "its lock was ended")
            self._asleep_until = now
            self._store(None, "")
        if self._held or now < self._asleep_until:
            return
        self._asleep_until = now + _AGAIN
        kept, state = self._stored()
        if state is not None and not performance.is_due(self._limits, state, now):
            return
        found = self._band()
        if found is None:
            return
        verdict, band = found
        standing, capital = self._account.at(now), self._account.capital(now)
        equity = capital + standing.profit
        if not isfinite(equity) or equity <= 0:
            return  # a price or the balance is not known yet
        if state is None or kept != verdict or performance.is_over(state, band, now):
            self._store(performance.begin(now, equity, standing.profit), verdict)
            return
        after, look = performance.look(state, band, now, standing.profit)
        self._store(after, verdict)
        self._idle = ""
        if look is not None:
            self._tell(look, before=state.outside, outside=after.outside, now=now)

    def _tell(self, look: Look, *, before: int, outside: int, now: datetime) -> None:
        logger.info(f"{NAME}: {look}.")
        if outside >= self._limits.looks:
            reason = f"{look}, outside in {outside} looks in a row"
            self._lock.hold(Trading.REDUCING, reason, now)
            self._restrict(reason)
        elif outside == 1:
            left = self._limits.looks - outside
            self._send(f"{NAME}: {look}. {left} more looks like it block new entries.")
        elif before and not outside:
            self._send(f"{NAME}: back in the band: {look}.")

    def _restrict(self, reason: str) -> None:
        self._held = True
        why = f"{reason}. {_WAY_OUT}"
        self._watch.restrict(NAME, Decision(Trading.REDUCING, 0.0, reason=why))

    def _band(self) -> tuple[str, Sequence[Horizon]] | None:
        """Returns which verdict counts, and its band; None where there is nothing to look at."""
        try:
            name = type(self._bot.strategy).__name__
            verdict = read(golive_file(self._bot.config, name))
        except (FileError, ValueError) as error:
            self._be_idle(str(error))
            return None
        if not verdict.band:
            self._be_idle("the verdict of `perpkit golive` has no band")
            return None
        band = [Horizon(each.days, each.low, each.high) for each in verdict.band]
        return verdict.at.isoformat(), sorted(band)

    def _be_idle(self, why: str, level: int = logging.INFO) -> None:
        if self._idle != why:
            self._idle = why
            logger.log(level, f"The {NAME.lower()} is idle: {why}.")
            if self._loud:
                self._send(f"{NAME} is idle: {why}.")

    def _send(self, message: str) -> None:
        self._bot.dataprovider.send_msg(message.translate(NO_MARKDOWN), always_send=True)

    def _stored(self) -> tuple[str, PerformanceState | None]:
        """Returns the verdict that counted, and the state since then; None without a sound one."""
        text = KeyValueStore.get_string_value(KEY)
        try:
            verdict, since, equity, profit, looked, outside = json.loads(text or "[]")
            begun, at = (datetime.fromtimestamp(each, UTC) for each in (since, looked))
            return str(verdict), PerformanceState(begun, equity, profit, at, int(outside))
        except (ValueError, TypeError, OverflowError, OSError):
            return "", None

    def _store(self, state: PerformanceState | None, verdict: str) -> None:
        parts: list[Any] = []
        if state is not None:
            since, looked = state.since.timestamp(), state.looked.timestamp()
            parts = [verdict, since, state.equity, state.profit, looked, state.outside]
        KeyValueStore.store_value(KEY, json.dumps(parts))
