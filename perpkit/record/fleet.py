"""The folder that the bots of a fleet share: which bot owns which pair, and whether any may enter.

    fleet.json                   the bots and the pairs that they own; by `perpkit fleet pairs`
    watch.json                   the newest look at the sums; by `perpkit fleet watch`
    claims/BTC%2FUSDT%3AUSDT.json  a pair without an owner, and the bot that came first; by that bot

A bot that belongs to a fleet makes no entry while one of them is missing, damaged or old.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, unquote

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from perpkit.files.contents import content_of
from perpkit.files.errors import FileError
from perpkit.files.whole_file import put, put_new
from perpkit.record.folders import folder_option

# Options in the configuration's "perpkit" of a bot that belongs to a fleet.
OPTIONS = frozenset({"fleet_dir", "fleet_bot"})
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
# An entry that was allowed is in the trade database by then.
IN_FLIGHT = timedelta(minutes=2)
# By how much the clocks of a bot and of the watch may differ.
_CLOCKS = timedelta(minutes=1)
# Another bot may remove its claim between two looks at it, but not again and again.
_TRIES = 3
_MOST_BYTES = 2**20


class FleetError(Exception):
    """The folder does not say whether an entry may be made; the message is for the operator."""


class _Content(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Rules(_Content):
    """
    :param bots: their names
    :param pairs: the owner of each pair that has one
    :param watched: whether the sums have limits, so that entries need a recent look at them
    """

    bots: tuple[str, ...]
    pairs: dict[str, str] = {}
    watched: bool = False


class Watched(_Content):
    """A look at the sums of the fleet.

    :param until: how long it counts
    :param hold: why no bot may enter; empty if they may
    """

    at: AwareDatetime
    until: AwareDatetime
    hold: str = ""


class Claim(_Content):
    """A pair that a bot holds, or is about to enter."""

    pair: str
    bot: str
    at: AwareDatetime


_Read = TypeVar("_Read", bound=_Content)


@dataclass(frozen=True)
class FleetFolder:
    path: Path

    def write_rules(self, rules: Rules) -> None:
        """:raises OSError: if that fails; the old ones stay"""
        put(self.path / "fleet.json", rules.model_dump_json(indent=1).encode())

    def write_watched(self, watched: Watched) -> None:
        """:raises OSError: if that fails; the old look stays"""
        put(self.path / "watch.json", watched.model_dump_json(indent=1).encode())

    def rules(self) -> Rules:
        """:raises FleetError: naming what is wrong with the file"""
        return self._read("fleet.json", Rules, "perpkit fleet pairs")

    def watched(self) -> Watched:
        """:raises FleetError: naming what is wrong with the file"""
        return self._read("watch.json", Watched, "perpkit fleet watch")

    def claims(self) -> list[Claim]:
        """:raises FleetError: naming a claim that cannot be read"""
        claims, damaged = self._claims()
        for error in damaged.values():
            raise error
        return claims

    def _claims(self) -> tuple[list[Claim], dict[str, FleetError]]:
        """Returns the claims, and by pair what is wrong with those that cannot be read."""
        claims: list[Claim] = []
        damaged: dict[str, FleetError] = {}
        for path in sorted((self.path / "claims").glob("*.json")):
            try:
                claims += filter(None, [_claim_in(path)])
            except FleetError as error:
                damaged[unquote(path.stem)] = error
        return claims, damaged

    def against_all(self, bot: str, now: datetime) -> str:
        """Returns why a bot may enter no pair at all; empty if it may."""
        try:
            rules = self.rules()
            if bot not in rules.bots:
                return f"the fleet in {self.path} has no bot {bot!r}, but {', '.join(rules.bots)}"
            if not rules.watched:
                return ""
            watched = self.watched()
        except FleetError as error:
            return str(error)
        if watched.at - now > _CLOCKS:
            return (
                f"the sums of the fleet were looked at last at {watched.at:%Y-%m-%d %H:%M:%S} UTC, "
                'in the future: the clocks of this bot and of "perpkit fleet watch" differ'
            )
        if now > watched.until:
            return (
                f"the sums of the fleet were looked at last at {watched.at:%Y-%m-%d %H:%M:%S} UTC: "
                '"perpkit fleet watch" has ended, or hangs'
            )
        return watched.hold

    def against(self, bot: str, pair: str, now: datetime) -> str:
        """Returns why a bot may not enter a pair; empty if it may, which is then claimed for it."""
        if reason := self.against_all(bot, now):
            return reason
        try:
            owner = self.rules().pairs.get(pair)
            if owner not in (None, bot):
                return f"{pair} belongs to the bot {owner} of the fleet"
            holder = self.claim(bot, pair, now)
        except FleetError as error:
            return str(error)
        return "" if holder == bot else f"the bot {holder} of the fleet came first in {pair}"

    def claim(self, bot: str, pair: str, now: datetime) -> str:
        """Claims a pair unless another bot has, and returns whose it is.

        :raises FleetError: if the claim can be neither read nor written
        """
        path = self._claim_path(pair)
        content = Claim(pair=pair, bot=bot, at=now).model_dump_json().encode()
        why: object = "it is there, and is no file"
        for _ in range(_TRIES):
            try:
                if (found := _claim_in(path)) is not None:
                    if found.bot == bot:
                        put(path, content)
                    return found.bot
                path.parent.mkdir(exist_ok=True)
                put_new(path, content)
            except FileExistsError:
                continue  # another bot was faster
            except OSError as error:
                why = error.strerror or error
                break
            return bot
        raise FleetError(f"{pair} cannot be claimed: {path}: {why}")

    def keep(self, bot: str, held: Collection[str], now: datetime) -> None:
        """Claims what a bot holds, and ends its claims to all else.

        A claim that cannot be read stays: `against` refuses its pair, and no other one.

        :raises FleetError: if a claim can be neither made nor ended
        """
        claims, damaged = self._claims()
        for pair in set(held) - {claim.pair for claim in claims} - set(damaged):
            self.claim(bot, pair, now)
        for claim in claims:
            # One from the future was made before the clock was set back.
            in_flight = abs(now - claim.at) <= IN_FLIGHT
            if claim.bot == bot and claim.pair not in held and not in_flight:
                path = self._claim_path(claim.pair)
                try:
                    path.unlink(missing_ok=True)
                except OSError as error:
                    raise FleetError(f"{path} cannot be removed: {error.strerror}") from None

    def _claim_path(self, pair: str) -> Path:
        return self.path / "claims" / f"{quote(pair, safe='')}.json"

    def _read(self, name: str, kind: type[_Read], command: str) -> _Read:
        path = self.path / name
        try:
            return kind.model_validate_json(content_of(path, _MOST_BYTES))
        except FileNotFoundError:
            raise FleetError(f'{path} is not there: "{command}" writes it') from None
        except (OSError, FileError, ValidationError) as error:
            raise FleetError(f'{path} {_wrong(error)}: "{command}" writes it again') from None


def _claim_in(path: Path) -> Claim | None:
    """:raises FleetError: if it is there and cannot be read"""
    try:
        return Claim.model_validate_json(content_of(path, _MOST_BYTES))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FleetError(f"{path} {_wrong(error)}") from None
    except (FileError, ValidationError) as error:
        raise FleetError(
            f"{path} {_wrong(error)}: remove it if no bot of the fleet holds this pair"
        ) from None


def _wrong(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"cannot be read ({error.strerror or error})"
    return "is damaged"


@dataclass(frozen=True)
class Membership:
    """
    :param bot: the name that the fleet knows the bot by
    """

    folder: FleetFolder
    bot: str


def membership(config: Mapping[str, Any]) -> Membership | None:
    """Returns which fleet a bot belongs to, by its configuration; None if to none.

    :raises ValueError: naming the option, its value and what is allowed
    """
    own = config.get("perpkit") or {}
    if not isinstance(own, Mapping):
        raise ValueError(f"perpkit must be an object of parameters, got {own!r}")
    folder, bot = own.get("fleet_dir"), own.get("fleet_bot")
    if folder is None and bot is None:
        return None
    path = folder_option("perpkit.fleet_dir", folder)
    if not isinstance(bot, str) or not NAME.fullmatch(bot):
        raise ValueError(
            "perpkit.fleet_bot must be a name of letters, digits, - and _, at most 64 of them, got "
            f"{bot!r}"
        )
    return Membership(FleetFolder(path.absolute()), bot)
