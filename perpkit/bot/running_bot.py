"""The bot around the strategy: Freqtrade gives a strategy no way to it but this one.

Private names of Freqtrade are used; tests/contract/test_live_seams.py holds them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from freqtrade.data.dataprovider import DataProvider
from freqtrade.enums import RPCMessageType
from freqtrade.freqtradebot import FreqtradeBot
from freqtrade.persistence import LocalTrade, Order, Trade

logger = logging.getLogger(__name__)


def running_bot(dp: DataProvider) -> FreqtradeBot:
    """The bot of dry-run or live that `dp` belongs to.

    :raises LookupError: where there is none, as in a backtest
    """
    rpc = getattr(dp, "_DataProvider__rpc", None)
    if rpc is None:
        raise LookupError("no bot is running")
    return rpc._rpc._freqtrade


def stored(trade: LocalTrade, order: Order) -> tuple[Trade, Order]:
    """What Freqtrade works with, of the copies that a callback is given.

    :raises LookupError: where the database does not have them any more
    """
    own = Trade.get_trades([Trade.id == trade.id]).unique().first()
    found = own.select_order_by_order_id(order.order_id) if own is not None else None
    if own is None or found is None:
        raise LookupError(f"order {order.order_id} of trade {trade.id} is not in the database")
    return own, found


def warn(bot: FreqtradeBot, message: str) -> None:
    """To the operator, at once and whatever becomes of the cycle."""
    bot.notify_status(message, RPCMessageType.WARNING)


def deliver(bot: FreqtradeBot) -> None:
    """Send at once what `dp.send_msg` keeps for the end of a cycle, which a stopped bot has not."""
    bot.rpc.process_msg_queue(bot.dataprovider._msg_queue)


class OncePerCycle:
    """What is looked after as each cycle begins.

    :param name: for the log
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.undelivered = False  # it has a message that `dp.send_msg` keeps

    def take(self, bot: FreqtradeBot, step: Callable[[datetime], None]) -> None:
        """Never raises, for the cycle must go on, for exits.

        :param step: is called with the time, and may set `undelivered`
        """
        try:
            step(datetime.now(UTC))
            if self.undelivered:
                deliver(bot)
                self.undelivered = False
        except Exception:
            logger.exception(f"{self._name} could not be looked after.")


def words(error: Exception) -> str:
    """What an error says, without the signed query of the request."""
    return str(error).split("?")[0]
