"""Checks whether the bot of this configuration runs, what it reports, and what it has left."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from perpkit.market.exchanges import facts_of
from perpkit.ops.doctor.context import Context
from perpkit.ops.doctor.finding import Finding, fail, ok, warn
from perpkit.record.bot_lock import is_held
from perpkit.record.latch import LatchState
from perpkit.record.state import State
from perpkit.record.state_file import MissingStateError, StateFileError, read, read_fresh

if TYPE_CHECKING:
    from perpkit.ops.bot_config import BotConfig


def check_latch(context: Context) -> Iterator[Finding]:
    file = context.bot.latch_file
    found = file.read()
    if lost := file.lost:
        yield fail(
            f"Stop latch: {lost}. Bots of this account open nothing",
            "mount the share, or make the folder where the account has no latch yet",
        )
    elif found.damaged:
        yield fail(
            f"Stop latch: {found.why}. Bots of this account open nothing",
            "look at the positions, and then: perpkit resume",
        )
    elif found.state is not LatchState.CLEAR:
        yield fail(f"Stop latch: {found}", "perpkit resume, when what it was set for is over")
    else:
        yield ok(f"Stop latch: clear, {file.path}")


def check_bot(context: Context) -> Iterator[Finding]:
    """Judges by the bot's lock and its state file."""
    bot, held, now = context.bot, is_held(context.bot.places.lock, unknown=True), context.present
    path = bot.places.state
    try:
        state = read_fresh(path, now)
    except MissingStateError:
        if held:
            yield warn(
                f"A process holds {bot.places.lock}, and has not written {path}",
                "if the bot has just started, wait a minute; else `perpkit state` and its log",
            )
        else:
            yield ok("The bot does not run, and has not run with this database")
        return
    except StateFileError as error:
        if held:
            yield fail(
                f"{error}. A process holds {bot.places.lock}",
                "look into its log; end it, and start it once more. What is open: perpkit stop",
            )
        else:
            yield _ended(path)
        return
    if has_let_go(state, bot.places.lock):
        yield _ended(path)
        return
    ran = f"The bot runs: pid {state.pid}, {state.mode}, {state.bot_state}"
    if state.passive:
        yield fail(
            f"{ran}, and does nothing: {state.passive}", "what the words name as the way out"
        )
    elif state.loop is not None and state.loop.failed:
        yield warn(
            f"{ran}; its last {state.loop.failed} cycles ended early: {state.loop.error}",
            "what the error says; `perpkit state` shows whether it goes on",
        )
    else:
        yield ok(f"{ran}, a cycle {max(0.0, state.age_seconds(now)):.0f} s ago")


def _ended(path: Path) -> Finding:
    """Judges a bot that has ended: its lock, if any, is free, and its file is old or damaged."""
    try:
        state = read(path)
    except StateFileError as error:
        return warn(str(error), f"rm {path}: the bot writes it with each cycle")
    since = f"{state.written_at:%Y-%m-%d %H:%M} UTC"
    if state.positions or state.entries:
        return fail(
            f"The bot does not run since {since}, and had {len(state.positions or ())} positions "
            f"and {len(state.entries or ())} open entries then",
            "start it, or close them: perpkit stop",
        )
    return ok(f"The bot does not run; its last cycle was {since}")


def running_state(bot: BotConfig, now: datetime) -> State | None:
    """Returns what a running bot reports; None if it does not run."""
    try:
        state = read_fresh(bot.places.state, now)
    except StateFileError:
        return None
    return None if has_let_go(state, bot.places.lock) else state


def has_let_go(state: State, lock: Path | None) -> bool:
    """Whether a bot that keeps a journal, and so holds the lock while it runs, has released it."""
    kept = state.journal is not None and lock is not None and lock.is_file()
    return kept and not is_held(lock, unknown=True)


def check_journal(context: Context) -> Iterator[Finding]:
    from perpkit.record import opening
    from perpkit.record.opening import JournalState

    path = context.bot.places.journal
    if not facts_of(context.config["exchange"].get("name")).keeps_orders:
        yield ok("Without a journal of orders: it is for Binance only")
        return
    if path is None:
        yield ok("Without a journal of orders: the trade database is in memory")
        return
    found = opening.assess(path, context.database, read_only=True)
    if not found.state.is_sound:
        fix = "perpkit adopt, after what docs/journal.md says of it"
        if found.state is JournalState.NEWER:
            fix = "use the Perpkit that has written it"
        elif found.state is JournalState.UNWRITABLE:
            fix = f"let the bot's user write it: ls -l {path}"
        yield fail(f"Journal: {found.words}", fix)
        return
    if found.state is JournalState.FIRST:
        yield ok("Journal: none yet, the bot writes it as it starts in live mode")
        return
    yield from _open_intents(context, path)


def _open_intents(context: Context, path: Path) -> Iterator[Finding]:
    from perpkit.record.journal import Journal

    journal = Journal.open(path, read_only=True)
    try:
        waiting = [entry for entry in journal.open_entries() if not entry.rests]
    finally:
        journal.close()
    if waiting and not is_held(context.bot.places.lock, unknown=True):
        yield warn(
            f"Journal: of {len(waiting)} orders it is not known what became of them: "
            f"{', '.join(sorted({entry.intent.pair for entry in waiting}))}",
            "start the bot, which asks the exchange; `perpkit journal --open` shows them",
        )
        return
    yield ok(f"Journal: sound, {path}")
