"""What each bot of a fleet reports, and where its files are.

A state that is missing, damaged or old is a problem with a name, never a zero.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from perpkit.ops.bot_config import unchecked_config, user_directory_of
from perpkit.ops.bot_files import database_of
from perpkit.ops.fleet.fleet_file import Bot, Fleet
from perpkit.ops.stop.accounts import OF_ITS_PLACES, AccountEntry, environment_of
from perpkit.ops.stored import BadInputError
from perpkit.record.fleet import membership
from perpkit.record.folders import folder_option
from perpkit.record.latch import LatchFile, latch_file
from perpkit.record.places import places
from perpkit.record.state import State
from perpkit.record.state_file import StaleStateError, StateFileError, read_fresh


@dataclass(frozen=True)
class Member:
    """A bot of the fleet, and where it keeps its files.

    :param db_url: of its trade database, as a file with its whole path
    :param live: False in dry-run
    :param own_capital: it trades with `available_capital`, a part of its account
    :param unled: why it does not follow the fleet: its configuration does not name it; empty if so
    """

    bot: Bot
    db_url: str = field(repr=False)
    state: Path
    latch: LatchFile
    live: bool
    own_capital: bool
    unled: str = ""

    @property
    def mode(self) -> str:
        return "live" if self.live else "dry-run"

    @property
    def account(self) -> tuple[bool, str]:
        """Bots with the same one trade on one account; in dry-run each has a wallet of its own."""
        return self.live, self.bot.key if self.live else self.bot.name


@dataclass(frozen=True)
class Reading:
    """
    :param state: as its file has it, even if that is old; None if it cannot be read
    :param problem: why it does not count; empty if it does
    """

    member: Member
    state: State | None
    problem: str = ""

    @property
    def present(self) -> State | None:
        """The state, if it is the present one."""
        return None if self.problem else self.state


def members(fleet: Fleet) -> list[Member]:
    """:raises BadInputError: naming the bot whose configuration cannot be used, and why"""
    found = [_member(fleet, bot, entry) for bot, entry in fleet.bots]
    for number, member in enumerate(found):
        for other in found[:number]:
            if other.state == member.state:
                raise BadInputError(
                    f"{fleet.path}: the bots {other.bot.name} and {member.bot.name} have one trade "
                    "database, and would count twice"
                )
    return found


def read(member: Member, now: datetime) -> Reading:
    try:
        return Reading(member, read_fresh(member.state, now))
    except StaleStateError as error:
        return Reading(member, error.state, str(error))
    except StateFileError as error:
        return Reading(member, None, str(error))


def _member(fleet: Fleet, bot: Bot, entry: AccountEntry) -> Member:
    try:
        if entry.problem:
            raise BadInputError(entry.problem)
        files = [entry.folder / file for file in bot.config]
        userdir = entry.folder / bot.userdir if bot.userdir else None
        with _environment(entry.env):
            config = unchecked_config(files, userdir)
        folder = entry.folder / (userdir or user_directory_of(config))
        url = bot.db_url or database_of(config)
        whole = _with_whole_paths({**config, "user_data_dir": str(folder)}, entry.folder)
        where, latch = places(url, folder), latch_file(whole)
        unled = _unled(fleet, bot, whole)
    except ValueError as error:
        raise BadInputError(f"{fleet.path}: the bot {bot.name}: {error}") from None
    return Member(
        bot=bot,
        db_url=_with_whole_path(url, entry.folder),
        state=entry.folder / where.state,
        latch=replace(latch, path=entry.folder / latch.path),
        live=not config.get("dry_run", True),
        own_capital="available_capital" in config,
        unled=unled,
    )


def _with_whole_paths(config: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """Relative paths of its options begin where the bot is started."""
    if not isinstance(given := config.get("perpkit") or {}, Mapping):
        return config  # refused with its latch
    own = dict(given)
    for name in ("latch_dir", "fleet_dir"):
        if isinstance(given := own.get(name), str) and given.strip():
            own[name] = str(folder / folder_option(f"perpkit.{name}", given))
    return {**config, "perpkit": own}


def _with_whole_path(url: str, folder: Path) -> str:
    """Returns the URL of a SQLite file with its whole path; any other as it is."""
    scheme, separator, path = url.partition(":///")
    if not separator or not scheme.startswith("sqlite") or path in ("", ":memory:"):
        return url
    return f"{scheme}:///{folder / path}"


def _unled(fleet: Fleet, bot: Bot, config: Mapping[str, Any]) -> str:
    found = membership(config)
    wanted = f'"perpkit": {{"fleet_dir": "{fleet.folder.path}", "fleet_bot": "{bot.name}"}}'
    if found is None:
        return f"it does not follow the fleet: {wanted} is not in its configuration"
    if found.folder.path.resolve() != fleet.folder.path.resolve() or found.bot != bot.name:
        return f"it follows another fleet, or under another name: it must have {wanted}"
    return ""


@contextmanager
def _environment(env: Mapping[str, str]) -> Iterator[None]:
    """As it is for a bot: Freqtrade reads options of it.

    :param env: the bot's own
    :raises BadInputError: naming what this command's has that may be of another bot
    """
    before = dict(os.environ)
    own, without = environment_of(env, before, one_key=False)
    if decisive := [name for name in without if name.upper().startswith(OF_ITS_PLACES)]:
        raise BadInputError(
            f"{', '.join(decisive)} of the environment of this command may be of another bot: put "
            "into its env_file what is its own"
        )
    try:
        os.environ.clear()
        os.environ.update(own)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
