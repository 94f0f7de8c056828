"""Finds the files of a bot that an operator names by configuration, trade database or folder.

They are found in the way Freqtrade finds its database, environment variables included.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from perpkit.ops.bot_config import files_of, unchecked_config, user_directory_of
from perpkit.ops.stored import BadInputError
from perpkit.record.places import Places, places
from perpkit.record.urls import shown_url

# Folder of the runs of walk-forwards in a user directory.
RUNS = "walkforward"

Config = Annotated[
    list[Path] | None,
    typer.Option(
        "--config", "-c", help="The bot's configuration; may be repeated. Default: Freqtrade's."
    ),
]
DbUrl = Annotated[
    str | None, typer.Option("--db-url", help="The bot's trade database; default: the config's.")
]
Userdir = Annotated[
    Path | None,
    typer.Option("--userdir", "--user-data-dir", help="The bot's folder; default: user_data."),
]


@dataclass(frozen=True)
class BotFiles:
    """The files of a bot whose trade database is persistent.

    :param db_url: of that database, as Freqtrade has it
    """

    db_url: str
    journal: Path
    lock: Path


def places_of(config: list[Path] | None, userdir: Path | None, db_url: str | None) -> Places:
    """Returns the places of a bot's files.

    :raises BadInputError: naming what is missing or cannot be read
    """
    return _find(config, userdir, db_url)[1]


def bot_files(config: list[Path] | None, userdir: Path | None, db_url: str | None) -> BotFiles:
    """Returns the files of a bot whose trade database is persistent.

    :raises BadInputError: naming what is missing or cannot be read, or a database in memory
    """
    url, found = _find(config, userdir, db_url)
    if found.journal is None or found.lock is None:
        raise BadInputError(f"db_url must be of a database that is kept, got {shown_url(url)!r}")
    return BotFiles(url, found.journal, found.lock)


def _find(
    config: list[Path] | None, userdir: Path | None, db_url: str | None
) -> tuple[str, Places]:
    if not db_url:
        files_of(config, userdir, "--config or --db-url")
    found = unchecked_config(config, userdir)
    folder = userdir or user_directory_of(found)
    url = db_url or database_of(found)
    try:
        return url, places(url, folder.absolute())
    except ValueError as error:  # the message omits the URL, which may hold a password
        raise BadInputError(str(error)) from None


def user_directory(config: list[Path] | None, userdir: Path | None) -> Path:
    """Returns Freqtrade's user directory: the one that is given, or the configuration's.

    :raises BadInputError: if the configuration cannot be read
    """
    return userdir or user_directory_of(unchecked_config(config, None))


def database_of(config: dict[str, Any]) -> str:
    """Returns the URL of the trade database, as Freqtrade chooses it."""
    from freqtrade.constants import DEFAULT_DB_DRYRUN_URL, DEFAULT_DB_PROD_URL

    given = config.get("db_url")
    if config.get("dry_run", False) and given in (None, DEFAULT_DB_PROD_URL):
        return str(DEFAULT_DB_DRYRUN_URL)
    return str(given or DEFAULT_DB_PROD_URL)


@contextmanager
def errors(*kinds: type[Exception]) -> Iterator[None]:
    """Prints these errors, and `BadInputError`, as one line and exits with code 2."""
    kinds = (BadInputError, *kinds)
    try:
        yield
    except kinds as error:
        fail(str(error))


def fail(message: str, code: int = 2) -> NoReturn:
    typer.echo(f"Error: {message}", err=True)
    raise typer.Exit(code)
