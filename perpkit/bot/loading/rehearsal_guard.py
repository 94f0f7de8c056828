"""Keeps rehearsals apart from trading at the exchange, with any strategy.

`perpkit.bot.loading.hook` calls it with the module that Freqtrade has just imported. Every command,
including `/reload_config`, loads its configuration before its first request;
tests/contract/test_rehearsal_seams.py checks that this stays true.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from perpkit.rehearsal import RehearsalError
from perpkit.rehearsal.datadir_mark import WAY_OUT, before_filling, marked
from perpkit.rehearsal.redirection import VENUE, leads_to_venue, problems, venue_url

logger = logging.getLogger(__name__)

_UNVERIFIED = r"Unverified HTTPS request is being made to host '(localhost|127\.[\d.]+|\[?::1\]?)'"


def separate(module: ModuleType) -> None:
    """Checks every configuration as soon as it is loaded, and uses the overlay's data directory.

    :param module: freqtrade.configuration.configuration
    """
    load, create = module.Configuration.load_config, module.create_datadir

    def load_config(self: Any) -> dict[str, Any]:
        config: dict[str, Any] = load(self)
        with _refusing():
            if getattr(self, "only_reads", False):  # a tool next to the bot, which writes no data
                check_overlay(config, os.environ)
            else:
                check(config, os.environ, self.args.get("command"))
        return config

    def create_datadir(config: dict[str, Any], datadir: str | None = None) -> Path:
        """Takes the overlay's data directory; Freqtrade accepts one only on the command line."""
        own = config.get("datadir") if VENUE in config else None
        return create(config, datadir or own)

    module.Configuration.load_config = load_config
    module.create_datadir = create_datadir  # type: ignore[attr-defined]


def separate_downloads(module: ModuleType) -> None:
    """Checks each download: FreqUI starts them with a configuration loaded long before.

    :param module: freqtrade.data.history.history_utils
    """
    download = module.download_data

    def download_data(config: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        with _refusing():
            check_overlay(config, os.environ)
            before_filling(Path(config["datadir"]), venue_url(config))
        download(config, *args, **kwargs)

    module.download_data = download_data  # type: ignore[attr-defined]


def check(config: dict[str, Any], environment: Mapping[str, str], command: str | None) -> None:
    """Allows or refuses to start a command; marks the data directory and database it will fill.

    :param config: Freqtrade's, loaded
    :param command: Freqtrade's; None if something else loaded the configuration
    :raises RehearsalError: naming what mixes a rehearsal with trading at the exchange
    """
    from freqtrade.enums import TRADE_MODES

    check_overlay(config, environment)
    datadir, venue = Path(config["datadir"]), venue_url(config)
    if config["runmode"] in TRADE_MODES:
        if venue is None:
            _before_trading_at_the_exchange(config, datadir)
        else:
            _before_rehearsing(config, datadir, venue)
    elif command == "download-data":
        before_filling(datadir, venue)
    elif says := marked(datadir):
        logger.warning(f"{says}.")


def check_overlay(config: Mapping[str, Any], environment: Mapping[str, str]) -> None:
    """Checks that a configuration for a venue sends every request there.

    :raises RehearsalError: if it leads to a venue only in part
    """
    if found := problems(config, environment):
        raise RehearsalError("Rehearsal at a venue is refused: " + "; ".join(found) + ".")
    if leads_to_venue(config):
        # A venue makes its certificate at each start, so it cannot be verified; others must be.
        warnings.filterwarnings("ignore", message=_UNVERIFIED)


def _before_rehearsing(config: Mapping[str, Any], datadir: Path, venue: str) -> None:
    from perpkit.bot.loading.rehearsal_database import claim

    before_filling(datadir, venue)
    with suppress(SQLAlchemyError):  # Freqtrade reports the error itself
        claim(config["db_url"], "dry-run" if config["dry_run"] else "live")
    logger.info(f"Rehearsal: every request goes to the venue at {venue}.")


def _before_trading_at_the_exchange(config: dict[str, Any], datadir: Path) -> None:
    from perpkit.bot.loading.rehearsal_database import refuse_rehearsed

    found = refuse_rehearsed(config["db_url"])
    says = marked(datadir)
    if says is None:
        return
    if not found.has_open_trades:
        raise RehearsalError(f"{says}, and must not decide at the exchange. {WAY_OUT}.")
    # Open trades must be managed even with data of a venue.
    logger.error(
        f"{says}, and must not decide at the exchange. There are open trades: the bot starts "
        f"PAUSED, manages them and opens none. {WAY_OUT} as soon as they are closed."
    )
    if config.get("initial_state") == "running":
        config["initial_state"] = "paused"


@contextmanager
def _refusing() -> Iterator[None]:
    """Reports a refusal as Freqtrade does: with an exit code of 2 and one line of its log."""
    try:
        yield
    except RehearsalError as error:
        from freqtrade.exceptions import OperationalException

        raise OperationalException(str(error)) from None
