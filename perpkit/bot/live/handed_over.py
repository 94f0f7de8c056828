"""Positions whose trade was deleted: the trader's from then on, with the stop that they had.

Freqtrade's `/delete` cancels the stop, and forgets the position. Here the stop stays where it is,
nothing is sold, and the pair is refused until the position has gone; a restart changes nothing.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from dataclasses import replace as replaced
from typing import Any, Protocol

from freqtrade.exceptions import RetryableOrderError
from freqtrade.persistence import Trade

from perpkit.bot.live.at_exchange import AtExchange
from perpkit.bot.live.held import DUST
from perpkit.bot.live.replaced import replace
from perpkit.bot.live.trying import Trying
from perpkit.bot.positions.trades import utc
from perpkit.bot.running_bot import warn
from perpkit.record.journal import HANDED_OVER

logger = logging.getLogger(__name__)

KIND = HANDED_OVER


class Memory(Protocol):
    """What outlives the process, by kind and name."""

    def keep(self, kind: str, name: str, value: Any) -> None:
        """:param value: None to drop it"""

    def kept(self, kind: str) -> dict[str, Any]: ...


@dataclass(frozen=True)
class HandedOver:
    """
    :param opened: when the trade was
    :param amount: of the trade, in base currency; 0 for one whose entry had not ended
    :param price: of its stop; None where it is to have none
    :param stop: the exchange's id of it, once it is known
    """

    trade: int
    opened: str
    is_short: bool
    amount: float
    price: float | None
    leverage: float
    stop: str | None

    @property
    def exit_side(self) -> str:
        return "buy" if self.is_short else "sell"


class HandedOverPositions:
    """Made once for a running live bot.

    :param keep_stop: whether a position keeps its stop
    """

    def __init__(self, bot: Any, memory: Memory, *, keep_stop: bool) -> None:
        self._bot = bot
        self._exchange = bot.exchange
        self._memory = memory
        self._keep_stop = keep_stop
        self._handed = {pair: HandedOver(**value) for pair, value in memory.kept(KIND).items()}
        self._gone: set[str] = set()  # at the last look
        self._said: set[str] = set()
        self.trying = Trying()
        self._delete = replace(bot, "rpc._rpc_delete", self.delete)

    def __contains__(self, pair: str) -> bool:
        return pair in self._handed

    @property
    def pairs(self) -> list[str]:
        return [*self._handed]

    def refusal(self, pair: str) -> str | None:
        if pair not in self._handed:
            return None
        return f"its position was handed over when trade {self._handed[pair].trade} was deleted"

    def delete(self, trade_id: int) -> dict[str, Any]:
        """Freqtrade's, which leaves the stop where it is."""
        bot = self._bot
        with bot._exit_lock:
            trade = Trade.get_trades([Trade.id == trade_id]).first()
            if trade is None or not trade.is_open:
                answer: dict[str, Any] = self._delete(trade_id)
                return answer
            pair, handed = trade.pair, self._of(trade)
            self._keep(pair, handed)
            if self._keep_stop:
                for order in trade.open_sl_orders:
                    order.ft_is_open = False  # or Freqtrade cancels it
            try:
                answer = self._delete(trade_id)
            except Exception:
                Trade.rollback()
                self._keep(pair, None)
                raise
        self._say_handed_over(pair, handed)
        return answer

    def look(self, seen: AtExchange) -> None:
        """After each look at the exchange. The bot's lock is held."""
        for pair, handed in list(self._handed.items()):
            with self.trying(f"Looking at the position in {pair} that was handed over"):
                self._look_at(pair, handed, seen)

    def _look_at(self, pair: str, handed: HandedOver, seen: AtExchange) -> None:
        if self._has_its_trade(pair, handed):  # it was never deleted: the bot was killed before
            self._keep(pair, None)
            return
        held = seen.of(pair).of(handed.is_short)
        stops = [s for s in seen.stops if (s.pair, s.side) == (pair, handed.exit_side)]
        own = [stop for stop in stops if stop.whose.may_be_cancelled]
        if held <= DUST:
            # An answer may be older than the position.
            if pair in self._gone:
                self._end(pair, handed)
            self._gone.add(pair)
            return
        self._gone.discard(pair)
        if handed.price is None:
            return
        if own:
            if handed.stop != own[-1].id:
                self._keep(pair, replaced(handed, stop=own[-1].id))
        elif handed.stop is None or not self._was_cancelled(pair, handed.stop):
            self._place(pair, handed, min(handed.amount or held, held))
        elif pair not in self._said:
            self._said.add(pair)
            warn(
                self._bot,
                f"{pair}: the stop of the position that was handed over was cancelled, and "
                f"{held:g} of it are still there. They are yours: no other stop is placed.",
            )

    def _was_cancelled(self, pair: str, stop: str) -> bool:
        """By the trader, that is; the exchange itself expires stops, or forgets them."""
        try:
            told = self._exchange.fetch_order(stop, pair, {"stop": True}, count=0)
        except RetryableOrderError:
            return False
        return bool(told["status"] != "expired")

    def _place(self, pair: str, handed: HandedOver, amount: float) -> None:
        sent = self._exchange.create_stoploss(
            pair=pair,
            amount=amount,
            stop_price=handed.price,
            order_types=self._bot.strategy.order_types,
            side=handed.exit_side,
            leverage=handed.leverage,
        )
        self._keep(pair, replaced(handed, stop=str(sent["id"])))

    def _end(self, pair: str, handed: HandedOver) -> None:
        """Its stop goes as every other that no position needs."""
        self._keep(pair, None)
        self._gone.discard(pair)
        self._said.discard(pair)
        warn(
            self._bot,
            f"{pair}: the position of the deleted trade {handed.trade} is gone, and with it its "
            "stop. Entries into this pair are made again.",
        )

    def _of(self, trade: Trade) -> HandedOver:
        stops = trade.open_sl_orders
        price = stops[-1].stop_price or stops[-1].ft_price if stops else None
        return HandedOver(
            trade=trade.id,
            opened=utc(trade.open_date).isoformat(),
            is_short=trade.is_short,
            amount=trade.amount,
            price=(price or trade.stoploss_or_liquidation) if self._keep_stop else None,
            leverage=trade.leverage,
            stop=stops[-1].order_id if stops and self._keep_stop else None,
        )

    def _has_its_trade(self, pair: str, handed: HandedOver) -> bool:
        trade = Trade.get_trades([Trade.id == handed.trade, Trade.pair == pair]).first()
        return trade is not None and utc(trade.open_date).isoformat() == handed.opened

    def _keep(self, pair: str, handed: HandedOver | None) -> None:
        self._memory.keep(KIND, pair, None if handed is None else asdict(handed))
        if handed is None:
            self._handed.pop(pair, None)
        else:
            self._handed[pair] = handed

    def _say_handed_over(self, pair: str, handed: HandedOver) -> None:
        if handed.price is None:
            stop = "It is left without a stop"
        elif handed.stop is not None:
            stop = f"Its stop at {handed.price:g} stays at the exchange and is never moved"
        else:
            stop = f"A stop at {handed.price:g} is placed, and never moved"
        warn(
            self._bot,
            f"{pair}: trade {handed.trade} was deleted, and its position is yours now. {stop}. "
            "Nothing of it is sold, and there is no entry into this pair until it is gone.",
        )
