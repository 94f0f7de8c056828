"""Exits of a trade beside a position of the trader, on the same side of the pair.

Reduce-only does not bound them there: a second exit, or a limit that rests beside the stop, would
sell the trader's part. An exit whose answer was lost is therefore waited for while it may still be
carried out, and one that rests becomes a market order; new ones are market orders by
`leave_at_market`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from freqtrade.enums import ExitCheckTuple, ExitType
from freqtrade.exceptions import TemporaryError
from freqtrade.exchange.exchange_types import CcxtOrder
from freqtrade.persistence import Order, Trade
from freqtrade.rpc import RPCException

from perpkit.bot.live.closing_fills import ClosingFills
from perpkit.bot.live.held import DUST
from perpkit.bot.live.market_exits import MarketExits
from perpkit.bot.live.order_matching import is_of_kind
from perpkit.bot.live.order_purposes import meaning_of
from perpkit.bot.live.replaced import replace
from perpkit.bot.live.sent_orders import SentOrders
from perpkit.bot.live.stored_orders import open_trade
from perpkit.bot.live.trying import Trying
from perpkit.bot.positions.trades import TradeKey, key_of
from perpkit.record.journal import Outcome
from perpkit.record.order_ids import Purpose

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Replaced:
    """An exit that rested and is cancelled.

    :param stays: position size once it is complete, in base currency
    """

    stays: float
    tag: str
    price: float


class ExitsBeside:
    """Made once for a running live bot.

    :param exits: knows the limits that stand for market orders
    :param closing: ends exits that rest, also one that Freqtrade keeps for what it has filled
    :param is_foreign: whether the exchange holds more than a trade on its side of the pair
    :param is_surely_foreign: whether a second comparison has shown that, too
    """

    def __init__(
        self,
        bot: Any,
        sent: SentOrders,
        exits: MarketExits,
        closing: ClosingFills,
        is_foreign: Callable[[Trade], bool],
        is_surely_foreign: Callable[[Trade], bool],
        trying: Trying,
    ) -> None:
        self._bot = bot
        self._sent = sent
        self._exits = exits
        self._closing = closing
        self._is_foreign = is_foreign
        self._is_surely_foreign = is_surely_foreign
        self._trying = trying
        self._pairs: set[str] = set()  # with such a position when an exit was last sent
        self._reported: set[str] = set()  # client ids of exits that are waited for
        self._owed: dict[TradeKey, _Replaced] = {}  # whose market order has not gone out yet
        self._exit = replace(bot, "bot.execute_trade_exit", self.execute_trade_exit)
        self._send = replace(bot, "exchange.create_order", self.create_order)

    def execute_trade_exit(self, trade: Trade, limit: float, exit_check: Any, **how: Any) -> bool:
        """Replaces Freqtrade's method; waits for an earlier exit while that may be carried out,
        15 seconds at most, and ends one that rests.

        :raises RPCException: a forced exit has to wait, and the bot would not try it again
        :raises ExchangeError: an exit that rests may still be there, and other errors of Freqtrade
        """
        if (number := self._awaited_beside(trade)) is not None:
            why = (
                f"{trade.pair}: exit {number} had no answer and may still be carried out. A second "
                "one, which could sell what the exchange holds beside the trade, waits for 15 "
                "seconds at most"
            )
            if exit_check.exit_type is ExitType.FORCE_EXIT:
                raise RPCException(f"{why}; try again then.")
            if number not in self._reported:
                self._reported.add(number)
                logger.warning(f"{why}.")
            return False
        if self._is_foreign(trade):
            before = trade.amount
            if not self._end_resting(trade):
                return False
            if trade.amount < before and how.get("sub_trade_amt"):
                return False  # it has been measured before that: it is decided on again
        placed: bool = self._exit(trade, limit, exit_check, **how)
        if placed:
            self._owed.pop(key_of(trade), None)
        return placed

    def create_order(self, **order: Any) -> CcxtOrder:
        """Replaces the method of Freqtrade's exchange, by which parts of a split exit go out: these
        wait as well.

        :raises TemporaryError: an earlier one may still be carried out
        """
        reduces = bool(order.get("reduceOnly"))
        purpose = meaning_of(stop=False, reduce_only=reduces).purpose
        trade = open_trade(order["pair"]) if is_of_kind(purpose, Purpose.EXIT) else None
        if trade is not None and (number := self._awaited_beside(trade)) is not None:
            raise TemporaryError(f"exit {number} had no answer and may still be carried out")
        return self._send(**order)

    def keep(self) -> None:
        """Makes market orders of exits that rest. Never raises; the bot's lock must be held."""
        trades = {key_of(trade): trade for trade in Trade.get_open_trades()}
        self._owed = {key: each for key, each in self._owed.items() if key in trades}
        for key, trade in trades.items():
            if key in self._owed or self._rests_beside(trade):
                with self._trying(f"Leaving {trade.pair} beside a position of the trader"):
                    self._leave(key, trade)

    def _rests_beside(self, trade: Trade) -> bool:
        sure = self._is_surely_foreign(trade) and not self._exits.leaves(trade)
        return sure and bool(_resting(trade))

    def _awaited_beside(self, trade: Trade) -> str | None:
        """Returns the client id of an exit that has to be waited for."""
        number = self._awaited(trade.pair)
        # When that one is carried out, what is left may equal the trade: no difference.
        if self._is_foreign(trade):
            self._pairs.add(trade.pair)
        elif number is None:
            self._pairs.discard(trade.pair)
        return number if trade.pair in self._pairs else None

    def _awaited(self, pair: str) -> str | None:
        for entry in self._sent.intents.unsettled(pair):
            intent = entry.intent
            if (
                entry.outcome is Outcome.SENT
                and is_of_kind(intent.purpose, Purpose.EXIT)
                and self._sent.may_arrive(intent)
            ):
                return intent.client_id
        return None

    def _end_resting(self, trade: Trade) -> bool:
        """Returns whether the trade is still open, without an exit in the book."""
        for order in _resting(trade):
            self._closing.end(trade, order)
        return bool(trade.is_open)

    def _leave(self, key: TradeKey, trade: Trade) -> None:
        """Cancels exits that rest and sends a market order instead; retried until it is out."""
        if key not in self._owed:
            resting = _resting(trade)
            stays = trade.amount - sum(order.safe_amount for order in resting)
            tag = resting[0].ft_order_tag or ExitType.PARTIAL_EXIT.value
            self._owed[key] = _Replaced(stays, tag, resting[0].safe_price)
        owed = self._owed[key]
        is_open = self._end_resting(trade)
        part = trade.amount - owed.stays  # without what they had filled
        if not is_open or part <= DUST:
            del self._owed[key]
            return
        placed = self._bot.execute_trade_exit(
            trade,
            owed.price,
            ExitCheckTuple(exit_type=ExitType.CUSTOM_EXIT, exit_reason=owed.tag),
            ordertype="market",
            **({"sub_trade_amt": part} if owed.stays > DUST else {}),
        )
        if placed:
            logger.warning(
                f"{trade.pair}: the exchange holds more than the trade. An exit that rested beside "
                "its stop is replaced by a market order, so that both together do not sell the "
                "rest of it."
            )


def _resting(trade: Trade) -> list[Order]:
    """Returns its exits in the book."""
    return [o for o in trade.open_orders if o.ft_order_side == trade.exit_side]
