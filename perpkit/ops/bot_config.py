"""A bot's configuration as Freqtrade reads it: several files, its environment, its defaults.

It is read for a tool beside the bot: nothing is written to the bot's log, and none of its settings
for logging is applied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perpkit.ops.stored import BadInputError
from perpkit.record.latch import latch_of
from perpkit.record.places import Places, places


@dataclass(frozen=True)
class BotConfig:
    """
    :param files: that were read, in their order
    :param config: Freqtrade's, with secrets in it: nothing of it is to be printed unseen
    :param latch: of the account
    :param places: of the bot's own files
    """

    files: tuple[Path, ...]
    config: Mapping[str, Any]
    latch: Path
    places: Places

    @property
    def dry_run(self) -> bool:
        return bool(self.config.get("dry_run", True))

    @property
    def db_url(self) -> str:
        return str(self.config["db_url"])

    @property
    def user_data_dir(self) -> Path:
        return Path(self.config["user_data_dir"])


def read_config(
    files: list[Path] | None, userdir: Path | None = None, db_url: str | None = None
) -> BotConfig:
    """
    :param files: as `--config` names them; None for Freqtrade's default
    :raises BadInputError: naming what is missing, or what Freqtrade does not accept
    """
    # Freqtrade loads here, so that `perpkit --help` stays quick.
    from freqtrade.configuration.configuration import Configuration
    from freqtrade.exceptions import FreqtradeException

    class Reading(Configuration):
        def _process_logging_options(self, config: Any) -> None:
            """The bot's log is the bot's."""

    folder = userdir or Path("user_data")
    found = files or [f for f in (folder / "config.json", Path("config.json")) if f.is_file()][:1]
    if not found:
        raise BadInputError(
            f"--config must name the bot: there is neither {folder}/config.json nor config.json"
        )
    args: dict[str, Any] = {"config": [str(path) for path in found], "command": "trade"}
    if userdir is not None:
        args["user_data_dir"] = str(userdir)
    if db_url is not None:
        args["db_url"] = db_url
    try:
        config = Reading(args).get_config()
        where = places(str(config["db_url"]), Path(config["user_data_dir"]))
        return BotConfig(tuple(found), config, latch_of(config), where)
    except (FreqtradeException, ValueError, KeyError, OSError) as error:
        raise BadInputError(f"config cannot be read: {error}") from error
    except (AttributeError, TypeError) as error:  # Freqtrade reads it before it checks it
        shown = ", ".join(map(str, found))
        raise BadInputError(
            f"config cannot be read: something in {shown} is not of the kind that it must be "
            f"({error})"
        ) from error
