"""Whether the bot of a configuration is alive, hangs, or is dead, and how it can be reached."""

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

# How long a bot without an API is given to show a cycle, at least.
_CYCLE_SECONDS = 10.0
_LOOK_SECONDS = 0.25


class BotStanding(StrEnum):
    ALIVE = "alive"
    HUNG = "hung"
    DEAD = "dead"


@dataclass(frozen=True)
class Bot:
    """
    :param why: how it is known, for people
    :param rest: to steer it with; None where it cannot be
    :param processes: of it on this machine, as psutil shows them; a bot may be elsewhere
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
    """
    :param rest: None where the bot has no API
    :param since: a cycle that ended later shows that it goes on
    :param say: gets what is waited for
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
    """Of a bot that cannot be asked: it is alive if its state file is written again."""
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
    """Since when a cycle counts where nothing was written that it could have read: a few ago."""
    now, state = datetime.now(UTC), state_of(bot)
    return now - timedelta(seconds=state.stale_after_seconds) if state else now


def throttle_seconds(bot: BotConfig) -> float:
    """How far apart its cycles begin; Freqtrade's default where that is no number."""
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
    """The bot's files, kept from whoever starts with them meanwhile.

    :param lock: None for a bot without any
    :param seconds: for whoever has it to let it go
    :param make: the lock where there is none; otherwise nobody has it
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
                pass  # where a system or a folder has no locks, the bot has none, either
        yield free


def database_file(db_url: str) -> Path | None:
    from sqlalchemy.engine import make_url

    url = make_url(db_url)
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return None
    return Path(str(url.database))
