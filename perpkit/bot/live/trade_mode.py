"""Detects a trade database of the other mode: dry-run trades in live, or live ones in dry-run.

Freqtrade does not store the mode. Order ids reveal it: those of dry-run have their own form.
"""

from __future__ import annotations

import logging
from typing import Any

from freqtrade.persistence import Trade

from perpkit.record.trade_database import DatabaseError, TradeDatabase

logger = logging.getLogger(__name__)


def other_mode(config: dict[str, Any]) -> str | None:
    """Returns why the database does not fit this bot's mode, and the remedy; None if it does.

    The newest order and those of open trades decide; a database without orders fits both modes.

    :param config: Freqtrade's
    """
    if config.get("db_url", "sqlite://") == "sqlite://":
        return None  # in memory, so without trades of an earlier run
    dry, database = config["dry_run"], TradeDatabase(Trade.session.get_bind())
    try:
        if database.modes() <= {dry}:
            return None
    except DatabaseError as error:  # open trades must still be managed
        logger.warning(f"The mode of the trades cannot be determined: {error}")
        return None
    if dry:
        return (
            f"{database.name} contains live trades, and dry-run would close them in the database "
            'only. Set "dry_run": false to manage them, or give dry-run its own "db_url"'
        )
    return (
        f"{database.name} contains dry-run trades, which do not exist at the exchange. Give "
        'live trading its own "db_url", or set "dry_run": true'
    )
