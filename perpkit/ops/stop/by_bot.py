"""Lets a bot that is alive close its positions itself, and watches its progress.

The bot knows its own positions, keeps its records and reports what it does. Its progress is read
from its database, without any request to the exchange.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Thread

from perpkit.ops.bot_config import BotConfig
from perpkit.ops.stop.rest import BotRest, RestError
from perpkit.record.trade_database import DatabaseError, StoredTrade, TradeDatabase

# The longest time without progress. The exchange may refuse the bot for longer: then the bot is
# ended, and its positions are closed from here, which retries sooner than a bot does.
PATIENCE_SECONDS = 4.0
_LOOK_SECONDS = 0.25
# Between two requests to close what is left.
_AGAIN_SECONDS = 1.0

Say = Callable[[str], None]


@dataclass
class ByBot:
    """What the bot has closed.

    :param flat: whether it has no open trade any more
    :param why: why it still has some, for the operator
    :param closed: trades, for the operator
    """

    flat: bool = False
    why: str = ""
    closed: list[str] = field(default_factory=list)


def close_by_bot(
    bot: BotConfig,
    rest: BotRest | None,
    say: Say,
    until: float,
    patience_seconds: float = PATIENCE_SECONDS,
) -> ByBot:
    """Pauses the bot and has it close its trades, as long as it makes progress.

    :param rest: None if the bot has no usable API, and closes because of the latch
    :param say: receives each request to the bot, and each trade that it has closed
    :param until: by the monotonic clock
    :param patience_seconds: the longest time without progress
    """
    result, asking = ByBot(), _Asking(rest, say)
    asking.pause()
    before: list[StoredTrade] | None = None
    progress_at = time.monotonic()
    while True:
        failed = ""
        try:
            left = _open_trades(bot, rest)
        except (DatabaseError, RestError) as error:  # such as a lock that lasts a moment
            left, failed = before or [], str(error)
        now = time.monotonic()
        if before is not None and left != before:
            progress_at = now
            result.closed += _closed(before, left, say)
        if not left and not failed:
            result.flat = True
            return result
        if now - progress_at > patience_seconds or now > until:
            why = failed or f"{len(left)} of its trades stay open"
            result.why = "; ".join(filter(None, (why, asking.complaint)))
            return result
        before = left if not failed else before
        asking.close(left)
        time.sleep(_LOOK_SECONDS)


def _open_trades(bot: BotConfig, rest: BotRest | None) -> list[StoredTrade]:
    """Returns the open trades from the database, or from the bot if that is in memory.

    :raises DatabaseError, RestError: if they cannot be read
    """
    if bot.places.journal is None and rest is not None:
        return rest.open_trades()  # the database is in memory
    return TradeDatabase.at(bot.db_url).open_trades()


class _Asking:
    """Sends the bot one request at a time; each may take as long as the bot's own requests."""

    def __init__(self, rest: BotRest | None, say: Say) -> None:
        self._rest = rest
        self._say = say
        # A daemon thread, so that an outstanding answer does not delay the end.
        self._asking: Thread | None = None
        self._next_at = 0.0
        self._tried = False
        self.complaint = ""

    def pause(self) -> None:
        if self._rest is None:
            return
        try:
            self._rest.pause()
            self._say("The bot is paused: it makes no entries.")
        except RestError as error:
            self.complaint = str(error)

    def close(self, trades: list[StoredTrade]) -> None:
        now = time.monotonic()
        if self._rest is None or not trades or now < self._next_at:
            return
        if self._asking is None or not self._asking.is_alive():
            self._asking = Thread(target=self._ask, args=(self._rest, trades), daemon=True)
            self._asking.start()
        self._next_at = now + _AGAIN_SECONDS

    def _ask(self, rest: BotRest, trades: list[StoredTrade]) -> None:
        # A request to close all ends at the first failure where the bot is without Perpkit's parts;
        # later ones close each trade by itself.
        wanted: list[int | str] = [trade.id for trade in trades] if self._tried else ["all"]
        self._tried = True
        for trade in wanted:
            named = "all trades" if trade == "all" else f"trade {trade}"
            self._say(f"The bot is asked to close {named} at market.")
            try:
                rest.force_exit(trade)
            except RestError as error:
                self.complaint = str(error)
                self._say(f"{error}.")


def _closed(before: list[StoredTrade], after: list[StoredTrade], say: Say) -> list[str]:
    left = {trade.id for trade in after}
    found = []
    for trade in before:
        if trade.id not in left:
            side = "short" if trade.is_short else "long"
            what = f"{trade.amount:g} closed" if trade.amount else "entry cancelled"
            found.append(f"{trade.pair} {side}: {what} by the bot (trade {trade.id})")
            say(f"{found[-1]}.")
    return found
