"""The files of a bot, as an operator names it: by configuration, trade database or folder.

They are found as Freqtrade finds its database, its environment variables included.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from perpkit.ops.stored import BadInputError, config_words
from perpkit.record.places import Places, places
from perpkit.record.urls import shown_url

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
    """Of a bot whose trade database is kept.

    :param db_url: Freqtrade's, of that database
    """

    db_url: str
    journal: Path
    lock: Path


def places_of(config: list[Path] | None, userdir: Path | None, db_url: str | None) -> Places:
    """:raises BadInputError: naming what is missing, or cannot be read"""
    return _find(config, userdir, db_url)[1]


def bot_files(config: list[Path] | None, userdir: Path | None, db_url: str | None) -> BotFiles:
    """:raises BadInputError: naming what is missing, or cannot be read"""
    url, found = _find(config, userdir, db_url)
    if found.journal is None or found.lock is None:
        raise BadInputError(f"db_url must be of a database that is kept, got {shown_url(url)!r}")
    return BotFiles(url, found.journal, found.lock)


def _find(
    config: list[Path] | None, userdir: Path | None, db_url: str | None
) -> tuple[str, Places]:
    found = settings(config, userdir or Path("user_data"), needed=not db_url)
    folder = userdir or Path(found.get("user_data_dir") or "user_data")
    url = db_url or _database(found)
    try:
        return url, places(url, folder.absolute())
    except ValueError as error:  # without the URL, which may hold a password
        raise BadInputError(str(error)) from None


def settings(files: list[Path] | None, userdir: Path, *, needed: bool) -> dict[str, Any]:
    """Of the configuration, with Freqtrade's environment on top, unchecked.

    :param needed: whether there must be a file
    :raises BadInputError: where there is none, or one cannot be read
    """
    paths = files or [f for f in (userdir / "config.json", Path("config.json")) if f.is_file()][:1]
    if not paths and needed:
        raise BadInputError(
            f"--config or --db-url must name the bot: there is neither {userdir}/config.json "
            "nor config.json"
        )
    # Freqtrade loads here, so that `perpkit --help` stays quick.
    from freqtrade.configuration.environment_vars import environment_vars_to_dict
    from freqtrade.configuration.load_config import load_from_files
    from freqtrade.exceptions import OperationalException
    from freqtrade.misc import deep_merge_dicts

    try:
        found = load_from_files([str(path) for path in paths]) if paths else {}
        return dict(deep_merge_dicts(environment_vars_to_dict(), found))
    except OperationalException as error:
        raise BadInputError(f"config cannot be read: {config_words(error)}") from None
    except (AttributeError, TypeError) as error:
        shown = ", ".join(map(str, paths))
        raise BadInputError(f"config must be an object, with objects in it: {shown}") from error


def _database(config: dict[str, Any]) -> str:
    from freqtrade.constants import DEFAULT_DB_DRYRUN_URL, DEFAULT_DB_PROD_URL

    given = config.get("db_url")
    if config.get("dry_run", False) and given in (None, DEFAULT_DB_PROD_URL):
        return str(DEFAULT_DB_DRYRUN_URL)
    return str(given or DEFAULT_DB_PROD_URL)


@contextmanager
def errors(*kinds: type[Exception]) -> Iterator[None]:
    """One line and exit code 2 for what the operator can mend."""
    kinds = (BadInputError, *kinds)
    try:
        yield
    except kinds as error:
        fail(str(error))


def fail(message: str, code: int = 2) -> NoReturn:
    typer.echo(f"Error: {message}", err=True)
    raise typer.Exit(code)
