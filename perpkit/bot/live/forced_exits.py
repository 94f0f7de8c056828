"""Exits of all trades by command, each for itself.

Freqtrade's `/forceexit all` ends at the first trade whose exit fails, such as one that was closed
by hand a moment ago, and leaves the rest open; Telegram then answers nothing.
"""

from __future__ import annotations

import logging
from typing import Any

from freqtrade.enums import State
from freqtrade.persistence import Trade
from freqtrade.rpc import RPCException

from perpkit.bot.live.replaced import replace
from perpkit.bot.running_bot import NO_MARKDOWN, message_of

logger = logging.getLogger(__name__)

ALL = "all"


class ForcedExits:
    """Made once for a running bot."""

    def __init__(self, bot: Any) -> None:
        self._bot = bot
        self._exit = replace(bot, "rpc._rpc_force_exit", self.force_exit)

    def force_exit(self, trade_id: str, ordertype: str | None = None, **how: Any) -> dict[str, str]:
        """Replaces Freqtrade's method.

        :raises RPCException: naming the trades that stay open, after all have been tried
        """
        bot = self._bot
        if trade_id != ALL or bot.state is State.STOPPED:
            answer: dict[str, str] = self._exit(trade_id, ordertype, **how)
            return answer
        with bot._exit_lock:
            trades, left = [(trade.id, trade.pair) for trade in Trade.get_open_trades()], []
            for number, pair in trades:
                if why := self._try(number, ordertype):
                    left.append(f"{pair} (trade {number}): {why}")
        if left:
            stay = f"{len(left)} of {len(trades)} open trades cannot be exited: {'; '.join(left)}"
            raise RPCException(stay.translate(NO_MARKDOWN))
        return {"result": "Created exit orders for all open trades."}

    def _try(self, number: int, ordertype: str | None) -> str | None:
        """Returns why a trade stays open without an exit, or None."""
        before = _exits_of(number)
        try:
            self._exit(str(number), ordertype)
        # No matter which: it must not keep the others from their exits.
        except Exception as error:
            Trade.rollback()
            # One whose only entry was cancelled is gone, which Freqtrade answers as a failure; and
            # it reads the balance, which may fail, once an exit is placed and stored.
            after = _exits_of(number)
            if before is None or after is None or after - before:
                return None
            logger.warning(f"Trade {number} cannot be exited.", exc_info=error)
            return message_of(error) or type(error).__name__
        return None


def _exits_of(number: int) -> set[str] | None:
    """Returns the ids of a trade's exits; None if it is not open."""
    trade = Trade.get_trades([Trade.id == number, Trade.is_open.is_(True)]).first()
    if trade is None:
        return None
    return {order.order_id for order in trade.orders if order.ft_order_side == trade.exit_side}
