"""Lets a live bot trade only a strategy that has passed `perpkit golive`, as it is now.

It is asked at the start: a flat bot is refused, one that holds something manages it and makes no
entry (see `perpkit.bot.live.obstacles`). A bot at a simulated venue trades no money, nor does one
in dry-run.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from perpkit.bot.binding import binding
from perpkit.bot.live.order_journal import files_of
from perpkit.bot.running_bot import message_of
from perpkit.bot.settings import given_switch
from perpkit.record import ran
from perpkit.record.golive import REQUIRED, golive_file, objection
from perpkit.rehearsal.redirection import leads_to_venue, problems

logger = logging.getLogger(__name__)

NAME = "Go-live gate"
OFF = (
    f'the go-live gate off, as "perpkit.{REQUIRED}" is false: this strategy trades real money '
    "whether or not `perpkit golive` has shown that it may"
)


class GoLiveGate:
    """
    :param config: Freqtrade's
    :param strategy: loaded, and bound to that configuration
    """

    def __init__(self, config: Mapping[str, Any], strategy: Any) -> None:
        # Why the bot must not trade, None if it may; and whether the gate was switched off.
        self.reason: str | None = None
        self.off = False
        self.asked = not config["dry_run"] and not at_venue(config)
        if not self.asked:
            return
        name = type(strategy).__name__
        try:
            if given_switch(config, REQUIRED) is False:
                self.off = True
                return
            against = objection(golive_file(config, name), binding(strategy), datetime.now(UTC))
        # No matter which: it must neither let a bot trade, nor end one that holds something.
        except Exception as error:
            self.reason = f"{NAME}: {name} cannot be judged: {' '.join(message_of(error).split())}"
            return
        if against is not None:
            self.reason = (
                f"{NAME}: {name} may not trade real money: {against}. "
                f'"perpkit.{REQUIRED}": false does without it'
            )


def note_what_trades(config: dict[str, Any], strategy: Any) -> None:
    """Notes beside the trade database what this bot trades with. It never raises."""
    places = files_of(config)
    if places.journal is None:  # a database in memory proves nothing later
        return
    try:
        ran.note(places.ran, binding(strategy), datetime.now(UTC))
    # No matter which: what is not noted is only missing evidence.
    except Exception as error:
        logger.warning(f"What this bot trades with cannot be noted: {message_of(error)}")


def at_venue(config: Mapping[str, Any]) -> bool:
    """Whether a configuration leads to a simulated venue, wholly.

    One that leads there in part is refused before (`perpkit.bot.loading.rehearsal_guard`); here
    that is looked at once more, as real money may be at stake.
    """
    return leads_to_venue(config) and not problems(config, os.environ)
