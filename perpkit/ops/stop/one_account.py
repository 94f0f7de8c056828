"""Stops one account, from the latch to the last check; the steps depend on the state of its bot."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from perpkit.ops.bot_config import BotConfig, read_config
from perpkit.ops.operator import operator
from perpkit.ops.stop.action_log import ActionLog, log_of, stop_folder
from perpkit.ops.stop.alerts import alert, alert_urls
from perpkit.ops.stop.alive import Bot, BotStanding, cycle_before, held, look, throttle_seconds
from perpkit.ops.stop.blind import known_latches
from perpkit.ops.stop.by_bot import PATIENCE_SECONDS, close_by_bot
from perpkit.ops.stop.ending import end
from perpkit.ops.stop.flattened import Flattened
from perpkit.ops.stop.report import Report, message
from perpkit.ops.stop.rest import rest_of
from perpkit.ops.stored import BadInputError
from perpkit.record.latch import LatchFile, LatchState

WHY = "perpkit stop"
# How many times the bot is checked, if it is started again in the meantime.
_ROUNDS = 3
# A killed process counts as ended before its last thread has released its files.
_RELEASE_SECONDS = 2.0
# How long the exchange may take to show that a bot which is alive has closed everything.
_LOOK_SECONDS = 10.0
_MODE_UNKNOWN = (
    "FREQTRADE__DRY_RUN of the environment may be of another bot and did not count, so whether "
    "this one is live is not known: its configuration or its env_file must say it"
)

Say = Callable[[str], None]


@dataclass(frozen=True)
class StopRequest:
    """The request of the operator.

    :param files: of the configuration, as `--config` names them
    :param everything: whether to close also what is not the bot's
    :param preview: whether to send and write nothing
    :param why: the reason, for the latch
    :param seconds: after which it gives up
    :param rest_url: where the bot's API is reached; None for where it listens
    :param may_be_live: whether a bot whose configuration says dry-run may be live all the same
    """

    files: list[Path] | None
    userdir: Path | None
    db_url: str | None
    everything: bool
    preview: bool
    why: str
    seconds: float
    rest_url: str | None
    may_be_live: bool = False


def stop_account(order: StopRequest, say: Say) -> Report:
    """Stops one account.

    :param say: receives each action, as a sentence
    """
    started = time.monotonic()
    try:
        bot = read_config(order.files, order.userdir, order.db_url)
        if bot.dry_run and order.may_be_live:
            raise BadInputError(_MODE_UNKNOWN)
    except BadInputError as error:
        report = _without_config(order, str(error), say)
    else:
        report = _Stopping(bot, order, say, started).run()
    return replace(report, seconds=time.monotonic() - started)


def _without_config(order: StopRequest, error: str, say: Say) -> Report:
    """Sets only the latch, if it is known; those of both modes where the mode is not."""
    report = Report("main", preview=order.preview, mistake=error)
    latches = known_latches(order.files, order.userdir, may_be_live=order.may_be_live)
    report.latch = [str(latch.path) for latch in latches]
    if order.preview:
        return report
    log = ActionLog(None, say)
    report.problems = [wrong for each in latches if (wrong := set_latch(each, order.why, log))]
    report.latched = bool(latches) and not report.problems
    done = "only the stop latch was set" if report.latched else "NOTHING was latched or closed"
    report.mistake = f"{error}. So {done}: mend it, and run this again"
    return report


def set_latch(latch: LatchFile, why: str, log: ActionLog) -> str:
    """Sets the latch to HALTED, unless it already is; returns what went wrong, for the operator."""
    before, path = latch.read(), latch.path
    if before.state is LatchState.HALTED:
        log.write("latch", f"The stop latch {path} is set already: {before}.", path=path)
        return ""
    try:
        set_to = latch.write(LatchState.HALTED, operator(), why or WHY)
    except OSError as error:
        wrong = f"the stop latch {path} cannot be written: {error.strerror or error}"
        log.write("latch", f"{wrong}. The bot is stopped all the same.", path=path, error=wrong)
        return wrong
    log.write("latch", f"The stop latch {path} is set: {set_to}.", path=path)
    return ""


class _Stopping:
    """One emergency stop of one account.

    :param started: by the monotonic clock
    """

    def __init__(self, bot: BotConfig, order: StopRequest, say: Say, started: float) -> None:
        self.bot = bot
        self.order = order
        self.started = started
        self.until = started + order.seconds
        self.rest = rest_of(bot.config, order.rest_url)
        self.since = cycle_before(bot) if order.preview else datetime.now(UTC)
        path = None if order.preview else log_of(bot, datetime.now(UTC))
        self.log = ActionLog(path, say)
        self.report = Report(
            bot.latch.name.partition(".")[0],
            "dry-run" if bot.dry_run else "live",
            order.preview,
            [str(bot.latch)],
            log="" if path is None else str(path),
        )

    def run(self) -> Report:
        report = self.report
        if self.order.preview:
            self._preview()
            return report
        news = self.bot.latch_file.read().state is not LatchState.HALTED
        wrong = set_latch(self.bot.latch_file, self.order.why, self.log)
        report.latched = not wrong
        report.problems += [wrong] * bool(wrong)
        with self._alone() as alone:
            if not alone:
                report.problems.append("another perpkit stop of this bot does not come to an end")
            elif self.bot.dry_run:
                self._dry_run()
            else:
                self._live()
        report.seconds = time.monotonic() - self.started
        if news or report.closed or report.cancelled or report.exit_code:
            report.alert = self._alert()
        self.log.write("end", f"{report.headline}.", report=report.as_dict())
        return report

    def _preview(self) -> None:
        self._look()
        if self.bot.dry_run:
            self.report.flat = True
            return
        self._flatten(preview=True)

    def _look(self) -> Bot:
        found = look(
            self.bot, self.rest, self.since, lambda text: self.log.write("wait", f"{text}.")
        )
        if not self.report.bot:
            self.report.bot, self.report.bot_why = str(found.standing), found.why
        self.log.write("bot", f"The bot is {found.standing}: {found.why}.")
        return found

    def _dry_run(self) -> None:
        """Has the bot close its simulated positions; there is nothing at the exchange."""
        self.report.flat = True
        found = self._look()
        if found.standing is BotStanding.ALIVE:
            self.report.bot_after = "alive"
            # Without an API, it closes them in its next cycle.
            patience = PATIENCE_SECONDS + 2 * throttle_seconds(self.bot)
            self.report.flat = self._by_bot(found, patience)
        elif found.standing is BotStanding.HUNG:
            self.report.left.append(
                "the process, which hangs: its positions are simulated, and closed when it goes on"
            )

    def _live(self) -> None:
        for number in range(1, _ROUNDS + 1):
            found = self._look()
            if found.standing is BotStanding.ALIVE and self._closed_by(found):
                self.report.bot_after = "alive"
                if self.order.everything:
                    self._flatten()
                return
            ended = found.standing is BotStanding.DEAD or self._end(found)
            with held(self.bot.places.lock, _RELEASE_SECONDS if ended else 0.0, make=True) as alone:
                # A bot that was started meanwhile knows its own positions, and closes them as well.
                if ended and not alone and number < _ROUNDS:
                    self.log.write("bot", "A bot with its files has been started meanwhile.")
                    continue
                self._flatten()
                return

    def _closed_by(self, found: Bot) -> bool:
        """Has the bot close everything; returns whether the exchange shows that it has."""
        if not self._by_bot(found, PATIENCE_SECONDS):
            return False
        until = time.monotonic() + _LOOK_SECONDS
        while True:
            seen = self._ask_exchange(preview=True, everything=False)
            if seen is not None and seen.flat:
                self.report.flat = True
                return True
            if seen is None or time.monotonic() > until:
                return False
            time.sleep(1)

    def _by_bot(self, found: Bot, patience: float) -> bool:
        result = close_by_bot(
            self.bot, found.rest, partial(self.log.write, "bot"), self.until, patience
        )
        self.report.closed += result.closed
        if not result.flat:
            self.log.write("bot", f"The bot does not close all of it: {result.why}.")
            if self.bot.dry_run:
                self.report.left.append(result.why)
        return result.flat

    def _end(self, found: Bot) -> bool:
        """Ends the bot; returns whether none of its processes is left, as far as visible here."""
        self.report.bot_after = "ended"
        if not found.processes:
            self._out_of_reach(
                "the bot's process is on another machine or in another container, and could not "
                "be ended from here"
            )
            return False
        for process in found.processes:
            try:
                self.log.write("end", f"The bot's {end(process)}.")
            except OSError as error:
                self._out_of_reach(f"the bot's {error}")
                return False
        return True

    def _out_of_reach(self, why: str) -> None:
        self.report.bot_after = "out of reach"
        self.report.problems.append(f"{why}: end it there. The stop latch keeps it from entries")
        self.log.write("end", f"It goes on without: {why}.")

    def _flatten(self, preview: bool = False) -> None:
        found = self._ask_exchange(preview, self.order.everything)
        if found is None:
            self.report.flat = None if preview else False
            return
        report = self.report
        report.flat = found.flat
        report.closed += map(str, found.planned if preview else found.closed)
        report.cancelled += map(str, found.cancelled)
        report.left += found.left
        report.notes += found.notes

    def _ask_exchange(self, preview: bool, everything: bool) -> Flattened | None:
        """Flattens, or previews that; a failure becomes a problem of the report, and None."""
        # This import loads ccxt.
        from perpkit.ops.stop.engine import flatten

        try:
            found = flatten(
                self.bot,
                everything=everything,
                preview=preview,
                log=self.log,
                deadline_seconds=max(1.0, self.until - time.monotonic()),
            )
        except BadInputError as error:
            wrong = str(error)
        except Exception as error:  # a half-closed account needs its report above all
            wrong = f"closing at the exchange has failed: {type(error).__name__}: {error}"
        else:
            self.report.requests += found.requests
            return found
        self.report.problems.append(wrong)
        self.log.write("problem", f"{wrong}.")
        return None

    def _alone(self) -> AbstractContextManager[bool]:
        """Locks out any other `perpkit stop` of the same bot: both would close the same."""
        # Not next to the latch: creating its folder would hide that a share is not mounted.
        lock = stop_folder(self.bot) / f"{self.bot.places.state.stem}.lock"
        return held(lock, max(0.0, self.until - time.monotonic()), make=True)

    def _alert(self) -> str:
        telegram = self.bot.config.get("telegram") or {}
        if self.report.bot_after == "alive" and telegram.get("enabled"):
            return "by the bot's own Telegram"
        title = f"Emergency stop: {self.report.headline}"
        return alert(alert_urls(self.bot.config), title, message(self.report))
