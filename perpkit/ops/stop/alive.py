"""Determines whether the bot of a configuration is alive, hangs or is dead, and how to reach it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from perpkit.ops.bot_config import BotConfig
from perpkit.ops.stop.ending import bot_processes, is_stopped
from perpkit.ops.stop.rest import BotRest, RestError
from perpkit.record.bot_lock import is_held
from perpkit.record.state import State
from perpkit.record.state_file import StateFileError, read

# How long, at least, a bot without an API is given to complete a cycle.
_CYCLE_SECONDS = 10.0
_LOOK_SECONDS = 0.25


class BotStanding(StrEnum):
    ALIVE = "alive"
    HUNG = "hung"
    DEAD = "dead"


@dataclass(frozen=True)
class Bot:
    """The state of a bot.

    :param why: the evidence, for the operator
    :param rest: the API to control it; None if that is not usable
    :param processes: its processes on this machine, as psutil shows them; a bot may run elsewhere
    """

    standing: BotStanding
    why: str
    rest: BotRest | None = None
    processes: tuple[Any, ...] = ()


def look(
    bot: BotConfig,
    rest: BotRest | None,
    since: datetime,
    say: Callable[[str], None],
) -> Bot:
    """Determines the state of a bot.

    :param rest: None if the bot has no API
    :param since: a cycle that ended later proves that the bot is alive
    :param say: receives what is waited for
    """
    processes = tuple(bot_processes([bot.places.lock, database_file(bot.db_url)]))
    if stopped := [process.pid for process in processes if is_stopped(process)]:
        why = f"process {stopped[0]} is stopped (SIGSTOP)"
        return Bot(BotStanding.HUNG, why, processes=processes)
    complaint = ""
    if rest is not None:
        try:
            rest.check_identity(bot)
            return Bot(BotStanding.ALIVE, f"it answers at {rest.url}", rest, processes)
        except RestError as error:
            complaint = str(error)
    held = is_held(bot.places.lock, unknown=False)
    if not processes and not held:
        nothing = "no process has its lock or its database"
        return Bot(BotStanding.DEAD, f"{nothing}; {complaint}" if complaint else nothing)
    if rest is not None and "gives no answer" in complaint:
        return Bot(BotStanding.HUNG, f"it runs, and {complaint}", processes=processes)
    return _by_its_cycles(bot, since, complaint, processes, say)


def _by_its_cycles(
    bot: BotConfig,
    since: datetime,
    complaint: str,
    processes: tuple[Any, ...],
    say: Callable[[str], None],
) -> Bot:
    """Judges a bot whose API is not usable: it is alive if it writes its state file again."""
    patience = max(_CYCLE_SECONDS, 2 * throttle_seconds(bot))
    known = complaint or "it has no REST API"
    say(f"{known}; up to {patience:g} s for a cycle of the bot")
    until = time.monotonic() + patience
    while True:
        state = state_of(bot)
        if state is not None and state.written_at > since:
            return Bot(BotStanding.ALIVE, f"{known}, and it has run a cycle", processes=processes)
        if time.monotonic() >= until:
            break
        time.sleep(_LOOK_SECONDS)
    return Bot(BotStanding.HUNG, f"{known}, and no cycle in {patience:g} s", processes=processes)


def cycle_before(bot: BotConfig) -> datetime:
    """Returns since when a cycle counts in a preview, which sets no latch: a few cycles ago."""
    now, state = datetime.now(UTC), state_of(bot)
    return now - timedelta(seconds=state.stale_after_seconds) if state else now


def throttle_seconds(bot: BotConfig) -> float:
    """Returns the seconds between starts of cycles; Freqtrade's default if that is not a number."""
    internals = bot.config.get("internals")
    given = internals.get("process_throttle_secs", 5) if isinstance(internals, dict) else 5
    return float(given) if isinstance(given, int | float) else 5.0


def state_of(bot: BotConfig) -> State | None:
    try:
        return read(bot.places.state)
    except StateFileError:
        return None


@contextmanager
def held(lock: Path | None, seconds: float = 0.0, make: bool = False) -> Iterator[bool]:
    """Holds a lock, so that no other process starts with the bot's files in the meantime.

    :param lock: None for a bot without one
    :param seconds: how long to wait for its holder to release it
    :param make: whether to create a missing lock; otherwise a missing lock counts as free
    :return: whether no other process has it
    """
    from filelock import FileLock, Timeout

    with ExitStack() as stack:
        free = True
        if lock is not None and (make or lock.exists()):
            try:
                stack.enter_context(FileLock(lock, timeout=seconds))
            except Timeout:
                free = False
            except (OSError, NotImplementedError):
                pass  # where locks are not supported, the bot has none either
        yield free


def database_file(db_url: str) -> Path | None:
    from sqlalchemy.engine import make_url

    url = make_url(db_url)
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return None
    return Path(str(url.database))
