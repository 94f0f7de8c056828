"""Where the files of a bot are, as an operator names the bot: by configuration, database or folder.

As Freqtrade itself finds its database, its environment variables included.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from perpkit.ops.stored import BadInputError
from perpkit.record.places import Places, places

Config = Annotated[
    list[Path] | None,
    typer.Option(
        "--config", "-c", help="The bot's configuration; may be repeated. Default: Freqtrade's."
    ),
]
DbUrl = Annotated[
    str, typer.Option("--db-url", help="Of the bot's trade database; the config's by default.")
]
Userdir = Annotated[
    Path | None, typer.Option("--userdir", help="The bot's user directory; default: user_data.")
]


def places_of(config: list[Path] | None, db_url: str, userdir: Path | None) -> Places:
    """
    :raises BadInputError: naming what is missing, or cannot be read
    """
    settings = _settings(config, userdir or Path("user_data"), needed=not db_url)
    folder = userdir or Path(settings.get("user_data_dir", "user_data"))
    return places(db_url or _database(settings), folder.absolute())


def _settings(files: list[Path] | None, userdir: Path, *, needed: bool) -> dict[str, Any]:
    found = files or [f for f in (userdir / "config.json", Path("config.json")) if f.is_file()][:1]
    if not found:
        if needed:
            raise BadInputError(
                f"--config or --db-url must name the bot: there is neither {userdir}/config.json "
                "nor config.json"
            )
        return {}
    # Freqtrade loads here, so that `perpkit --help` stays quick.
    from freqtrade.configuration.environment_vars import environment_vars_to_dict
    from freqtrade.configuration.load_config import load_from_files
    from freqtrade.exceptions import OperationalException
    from freqtrade.misc import deep_merge_dicts

    try:
        config = load_from_files([str(path) for path in found])
    except OperationalException as error:
        raise BadInputError(f"config cannot be read: {error}") from error
    return dict(deep_merge_dicts(environment_vars_to_dict(), config))


def _database(settings: dict[str, Any]) -> str:
    from freqtrade.constants import DEFAULT_DB_DRYRUN_URL, DEFAULT_DB_PROD_URL

    given = settings.get("db_url")
    if settings.get("dry_run", False) and given in (None, DEFAULT_DB_PROD_URL):
        return str(DEFAULT_DB_DRYRUN_URL)
    return str(given or DEFAULT_DB_PROD_URL)
