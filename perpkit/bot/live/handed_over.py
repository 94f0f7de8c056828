"""Positions whose trade was deleted: they belong to the trader from then on, but keep their stop.

Freqtrade's `/delete` cancels the stop and forgets the position. Here the stop stays in place,
nothing is sold, and entries into the pair are refused until the position is closed, also after a
restart.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from dataclasses import replace as replaced
from math import inf
from typing import Any, Protocol

from freqtrade.exceptions import FreqtradeException, RetryableOrderError
from freqtrade.persistence import Trade
from freqtrade.rpc import RPCException

from perpkit.bot.live.at_exchange import AtExchange
from perpkit.bot.live.held import DUST
from perpkit.bot.live.replaced import replace
from perpkit.bot.live.trying import Trying
from perpkit.bot.positions.trades import utc
from perpkit.bot.running_bot import NO_MARKDOWN, message_of, warn
from perpkit.record.journal import HANDED_OVER

logger = logging.getLogger(__name__)

KIND = HANDED_OVER
# Statuses of stops that get no successor; one that has expired or is forgotten gets one.
_OVER = {"canceled": "was cancelled", "closed": "has triggered"}


class Memory(Protocol):
    """Storage that survives a restart, by kind and name."""

    def keep(self, kind: str, name: str, value: Any) -> None:
        """Stores a value; None deletes it."""

    def kept(self, kind: str) -> dict[str, Any]: ...


@dataclass(frozen=True)
class HandedOver:
    """The position of a deleted trade.

    :param opened: opening time of the trade
    :param amount: for which it should have stops, in base currency; 0 in a record of an earlier
        version if its entry had not ended
    :param price: of its stops; None if it should have none
    :param stops: amounts of its stops by the exchange's id, once they are known; several where the
        amount is larger than one market order
    """

    trade: int
    opened: str
    is_short: bool
    amount: float
    price: float | None
    leverage: float
    stops: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of_memory(cls, value: dict[str, Any]) -> HandedOver:
        """Reads what `asdict` has written, also by a version that knew one stop only."""
        given = dict(value)
        if (stop := given.pop("stop", None)) is not None:
            given["stops"] = {stop: given["amount"] or inf}
        return cls(**given)

    @property
    def exit_side(self) -> str:
        return "buy" if self.is_short else "sell"


class HandedOverPositions:
    """Manages the stops of such positions; made once for a running live bot.

    :param keep_stop: whether a position keeps its stop
    :param end_orders: cancels and books all orders of a trade but its stops; raises Freqtrade's
        errors if one may still fill
    """

    def __init__(
        self,
        bot: Any,
        memory: Memory,
        *,
        keep_stop: bool,
        end_orders: Callable[[Trade], None],
    ) -> None:
        self._bot = bot
        self._exchange = bot.exchange
        self._memory = memory
        self._keep_stop = keep_stop
        self._end_orders = end_orders
        known = memory.kept(KIND).items()
        self._handed = {pair: HandedOver.of_memory(value) for pair, value in known}
        self._closed: set[str] = set()  # as seen in the last snapshot
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
        """Replaces Freqtrade's method, which would cancel the stop, and forget other orders.

        :raises RPCException: there is no such trade, or an order of it may still fill
        """
        bot = self._bot
        with bot._exit_lock:
            trade = Trade.get_trades([Trade.id == trade_id]).first()
            if trade is not None and trade.is_open:
                self._end(trade)  # which may close it
            if trade is None or not trade.is_open or not trade.has_open_position:
                answer: dict[str, Any] = self._delete(trade_id)
                return answer
            pair, handed = trade.pair, self._of(trade)
            self._keep(pair, handed)
            if self._keep_stop:
                for order in trade.open_sl_orders:
                    order.ft_is_open = False  # otherwise Freqtrade cancels it
            try:
                answer = self._delete(trade_id)
            except Exception:
                Trade.rollback()
                self._keep(pair, None)
                raise
        self._warn_handed_over(pair, handed)
        return answer

    def _end(self, trade: Trade) -> None:
        try:
            self._end_orders(trade)
        except FreqtradeException as error:
            Trade.rollback()
            refused = (
                f"Trade {trade.id} is not deleted, as an order of it may still fill: "
                f"{message_of(error)}. Try again, or cancel the order at the exchange."
            )
            raise RPCException(refused.translate(NO_MARKDOWN)) from error

    def update(self, seen: AtExchange) -> None:
        """Processes a snapshot of the exchange. The bot's lock must be held."""
        for pair, handed in list(self._handed.items()):
            with self.trying(f"Checking the handed-over position in {pair}"):
                self._check(pair, handed, seen)

    def _check(self, pair: str, handed: HandedOver, seen: AtExchange) -> None:
        if self._has_its_trade(pair, handed):  # the bot was killed before deleting it
            self._keep(pair, None)
            return
        held = seen.of(pair).of(handed.is_short)
        stops = [s for s in seen.stops if (s.pair, s.side) == (pair, handed.exit_side)]
        own = {stop.id: stop.amount for stop in stops if stop.whose.may_be_cancelled}
        if held <= DUST:
            # A snapshot may be older than the position.
            if pair in self._closed:
                self._forget(pair, handed)
            self._closed.add(pair)
            return
        self._closed.discard(pair)
        if handed.price is None:
            return
        gone = {stop: self._status(pair, stop) for stop in handed.stops if stop not in own}
        # A snapshot may lack one that was placed a moment ago.
        own |= {stop: handed.stops[stop] for stop, status in gone.items() if status == "open"}
        handed = self._without_ended(pair, handed, gone, held)
        if handed.stops != own:
            handed = replaced(handed, stops=own)
            self._keep(pair, handed)
        if handed.price is not None:
            self._place(pair, handed, min(handed.amount or held, held) - sum(own.values()))

    def _status(self, pair: str, stop: str) -> str:
        """Returns what has become of a stop that is not open: the trader may have cancelled it."""
        try:
            found = self._exchange.fetch_order(stop, pair, {"stop": True}, count=0)
        except RetryableOrderError:
            return "forgotten"
        return str(found["status"])

    def _without_ended(
        self, pair: str, handed: HandedOver, gone: dict[str, str], held: float
    ) -> HandedOver:
        """Leaves out what gets no stop again: the trader has cancelled it, or it has triggered."""
        over = {stop: status for stop, status in gone.items() if status in _OVER}
        if not over:
            return handed
        left = (handed.amount or held) - sum(handed.stops[stop] for stop in over)
        what = " and ".join(sorted({_OVER[status] for status in over.values()}))
        covered = f"{min(left, held):g}" if left > DUST else "none"
        warn(
            self._bot,
            f"{pair}: a stop of the handed-over position {what}, and {held:g} of the position are "
            f"still open, {covered} of it with a stop. They are yours: no new stop is placed.",
        )
        if left > DUST:
            return replaced(handed, amount=left)
        return replaced(handed, price=None)

    def _place(self, pair: str, handed: HandedOver, amount: float) -> None:
        """Places stops for an amount, each as large as the exchange takes it."""
        while (amount := round(amount, 12)) > DUST:  # a part must not lose a step to dust
            sent = self._exchange.create_stoploss(
                pair=pair,
                amount=amount,
                stop_price=handed.price,
                order_types=self._bot.strategy.order_types,
                side=handed.exit_side,
                leverage=handed.leverage,
            )
            handed = replaced(handed, stops={**handed.stops, str(sent["id"]): sent["amount"]})
            self._keep(pair, handed)
            amount -= sent["amount"]

    def _forget(self, pair: str, handed: HandedOver) -> None:
        """Forgets a closed position; its stop is then cancelled as one that no position needs."""
        self._keep(pair, None)
        self._closed.discard(pair)
        warn(
            self._bot,
            f"{pair}: the position of the deleted trade {handed.trade} is closed, and its stop is "
            "cancelled. Entries into this pair are possible again.",
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
            stops={stop.order_id: stop.safe_amount for stop in stops} if self._keep_stop else {},
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

    def _warn_handed_over(self, pair: str, handed: HandedOver) -> None:
        if handed.price is None:
            stop = "It has no stop"
        elif handed.stops:
            stop = f"Its stop at {handed.price:g} stays at the exchange and will not be moved"
        else:
            stop = f"A stop at {handed.price:g} will be placed, and not moved"
        warn(
            self._bot,
            f"{pair}: trade {handed.trade} was deleted, and its position is yours now. {stop}. "
            "The bot sells nothing of it, and refuses entries into this pair until it is closed.",
        )
