"""Gives a stop and a trade to positions that the trade database does not know.

Such a position exists if the bot was killed between a fill and the commit of its trade, or never
got the answer to an entry. Freqtrade creates the trade itself: its `execute_entry` runs on the
values of the intent, and receives the order that was found. What cannot become a trade is closed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from freqtrade.exceptions import ExchangeError
from freqtrade.exchange.exchange_types import CcxtOrder
from freqtrade.freqtradebot import FreqtradeBot
from freqtrade.persistence import LocalTrade, Trade

from perpkit.bot.live.held import DUST, Sides
from perpkit.bot.live.intents import Intents
from perpkit.bot.live.order_purposes import orders_are
from perpkit.bot.live.replaced import replace
from perpkit.bot.live.stored_orders import is_stored, open_trade
from perpkit.bot.running_bot import message_of
from perpkit.record.journal import Intent, JournalEntry, Outcome
from perpkit.record.order_ids import Purpose

logger = logging.getLogger(__name__)

# Attempts to create a trade, not counting failures of the exchange, before its position is closed.
_TRIES = 3


@dataclass(frozen=True)
class _Adoption:
    """The values that Freqtrade receives while it creates the trade."""

    order: CcxtOrder
    price: float
    stake: float
    leverage: float


class LostPositions:
    """Adopts lost positions; made once for a live bot. The bot's lock must be held.

    :param attach_stops: adds the stops of its pair to a trade whose stops the database lacks
    """

    def __init__(self, bot: Any, intents: Intents, attach_stops: Callable[[Trade], None]) -> None:
        self._bot = bot
        self._exchange = bot.exchange
        self._intents = intents
        self._attach_stops = attach_stops
        self._adoption: _Adoption | None = None
        self._failures: dict[str, int] = {}
        self._send = replace(bot, "exchange.create_order", self.create_order)
        self._values = replace(bot, "bot.get_valid_enter_price_and_stake", self.values)

    def create_order(self, **order: Any) -> CcxtOrder:
        """Replaces Freqtrade's method; during an adoption it returns the existing order."""
        if self._adoption is not None:
            return self._adoption.order
        sent: CcxtOrder = self._send(**order)
        return sent

    def values(self, *args: Any, **kwargs: Any) -> tuple[float, float, float]:
        """Replaces `get_valid_enter_price_and_stake`.

        During an adoption it returns the known price, stake and leverage without callbacks.
        """
        if self._adoption is not None:
            return self._adoption.price, self._adoption.stake, self._adoption.leverage
        values: tuple[float, float, float] = self._values(*args, **kwargs)
        return values

    def protect(self, intent: Intent, amount: float, price: float) -> None:
        """Places the stop that the strategy would have placed, unless it exists. Never raises."""
        stops = [e for e in self._intents.open(intent.pair) if e.intent.purpose is Purpose.STOP]
        if stops or not amount > 0:
            return
        trade = self._as_if(intent, price)
        try:
            self._exchange.create_stoploss(
                pair=intent.pair,
                amount=amount,
                stop_price=trade.stop_loss,
                order_types=self._bot.strategy.order_types,
                side=trade.exit_side,
                leverage=trade.leverage,
            )
        except Exception as error:
            logger.warning(
                f"{intent.pair}: no stop can be placed for {amount:g} of order "
                f"{intent.client_id}: {message_of(error)}"
            )

    def _as_if(self, intent: Intent, price: float) -> LocalTrade:
        """Returns a trade with the attributes on which its first stop depends."""
        exchange, pair = self._exchange, intent.pair
        trade = LocalTrade(
            id=0,
            pair=pair,
            amount=0.0,  # nothing is stored for an unfilled trade
            stake_amount=0.0,
            open_rate=price,
            open_date=datetime.fromtimestamp(intent.at / 1000, UTC),
            fee_open=0.0,
            fee_close=0.0,
            is_open=True,
            is_short=intent.side == "sell",
            leverage=intent.leverage or 1.0,
            exchange=exchange.id,
            enter_tag=intent.tag,
            amount_precision=exchange.get_precision_amount(pair),
            price_precision=exchange.get_precision_price(pair),
            precision_mode=exchange.precisionMode,
            precision_mode_price=exchange.precision_mode_price,
            contract_size=exchange.get_contract_size(pair),
        )
        strategy = self._bot.strategy
        trade.adjust_stop_loss(price, strategy.stoploss, initial=True)
        if strategy.use_custom_stoploss:
            strategy.ft_stoploss_adjust(price, trade, datetime.now(UTC), 0.0, 0, after_fill=True)
        return trade

    def take(self, entry: JournalEntry, found: CcxtOrder, held: Sides) -> str | None:
        """Makes a trade of an entry, or closes its position.

        Raises Freqtrade's errors so that it is tried again; the position has its stop by then.

        :param found: the order, amounts in base currency; open, or with fills
        :param held: the position in its pair
        :returns: what was done, for the operator; None if it is only logged
        """
        intent, filled = entry.intent, found.get("filled") or 0.0
        ours = min(filled, held.of(intent.side == "sell"))
        if filled and not ours > DUST:
            self._intents.settle(
                intent.client_id, Outcome.CLOSED, str(found["id"]), "its position is closed"
            )
            return f"{intent.pair}: {filled:g} of a lost entry have been closed in the meantime."
        price = found.get("average") or found.get("price") or intent.price or 0.0
        self.protect(intent, ours, price)
        try:
            self._adopt(intent, found, price)
        except ExchangeError:
            raise
        except Exception as error:
            Trade.rollback()
            tries = self._failures[intent.client_id] = self._failures.get(intent.client_id, 0) + 1
            if tries < _TRIES:
                raise
            return self._close(intent, found, ours, error)
        self._intents.settle(intent.client_id, Outcome.ADOPTED, str(found["id"]))
        if not filled:
            logger.warning(f"{intent.pair}: unknown entry {found['id']} is now part of a trade.")
            return None
        return (
            f"{intent.pair}: {filled:g} of order {found['id']}, which the database did not know, "
            "are now a trade with a stop."
        )

    def _adopt(self, intent: Intent, found: CcxtOrder, price: float) -> None:
        leverage, order_id = intent.leverage or 1.0, str(found["id"])
        amount = self._exchange._contracts_to_amount(intent.pair, intent.amount)
        # Passed as an open order: its fills are booked once the trade has its entry time.
        self._adoption = _Adoption(
            {**found, "status": "open"}, price, amount * price / leverage, leverage
        )
        try:
            FreqtradeBot.execute_entry(
                self._bot,
                intent.pair,
                self._adoption.stake,
                price,
                is_short=intent.side == "sell",
                ordertype=intent.type,
                enter_tag=intent.tag,
                mode="replace",  # skips the confirmation, which was done before
                leverage_=leverage,
            )
        except Exception as error:
            if not is_stored(intent.pair, order_id):
                raise
            logger.warning(f"{intent.pair}: the trade was created, but {message_of(error)}")
        finally:
            self._adoption = None
        trade = open_trade(intent.pair)
        if trade is None:
            raise RuntimeError(f"no trade was created for order {order_id}")
        trade.open_date = _entered_at(found)
        Trade.commit()
        self._attach_stops(trade)
        if found["status"] != "open":
            # As after a restart: its current stop stays.
            self._bot.update_trade_state(trade, order_id, found, send_msg=False)

    def _close(self, intent: Intent, found: CcxtOrder, ours: float, error: Exception) -> str:
        pair, left = intent.pair, ours
        known = {entry.intent.client_id for entry in self._intents.open(pair)}
        with orders_are(Purpose.EXIT, "lost_position"):
            while left > DUST:
                sent = self._exchange.create_order(
                    pair=pair,
                    ordertype="market",
                    side="buy" if intent.side == "sell" else "sell",
                    amount=left,
                    rate=found.get("average") or intent.price or 0.0,
                    leverage=intent.leverage or 1.0,
                    reduceOnly=True,
                    initial_order=False,
                )
                left -= sent["amount"]
        for entry in self._intents.open(pair):
            if entry.intent.client_id not in known or entry.intent.client_id == intent.client_id:
                self._intents.settle(entry.intent.client_id, Outcome.CLOSED)
        return (
            f"{pair}: {ours:g} of order {found['id']}, which the database did not know, cannot "
            f"become a trade ({message_of(error)}): they are closed at the market."
        )


def _entered_at(order: CcxtOrder) -> datetime:
    """Returns a time in the database's format, UTC without a zone."""
    at = order.get("lastTradeTimestamp") or order.get("timestamp")
    moment = datetime.now(UTC) if at is None else datetime.fromtimestamp(at / 1000, UTC)
    return moment.replace(tzinfo=None)
