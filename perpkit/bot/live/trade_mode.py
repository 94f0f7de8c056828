"""Whether a trade database is of the other mode: dry-run trades in live, or live ones in dry-run.

Freqtrade does not keep the mode. The ids of orders tell it: those of dry-run were never sent.
"""

from __future__ import annotations

import logging
from typing import Any

from freqtrade.persistence import Trade

from perpkit.record.trade_database import DatabaseError, TradeDatabase

logger = logging.getLogger(__name__)


def other_mode(config: dict[str, Any]) -> str | None:
    """Why its database is not for this bot, and the way out; None where it is.

    A database without orders is of either mode. What counts are the newest order, and those of
    trades that are open.

    :param config: Freqtrade's
    """
    if config.get("db_url", "sqlite://") == "sqlite://":
        return None  # nothing of an earlier run
    dry, database = config["dry_run"], TradeDatabase(Trade.session.get_bind())
    try:
        if database.modes() <= {dry}:
            return None
    except DatabaseError as error:  # what is open must be looked after all the same
        logger.warning(f"The mode of the trades cannot be looked up: {error}")
        return None
    if dry:
        return (
            f"{database.name} has trades of live trading, and dry-run would close them in the "
            'books only. Set "dry_run": false to manage them, or give dry-run a "db_url" of its own'
        )
    return (
        f"{database.name} has trades of dry-run, for which there is nothing at the exchange. Give "
        'live trading a "db_url" of its own, or "dry_run": true'
    )
