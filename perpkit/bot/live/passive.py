"""A read-only bot: it opens, moves and cancels nothing, and reports why.

If its folder is a copy, the original may be trading; a dry-run bot cannot manage live positions.
Its cycles do nothing, commands that would change something are refused, and its ccxt client sends
only requests that read, for every caller.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import ccxt
from freqtrade.enums import State
from freqtrade.rpc import RPCException

from perpkit.bot.live.replaced import replace
from perpkit.bot.running_bot import warn
from perpkit.durations import HOUR

logger = logging.getLogger(__name__)

REPORT_EVERY = HOUR
CHECK_EVERY = timedelta(seconds=30)
COMMANDS = (
    "rpc._rpc_force_entry",
    "rpc._rpc_force_exit",
    "rpc._rpc_cancel_open_order",
    "rpc._rpc_reload_trade_from_exchange",
    "rpc._rpc_delete",
)
_NOTHING = "Nothing is opened, moved or cancelled; stops at the exchange stay as they are"


class Passive:
    """Makes a bot read-only; created in `bot_start`, before other replacements of its attributes.

    :param reason: reason and remedy, for the operator
    :param over: polled for whether the bot may become active
    :param resume: called when it becomes active, before the next cycle
    """

    def __init__(
        self, bot: Any, reason: str, over: Callable[[], bool], resume: Callable[[], None]
    ) -> None:
        self._bot = bot
        self._reason = reason
        self._over = over
        self._resume = resume
        self._ended = False
        self._reported_at: datetime | None = None
        self._checked_at = datetime.now(UTC)
        self._process = replace(bot, "bot.process", lambda: self._cycle(self._process))
        self._stopped = replace(bot, "bot.process_stopped", lambda: self._cycle(self._stopped))
        self._cancel_all = replace(bot, "bot.cancel_all_open_orders", self._cancel_all_open_orders)
        self._update = replace(bot, "bot.startup_update_open_orders", self._update_open_orders)
        self._request = replace(bot, "api.request", self._reading_request)
        for command in COMMANDS:
            self._refuse(command)

    @property
    def reason(self) -> str | None:
        """Why the bot is read-only; None once it is active."""
        return None if self._ended else f"PASSIVE: {self._reason}. {_NOTHING}"

    def _cycle(self, process: Callable[[], None]) -> None:
        if not self._ended:
            self._check(datetime.now(UTC))
        if self._ended:
            process()

    def _check(self, now: datetime) -> None:
        if now - self._checked_at >= CHECK_EVERY:
            self._checked_at = now
            if self._over():
                self._end()
                return
        if self._reported_at is None or now - self._reported_at >= REPORT_EVERY:
            self._reported_at = now
            warn(self._bot, f"{self.reason}.")

    def _end(self) -> None:
        self._ended = True
        warn(self._bot, "No longer passive: this bot manages its trades from now on.")
        self._resume()
        if self._bot.state is not State.STOPPED:  # otherwise Freqtrade does so when started
            self._bot.startup_update_open_orders()

    def _cancel_all_open_orders(self) -> None:
        if self._ended:
            self._cancel_all()
        else:
            logger.warning(f"No order is cancelled. {self.reason}.")

    def _update_open_orders(self) -> None:
        if self._ended:
            self._update()

    def _reading_request(
        self, path: str, api: Any = "public", method: str = "GET", *args: Any, **kwargs: Any
    ) -> Any:
        """Replaces ccxt's `request`, which all of its methods end in."""
        if method != "GET" and not self._ended:
            # Not of a class that Freqtrade would retry.
            raise ccxt.BaseError(f"{method} {path} is not sent. {self.reason}")
        return self._request(path, api, method, *args, **kwargs)

    def _refuse(self, command: str) -> None:
        def refusing(*args: Any, **kwargs: Any) -> Any:
            return carry_out(*args, **kwargs) if self._ended else self._refuse_command()

        carry_out = replace(self._bot, command, refusing)

    def _refuse_command(self) -> NoReturn:
        raise RPCException(f"{self.reason}.")
