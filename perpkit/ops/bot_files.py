"""The files of a bot, as an operator names them: by its configuration, or by its database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from perpkit.record.places import places

# Freqtrade's.
LIVE_DATABASE, DRY_RUN_DATABASE = "sqlite:///tradesv3.sqlite", "sqlite:///tradesv3.dryrun.sqlite"

Config = Annotated[
    list[Path] | None,
    typer.Option(
        "--config", "-c", help="Freqtrade configuration; may be repeated. Default: Freqtrade's."
    ),
]
Userdir = Annotated[
    Path | None,
    typer.Option("--userdir", "--user-data-dir", help="Freqtrade user directory; the config's."),
]
DbUrl = Annotated[
    str | None, typer.Option("--db-url", help="Trade database; the config's, or Freqtrade's.")
]


class FilesError(ValueError):
    """Something the operator gave that leads to no bot; the message is for them."""


@dataclass(frozen=True)
class BotFiles:
    """:param db_url: Freqtrade's, of the trade database"""

    db_url: str
    journal: Path
    lock: Path


def bot_files(config: list[Path] | None, userdir: Path | None, db_url: str | None) -> BotFiles:
    """As Freqtrade finds them.

    :raises FilesError: when they cannot be found
    """
    settings = _settings(config, userdir, needed=db_url is None)
    folder = userdir or Path(settings.get("user_data_dir") or "user_data")
    url = db_url or _database(settings)
    try:
        found = places(url, folder)
    except ValueError as error:
        raise FilesError(f"db_url must be the URL of a database, got {url!r}: {error}") from error
    if found.journal is None or found.lock is None:
        raise FilesError(f"db_url must be of a database that is kept, got {url!r}")
    return BotFiles(url, found.journal, found.lock)


def _database(settings: dict[str, Any]) -> str:
    given: str | None = settings.get("db_url")
    if not settings.get("dry_run"):
        return given or LIVE_DATABASE
    return given if given not in (None, LIVE_DATABASE) else DRY_RUN_DATABASE


def _settings(files: list[Path] | None, userdir: Path | None, needed: bool) -> dict[str, Any]:
    """Of the configuration, with Freqtrade's environment on top."""
    from freqtrade.configuration.environment_vars import environment_vars_to_dict
    from freqtrade.configuration.load_config import load_from_files
    from freqtrade.exceptions import OperationalException
    from freqtrade.misc import deep_merge_dicts

    from perpkit.bot.rehearsal_guard import check_overlay
    from perpkit.rehearsal import RehearsalError

    default = (userdir or Path("user_data")) / "config.json"
    named = files or [path for path in (default, Path("config.json")) if path.is_file()][:1]
    if not named and needed:
        raise FilesError("--config or --db-url must be given: there is no config.json here")
    try:
        settings = load_from_files([str(path) for path in named]) if named else {}
        check_overlay(settings, {})
    except (OperationalException, RehearsalError) as error:
        raise FilesError(str(error)) from error
    return deep_merge_dicts(environment_vars_to_dict(), settings)


@contextmanager
def errors(*kinds: type[Exception]) -> Iterator[None]:
    """One line and exit code 2 for what the operator can mend."""
    try:
        yield
    except kinds as error:
        fail(str(error))


def fail(message: str) -> NoReturn:
    typer.echo(f"Error: {message}", err=True)
    raise typer.Exit(2)
