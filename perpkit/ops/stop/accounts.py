"""Reads several accounts from a TOML file; each has its own bot and is stopped in its own process.

    [[account]]
    name = "first"
    config = ["user_data/config.json", "private.json"]
    folder = "/srv/first"                    # where it is started; optional, as all below
    userdir = "user_data"
    db_url = "sqlite:///tradesv3.sqlite"
    env_file = "first.env"                   # lines NAME=value, for this account only
    rest_url = "http://freqtrade:8080"       # if the API is reached elsewhere than it listens

Relative paths start at the folder, and a relative folder at the directory of the TOML file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perpkit.files.contents import content_of, text_of
from perpkit.files.errors import FileError
from perpkit.ops.stored import BadInputError
from perpkit.record.urls import shown_url

_MOST_BYTES = 2**20
_OF_A_BOT, _OF_THE_EXCHANGE = "FREQTRADE__", "FREQTRADE__EXCHANGE__"
# What decides which database, folder, mode and latch are a bot's.
OF_ITS_PLACES = (
    "FREQTRADE__DRY_RUN",
    "FREQTRADE__DB_URL",
    "FREQTRADE__PERPKIT__",
    "FREQTRADE__USER_DATA_DIR",
)
_TEXTS = ("name", "folder", "userdir", "db_url", "env_file", "rest_url")


@dataclass(frozen=True)
class AccountEntry:
    """One account of the file.

    :param name: shown to the operator, unique in the file
    :param folder: where its bot is started
    :param options: command line options for this account; empty if the entry is unusable
    :param env: set for this account, see `environment_of`
    :param problem: of the entry; the other accounts are stopped all the same
    """

    name: str
    folder: Path
    options: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict, repr=False)
    problem: str = ""


def read_accounts(path: Path, only: list[str] | None = None) -> list[AccountEntry]:
    """Reads the accounts of a file.

    :param only: names of the accounts to return; None for all
    :raises BadInputError: naming what is wrong with the file as a whole, or with `only`
    """
    try:
        content = tomllib.loads(text_of(content_of(path, _MOST_BYTES), str(path)))
    except OSError as error:
        raise BadInputError(f"--accounts cannot be read: {path}: {error.strerror}") from error
    except (FileError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadInputError(f"--accounts must be TOML: {path}: {error}") from error
    entries = content.get("account")
    if set(content) - {"account"} or not isinstance(entries, list) or not entries:
        raise BadInputError(f"--accounts must have tables [[account]] and nothing else: {path}")
    found = [_read(path, number, given) for number, given in enumerate(entries, 1)]
    names = [entry.name for entry in found]
    for name in names:
        if names.count(name) > 1:
            raise BadInputError(f"--accounts: {path}: name must be unique, got {name!r} twice")
    for name in only or []:
        if name not in names:
            raise BadInputError(f"--only must be one of {', '.join(names)}, got {name!r}")
    return [entry for entry in found if not only or entry.name in only]


def _read(path: Path, number: int, given: Any) -> AccountEntry:
    base = path.absolute().parent
    name = given.get("name") if isinstance(given, dict) else None
    shown = name if isinstance(name, str) and name else f"account {number}"
    try:
        return entry_of(base, shown, given)
    except BadInputError as error:
        return AccountEntry(shown, base, problem=f"{path}: {shown}: {error}")


def entry_of(base: Path, name: str, given: Any) -> AccountEntry:
    """Returns an account by the fields of its table.

    :param base: where a relative folder begins
    :raises BadInputError: naming the field, its value and what is allowed
    """
    if not isinstance(given, dict):
        raise BadInputError(f"it must be a table, got {given!r}")
    for key, value in given.items():
        if key not in (*_TEXTS, "config"):
            allowed = ", ".join((*_TEXTS, "config"))
            raise BadInputError(f"there is no field {key!r}. Allowed: {allowed}")
        if key in _TEXTS and (not isinstance(value, str) or not value):
            raise BadInputError(f"{key} must be text, got {shown_url(repr(value))}")
    if "name" not in given:
        raise BadInputError("it must have a name")
    files = given.get("config")
    if not isinstance(files, list) or not files or not all(isinstance(f, str) for f in files):
        raise BadInputError(f"config must be a list of files, got {files!r}")
    folder = base / given.get("folder", "")
    if not folder.is_dir():
        raise BadInputError(f"folder must be a folder, got {folder}")
    options = [f"--config={folder / file}" for file in files]
    if "userdir" in given:
        options.append(f"--userdir={folder / given['userdir']}")
    options += [
        f"--{key.replace('_', '-')}={given[key]}" for key in ("db_url", "rest_url") if key in given
    ]
    env, problem = {}, ""
    if "env_file" in given:
        try:
            env = read_environment(folder / given["env_file"])
        except BadInputError as error:
            problem = str(error)  # latch, process and API are usable without keys
    return AccountEntry(name, folder, tuple(options), env, problem)


def environment_of(
    own: Mapping[str, str], inherited: Mapping[str, str], *, one_key: bool
) -> tuple[dict[str, str], list[str]]:
    """Returns the environment of an account's process, and the names that are kept out of it.

    Freqtrade puts `FREQTRADE__` variables above the files. Those of one bot, such as its key, its
    database or its mode, would replace another bot's, and one account would be stopped twice.

    :param own: of the account
    :param inherited: of this process, for example that of one bot's container
    :param one_key: whether what is inherited for the exchange is every bot's
    """
    set_here = {name.upper() for name in own}
    of_a_bot = [
        name
        for name in inherited
        if name.upper().startswith(_OF_A_BOT)
        and not (one_key and name.upper().startswith(_OF_THE_EXCHANGE))
    ]
    others = {name: value for name, value in inherited.items() if name not in of_a_bot}
    return {**others, **own}, sorted(name for name in of_a_bot if name.upper() not in set_here)


def read_environment(path: Path) -> dict[str, str]:
    """Reads lines NAME=value without their quotes; empty lines and comments are ignored.

    :raises BadInputError: naming the line but not its content, which may be a secret
    """
    try:
        lines = text_of(content_of(path, _MOST_BYTES), str(path)).splitlines()
    except OSError as error:
        raise BadInputError(f"env_file cannot be read: {path}: {error.strerror}") from error
    except FileError:
        raise BadInputError(f"env_file must be text: {path}") from None
    found = {}
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.removeprefix("export ").partition("=")
        if not equals or not name.strip().isidentifier():
            raise BadInputError(f"env_file must have lines NAME=value: {path}, line {number}")
        found[name.strip()] = _unquoted(value.strip())
    return found


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value
