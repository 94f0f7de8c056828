"""Access to the running bot from within a strategy, which Freqtrade does not offer itself.

Uses private names of Freqtrade; tests/contract/test_live_seams.py checks that they exist.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from freqtrade.data.dataprovider import DataProvider
from freqtrade.enums import RPCMessageType
from freqtrade.persistence import LocalTrade, Order, Trade

if TYPE_CHECKING:  # it brings the API server with it, which a backtest would wait for
    from freqtrade.freqtradebot import FreqtradeBot

logger = logging.getLogger(__name__)

# Telegram rejects a message with unbalanced Markdown, and Freqtrade then drops it.
NO_MARKDOWN = str.maketrans({"_": " ", "*": " ", "`": "'", "[": "("})


def running_bot(dp: DataProvider) -> FreqtradeBot:
    """Returns the dry-run or live bot that `dp` belongs to.

    :raises LookupError: no bot is running, as in a backtest
    """
    rpc = getattr(dp, "_DataProvider__rpc", None)
    if rpc is None:
        raise LookupError("no bot is running")
    return rpc._rpc._freqtrade


def stored(trade: LocalTrade, order: Order) -> tuple[Trade, Order]:
    """Returns Freqtrade's own trade and order for the copies that a callback receives.

    :raises LookupError: the database no longer has them
    """
    own = Trade.get_trades([Trade.id == trade.id]).unique().first()
    found = own.select_order_by_order_id(order.order_id) if own is not None else None
    if own is None or found is None:
        raise LookupError(f"order {order.order_id} of trade {trade.id} is not in the database")
    return own, found


def warn(bot: FreqtradeBot, message: str) -> None:
    """Sends a warning to the operator at once, even if the rest of the cycle fails."""
    bot.notify_status(message, RPCMessageType.WARNING)


def deliver(bot: FreqtradeBot) -> None:
    """Sends the messages queued by `dp.send_msg` at once.

    Freqtrade sends them at the end of a cycle, which a stopped bot never reaches.
    """
    bot.rpc.process_msg_queue(bot.dataprovider._msg_queue)


class OncePerCycle:
    """A step that runs at the start of each cycle.

    :param name: name of the step in the log
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.undelivered = False  # `dp.send_msg` has queued a message

    def take(self, bot: FreqtradeBot, step: Callable[[datetime], None]) -> None:
        """Runs the step; never raises, because the cycle must continue for exits.

        :param step: called with the current time; may set `undelivered`
        """
        try:
            step(datetime.now(UTC))
            if self.undelivered:
                deliver(bot)
                self.undelivered = False
        except Exception:
            logger.exception(f"{self._name} failed at the start of a cycle.")


def message_of(error: Exception) -> str:
    """Returns the text of an error without the query string of a signed request."""
    return str(error).split("?")[0]
