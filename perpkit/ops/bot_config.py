"""A bot's configuration as Freqtrade reads it: several files, its environment, its defaults.

It is read for a tool beside the bot, and without a trace: the folders that Freqtrade makes as it
reads, the mark of a venue's data directory and database, and the bot's log stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perpkit.ops.stored import BadInputError, config_words
from perpkit.record.latch import LatchFile, latch_file, latch_of
from perpkit.record.places import Places, places
from perpkit.rehearsal.redirection import VENUE

# What Freqtrade raises, before it looks closer, where an object is a list or the like.
_OF_ANOTHER_KIND = (AttributeError, TypeError)


@dataclass(frozen=True)
class BotConfig:
    """
    :param files: that were read, in their order
    :param config: Freqtrade's, with secrets in it: nothing of it is to be printed unseen
    :param latch: where that of the account is, see `latch_file` to read and write it
    :param places: of the bot's own files
    """

    files: tuple[Path, ...]
    config: Mapping[str, Any] = field(repr=False)
    latch: Path
    places: Places

    @property
    def latch_file(self) -> LatchFile:
        return latch_file(self.config)

    @property
    def dry_run(self) -> bool:
        return bool(self.config.get("dry_run", True))

    @property
    def db_url(self) -> str:
        return str(self.config["db_url"])

    @property
    def user_data_dir(self) -> Path:
        return Path(self.config["user_data_dir"])


def files_of(
    files: list[Path] | None, userdir: Path | None, options: str = "--config"
) -> list[Path]:
    """Of a configuration, as `--config` names them or as Freqtrade finds it.

    :param options: of the command line that could name the bot instead
    :raises BadInputError: where there is none, or one that is named is not there
    """
    found = files or _default_file(userdir)
    if not found:
        folder = userdir or Path("user_data")
        raise BadInputError(
            f"{options} must name the bot: there is neither {folder}/config.json nor config.json"
        )
    for path in found:
        if str(path) != "-" and not path.is_file():
            raise BadInputError(f"--config must name a file, got {path}, which is not there")
    return found


def _default_file(userdir: Path | None) -> list[Path]:
    """Where Freqtrade looks; empty where it would find none."""
    folder = userdir or Path("user_data")
    return [f for f in (folder / "config.json", Path("config.json")) if f.is_file()][:1]


def unchecked_config(files: list[Path] | None, userdir: Path | None) -> dict[str, Any]:
    """What the files say, with Freqtrade's environment on top, sound or not; without its defaults.

    :param files: as `--config` names them; None for Freqtrade's default, which need not be there
    :raises BadInputError: where one cannot be read
    """
    found = files or _default_file(userdir)
    # Freqtrade loads here, so that `perpkit --help` stays quick.
    from freqtrade.configuration.environment_vars import environment_vars_to_dict
    from freqtrade.configuration.load_config import load_from_files
    from freqtrade.misc import deep_merge_dicts

    with _reading(found):
        content = load_from_files([str(path) for path in found]) if found else {}
        return dict(deep_merge_dicts(environment_vars_to_dict(), content))


@contextmanager
def _reading(files: list[Path]) -> Iterator[None]:
    """:raises BadInputError: for what Freqtrade raises where it cannot read a configuration"""
    from freqtrade.exceptions import FreqtradeException

    try:
        yield
    except _OF_ANOTHER_KIND as error:
        shown = ", ".join(map(str, files))
        raise BadInputError(
            f"config cannot be read: it must be an object, with objects in it: {shown} ({error})"
        ) from None
    except (FreqtradeException, ValueError, LookupError, OSError) as error:
        raise BadInputError(f"config cannot be read: {config_words(error)}") from None


def read_config(
    files: list[Path] | None,
    userdir: Path | None = None,
    db_url: str | None = None,
    datadir: Path | None = None,
) -> BotConfig:
    """
    :param files: as `--config` names them; None for Freqtrade's default
    :raises BadInputError: naming what is missing, or what Freqtrade does not accept
    """
    # Freqtrade loads here, so that `perpkit --help` stays quick.
    from freqtrade.configuration.configuration import Configuration

    class Reading(Configuration):
        only_reads = True  # for perpkit.bot.loading.rehearsal_guard

        def _process_logging_options(self, config: Any) -> None:
            """The bot's log is the bot's."""

        def _process_datadir_options(self, config: Any) -> None:
            _place_folders(config, self.args)

    found = files_of(files, userdir)
    args: dict[str, Any] = {"config": [str(path) for path in found], "command": "trade"}
    if userdir is not None:
        args["user_data_dir"] = str(userdir)
    if db_url is not None:
        args["db_url"] = db_url
    if datadir is not None:
        args["datadir"] = str(datadir)
    with _reading(found):
        config = Reading(args).get_config()
        where = places(str(config["db_url"]), Path(config["user_data_dir"]))
        return BotConfig(tuple(found), config, latch_of(config), where)


def _place_folders(config: dict[str, Any], args: dict[str, Any]) -> None:
    """As Freqtrade does for `trade`, but that it makes none.

    :raises OperationalException: when there is no user directory
    """
    from freqtrade.exceptions import OperationalException

    exchange = config["exchange"]
    exchange.setdefault("pair_whitelist", [])
    folder = Path(
        args.get("user_data_dir") or config.get("user_data_dir") or Path.cwd() / "user_data"
    )
    if not folder.is_dir():
        raise OperationalException(
            f"Directory `{folder}` does not exist: `freqtrade create-userdir` makes one"
        )
    own = args.get("datadir") or (config.get("datadir") if VENUE in config else None)
    config["user_data_dir"] = folder
    config["datadir"] = Path(own) if own else folder / "data" / exchange.get("name", "").lower()
    export, name = config.get("exportdirectory"), config.get("exportfilename")
    config["exportdirectory"] = Path(export or folder / "backtest_results")
    config["exportfilename"] = Path(name) if name else None
