"""Reads the bots of a fleet from a TOML file; an error names the file, the line and the key.

    folder = "fleet"                 # that the bots share; default: fleet

    [limits]                         # over the sum of all bots; optional
    max_gross = 2.0                  # exposure over equity; beyond it REDUCING
    max_drawdown = 0.2               # of the highest summed equity; from it on HALTED

    [[bot]]
    name = "swing"
    config = ["user_data/config.json", "private.json"]
    port = 8080                      # of its REST API
    key = "first"                    # names its API key: bots with one key share an account
    pairs = ["BTC/USDT:USDT"]        # that no other bot may enter; optional, as all below
    host = "127.0.0.1"               # where its API is reached
    address = "198.51.100.7"         # from which it asks the exchange, if not as the others
    folder = "/srv/swing"            # where it is started
    userdir = "user_data"
    db_url = "sqlite:///tradesv3.sqlite"
    env_file = "swing.env"           # lines NAME=value, for this bot only

Relative paths start at the bot's folder, and that at the directory of the TOML file.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from perpkit.files.contents import content_of, text_of
from perpkit.files.errors import FileError
from perpkit.ops.stop.accounts import AccountEntry, entry_of
from perpkit.ops.stored import BadInputError
from perpkit.record.fleet import NAME, FleetFolder
from perpkit.record.folders import folder_option
from perpkit.record.urls import shown_url

_MOST_BYTES = 2**20
_HEADER = re.compile(r"\s*\[\[?\s*(?P<table>\w+)\s*\]\]?")
# What `perpkit stop --accounts` takes of an account as well.
_OF_ACCOUNT = ("name", "folder", "userdir", "db_url", "env_file")


def _name(given: str) -> str:
    if not NAME.fullmatch(given):
        raise ValueError("must be a name of letters, digits, - and _, at most 64 of them")
    return given


def _pair(given: str) -> str:
    if not re.fullmatch(r"[^\s/:]+/[^\s/:]+:[^\s/:]+", given):
        raise ValueError("must be a pair such as BTC/USDT:USDT")
    return given


_Text = Annotated[str, Field(min_length=1)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Limits(_Table):
    """Limits over the sum of all bots; None for none.

    :param max_gross: notional of longs plus shorts over the equity
    :param max_drawdown: share of the highest equity that may be lost
    """

    max_gross: Annotated[float, Field(gt=0, le=125)] | None = None
    max_drawdown: Annotated[float, Field(gt=0, lt=1)] | None = None

    @property
    def given(self) -> bool:
        return self.max_gross is not None or self.max_drawdown is not None


class Bot(_Table):
    """A bot of the fleet; see the module."""

    name: Annotated[str, AfterValidator(_name)]
    config: Annotated[list[_Text], Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65_535)]
    key: _Text
    pairs: list[Annotated[str, AfterValidator(_pair)]] = []
    host: _Text = "127.0.0.1"
    address: _Text = "this machine"
    folder: _Text | None = None
    userdir: _Text | None = None
    db_url: _Text | None = None
    env_file: _Text | None = None

    @property
    def rest_url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def entry(self, base: Path) -> AccountEntry:
        """Returns what `perpkit stop` needs of it.

        :param base: the directory of the TOML file
        :raises BadInputError: naming the folder if it is not there
        """
        given = {name: value for name in _OF_ACCOUNT if (value := getattr(self, name))}
        return entry_of(
            base, self.name, {**given, "config": self.config, "rest_url": self.rest_url}
        )


@dataclass(frozen=True)
class Fleet:
    """
    :param path: of the TOML file
    :param bots: with what `perpkit stop` needs of each
    """

    path: Path
    folder: FleetFolder
    limits: Limits
    bots: tuple[tuple[Bot, AccountEntry], ...]

    @property
    def pairs(self) -> dict[str, str]:
        """The owner of each pair that has one."""
        return {pair: bot.name for bot, _ in self.bots for pair in bot.pairs}


def read_fleet(path: Path) -> Fleet:
    """:raises BadInputError: naming the file, the line and the key of what is wrong first"""
    text, content = _content(path)
    base = path.absolute().parent
    try:
        folder = base / folder_option("folder", content.get("folder", "fleet"))
    except ValueError as error:
        raise _error(path, text, ("folder",), str(error).removeprefix("folder ")) from None
    limits = _valid(Limits, path, text, ("limits",), content.get("limits", {}))
    bots = [_bot(path, text, number, given) for number, given in enumerate(content["bot"])]
    for (number, key), why in _clashes([bot for bot, _ in bots]):
        raise _error(path, text, ("bot", number, key), why)
    return Fleet(path, FleetFolder(folder), limits, tuple(bots))


def entries_to_stop(path: Path) -> list[tuple[str, AccountEntry]]:
    """Returns each bot's key and what `perpkit stop` needs of it; one that is wrong has a problem.

    The others are stopped all the same. The key is empty where it cannot be read.

    :raises BadInputError: if the file as a whole cannot be used
    """
    text, content = _content(path)
    found = []
    for number, given in enumerate(content["bot"]):
        name, key = (
            value if isinstance(given, dict) and isinstance(value := given.get(each), str) else ""
            for each in ("name", "key")
        )
        shown = name or f"bot {number + 1}"
        try:
            bot, entry = _bot(path, text, number, given)
        except BadInputError as error:
            found.append((key, AccountEntry(shown, path.parent, problem=str(error))))
        else:
            found.append((bot.key, entry))
    return found


def _content(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = text_of(content_of(path, _MOST_BYTES), str(path))
        content = tomllib.loads(text)
    except OSError as error:
        raise BadInputError(f"{path} cannot be read: {error.strerror}") from None
    except (FileError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadInputError(f"{path} must be TOML: {error}") from None
    for key in content:
        if key not in ("folder", "limits", "bot"):
            raise _error(path, text, (key,), "is not known. Allowed: folder, limits, bot")
    bots = content.get("bot")
    if not isinstance(bots, list) or not bots:
        raise _error(path, text, ("bot",), "must be tables [[bot]], one for each bot")
    return text, content


def _bot(path: Path, text: str, number: int, given: Any) -> tuple[Bot, AccountEntry]:
    where = ("bot", number)
    bot = _valid(Bot, path, text, where, given)
    try:
        entry = bot.entry(path.absolute().parent)
    except BadInputError as error:
        key, _, words = str(error).partition(" ")
        raise _error(path, text, (*where, key), words) from None
    for file in bot.config:
        if not (entry.folder / file).is_file():
            raise _error(path, text, (*where, "config"), f"must name files, got {file!r}, which "
                         "is not there")  # fmt: skip
    return bot, entry


def _valid(kind: Any, path: Path, text: str, where: tuple[Any, ...], given: Any) -> Any:
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        # A mistyped key comes before the one that it was meant for, which is missing.
        first, *_ = sorted(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
        words = _words(first, kind)
        raise _error(path, text, (*where, *first["loc"]), words) from None


def _words(found: Mapping[str, Any], kind: type[BaseModel]) -> str:
    if found["type"] == "extra_forbidden":
        return f"is not known. Allowed: {', '.join(kind.model_fields)}"
    if found["type"] == "missing":
        return "is missing"
    message = found["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{message}, got {shown_url(repr(found['input']))[:80]}"


def _clashes(bots: Sequence[Bot]) -> Iterator[tuple[tuple[int, str], str]]:
    """Yields what two bots cannot both have: the number of the second, its key, and why."""
    seen: dict[tuple[str, str], str] = {}
    for number, bot in enumerate(bots):
        unique = [("name", bot.name), ("port", bot.rest_url)]
        for key, value in [*unique, *(("pairs", pair) for pair in bot.pairs)]:
            if (key, value) in seen:
                what = "must be unique" if key == "name" else "must be of one bot"
                yield (number, key), f"{what}, got {value} twice (the first: {seen[key, value]})"
            seen[key, value] = bot.name


def _error(path: Path, text: str, where: tuple[Any, ...], words: str) -> BadInputError:
    """:param where: table, its number if there are several, key, and where in its value"""
    names = [part for part in where if isinstance(part, str)]
    number = next((part for part in where[1:2] if isinstance(part, int)), 0)
    line = _line_of(text, where[0], number, names[1] if len(names) > 1 else None)
    place = f"{path}, line {line}" if line else str(path)
    # In a list of several values the place of one says less than the value itself.
    return BadInputError(f"{place}: {names[-1]} {words}")


def _line_of(text: str, table: str, number: int, key: str | None) -> int | None:
    """Returns the line of a key, or of its table where the key is not there; None without both.

    `tomllib` does not say where a value stands.

    :param number: of the table among those of its name, from 0
    """
    key_of = re.compile(rf"""\s*["']?{re.escape(key or table)}["']?\s*=""")
    found, seen, inside = None, -1, key is None
    for at, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            inside = header["table"] == table
            seen += inside
            inside = inside and seen == number
            found = at if inside else found
        elif inside and key_of.match(line):
            return at
    return found
