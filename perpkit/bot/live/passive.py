"""A bot that looks on: it opens, moves and cancels nothing, and says why.

Of a copied folder the original may be trading, and in dry-run nothing can be done about positions
of live trading. Its cycles do nothing, commands that would are refused, and no request but one that
reads leaves its ccxt client, whoever makes it.
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

SAY_EVERY = HOUR
LOOK_EVERY = timedelta(seconds=30)
COMMANDS = (
    "rpc._rpc_force_entry",
    "rpc._rpc_force_exit",
    "rpc._rpc_cancel_open_order",
    "rpc._rpc_reload_trade_from_exchange",
    "rpc._rpc_delete",
)
_NOTHING = "Nothing is opened, moved or cancelled; stops at the exchange stay as they are"


class Passive:
    """Made in `bot_start`, before anything else takes the place of the same attributes.

    :param reason: why, and the way out, for people
    :param over: asked now and then, whether it need not be passive any more
    :param resume: called when it is over, before the next cycle
    """

    def __init__(
        self, bot: Any, reason: str, over: Callable[[], bool], resume: Callable[[], None]
    ) -> None:
        self._bot = bot
        self._reason = reason
        self._over = over
        self._resume = resume
        self._ended = False
        self._said: datetime | None = None
        self._looked = datetime.now(UTC)
        self._process = replace(bot, "bot.process", lambda: self._cycle(self._process))
        self._stopped = replace(bot, "bot.process_stopped", lambda: self._cycle(self._stopped))
        self._cancel_all = replace(bot, "bot.cancel_all_open_orders", self._cancel_all_open_orders)
        self._update = replace(bot, "bot.startup_update_open_orders", self._update_open_orders)
        self._request = replace(bot, "api.request", self._reading_request)
        for command in COMMANDS:
            self._refuse(command)

    @property
    def reason(self) -> str | None:
        """Why there is to be no entry; None when it is over."""
        return None if self._ended else f"PASSIVE: {self._reason}. {_NOTHING}"

    def _cycle(self, process: Callable[[], None]) -> None:
        if not self._ended:
            self._look(datetime.now(UTC))
        if self._ended:
            process()

    def _look(self, now: datetime) -> None:
        if now - self._looked >= LOOK_EVERY:
            self._looked = now
            if self._over():
                self._end()
                return
        if self._said is None or now - self._said >= SAY_EVERY:
            self._said = now
            warn(self._bot, f"{self.reason}.")

    def _end(self) -> None:
        self._ended = True
        warn(self._bot, "No longer passive: this bot manages its trades from now on.")
        self._resume()
        if self._bot.state is not State.STOPPED:  # else Freqtrade does, as it is started
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
        """ccxt's, which all of its functions end in."""
        if method != "GET" and not self._ended:
            # Of no class that Freqtrade would try again.
            raise ccxt.BaseError(f"{method} {path} is not sent. {self.reason}")
        return self._request(path, api, method, *args, **kwargs)

    def _refuse(self, command: str) -> None:
        def refusing(*args: Any, **kwargs: Any) -> Any:
            return carry_out(*args, **kwargs) if self._ended else self._say_no()

        carry_out = replace(self._bot, command, refusing)

    def _say_no(self) -> NoReturn:
        raise RPCException(f"{self.reason}.")
