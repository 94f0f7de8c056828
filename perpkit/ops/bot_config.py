"""Reads a bot's configuration as Freqtrade does: from files, the environment and defaults.

A tool reads it without side effects: no folder is created, no data directory or database of a
venue is marked, and nothing is written to the bot's log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perpkit.checks import shown
from perpkit.ops.stored import BadInputError, config_words
from perpkit.record.latch import LatchFile, latch_file, latch_of
from perpkit.record.places import Places, places
from perpkit.rehearsal.redirection import VENUE

# Raised by Freqtrade before its validation, for example for a list in the place of an object.
_OF_ANOTHER_KIND = (AttributeError, TypeError)


@dataclass(frozen=True)
class BotConfig:
    """A bot's configuration and the places of its files.

    :param files: configuration files, in the order in which they were read
    :param config: Freqtrade's; it contains secrets, so none of it may be printed unchecked
    :param latch: path of the account's stop latch; use `latch_file` to read and write it
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
    """Returns the configuration files that `--config` names, or that Freqtrade finds by default.

    :param options: command line options that the error message suggests
    :raises BadInputError: if there is none, or a named file does not exist
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
    """Returns Freqtrade's default configuration file, or an empty list if there is none."""
    folder = userdir or Path("user_data")
    return [f for f in (folder / "config.json", Path("config.json")) if f.is_file()][:1]


def unchecked_config(files: list[Path] | None, userdir: Path | None) -> dict[str, Any]:
    """Returns the merged files, overridden by Freqtrade's environment; unchecked, no defaults.

    :param files: as `--config` names them; None for Freqtrade's default, which may be missing
    :raises BadInputError: if a file cannot be read
    """
    found = files or _default_file(userdir)
    # Freqtrade loads here, so that `perpkit --help` stays quick.
    from freqtrade.configuration.environment_vars import environment_vars_to_dict
    from freqtrade.misc import deep_merge_dicts

    content = merged_files(found) if found else {}
    with _reading(found):
        return dict(deep_merge_dicts(environment_vars_to_dict(), content))


def merged_files(files: list[Path]) -> dict[str, Any]:
    """Returns the content of configuration files, merged; unchecked, no defaults.

    :raises BadInputError: if a file cannot be read, or does not hold an object
    """
    from freqtrade.configuration.load_config import load_from_files

    with _reading(files):
        return dict(load_from_files([str(path) for path in files]))


@contextmanager
def _reading(files: list[Path]) -> Iterator[None]:
    """Turns what Freqtrade raises for an unreadable configuration into `BadInputError`."""
    from freqtrade.exceptions import FreqtradeException

    try:
        yield
    except _OF_ANOTHER_KIND as error:
        shown = ", ".join(map(str, files))
        raise BadInputError(
            f"config cannot be read: it must be an object, with objects in it: {shown} ({error})"
        ) from None
    except (FreqtradeException, ValueError, LookupError, OSError, RecursionError) as error:
        raise BadInputError(f"config cannot be read: {config_words(error)}") from None


def read_config(
    files: list[Path] | None,
    userdir: Path | None = None,
    db_url: str | None = None,
    datadir: Path | None = None,
) -> BotConfig:
    """Reads and validates a bot's configuration, without side effects.

    :param files: as `--config` names them; None for Freqtrade's default
    :raises BadInputError: naming what is missing, or what Freqtrade does not accept
    """
    # Freqtrade loads here, so that `perpkit --help` stays quick.
    from freqtrade.configuration.configuration import Configuration

    class Reading(Configuration):
        only_reads = True  # read by perpkit.bot.loading.rehearsal_guard

        def _process_logging_options(self, config: Any) -> None:
            """Does nothing: only the bot itself writes to its log."""

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


def load_strategy(config: Mapping[str, Any]) -> Any:
    """Returns the strategy of a configuration as Freqtrade loads it for the bot, not started, and
    without keys.

    :raises Exception: of any kind, also of the strategy's own code
    """
    from freqtrade.configuration import remove_exchange_credentials
    from freqtrade.resolvers import StrategyResolver

    own = deepcopy(dict(config))
    remove_exchange_credentials(own["exchange"], True)
    return StrategyResolver.load_strategy(own)


def user_directory_of(config: Mapping[str, Any]) -> Path:
    """Returns the user directory that a configuration names, or Freqtrade's default.

    :raises BadInputError: naming the option, its value and what is allowed
    """
    given = config.get("user_data_dir") or "user_data"
    if not isinstance(given, str | Path):
        raise BadInputError(f"user_data_dir must be the path of a folder, got {shown(given)}")
    return Path(given)


def _place_folders(config: dict[str, Any], args: dict[str, Any]) -> None:
    """Sets the folders as Freqtrade does for `trade`, without creating any.

    :raises OperationalException: if the user directory does not exist
    """
    from freqtrade.exceptions import OperationalException

    exchange = config["exchange"]
    if not isinstance(exchange, dict):  # not shown: it may be a secret in the wrong place
        raise OperationalException(f"exchange must be an object, got {type(exchange).__name__}")
    exchange.setdefault("pair_whitelist", [])
    folder = user_directory_of(named := {**config, **args})
    if not named.get("user_data_dir"):
        folder = Path.cwd() / folder
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
