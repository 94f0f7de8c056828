"""Queries for orders in the trade database, and the tag that identifies the database."""

from __future__ import annotations

from secrets import token_hex

from freqtrade.exchange.exchange_types import CcxtOrder
from freqtrade.persistence import KeyValueStore, Order, Trade
from freqtrade.util import FtPrecise
from sqlalchemy import select

from perpkit.bot.live.held import DUST
from perpkit.record.journal import Intent
from perpkit.record.opening import TAG_KEY
from perpkit.record.order_ids import Purpose


def stored_order(pair: str, order_id: str) -> Order | None:
    """Returns an order by the exchange's id; `Order.order_by_id` of 2026.6 ignores pairs."""
    which = select(Order).where(Order.ft_pair == pair, Order.order_id == order_id)
    return Order.session.scalars(which).first()


def is_stored(pair: str, order_id: str) -> bool:
    """Whether the database has this order of the exchange."""
    which = select(Order.id).where(Order.ft_pair == pair, Order.order_id == order_id)
    return Order.session.scalars(which).first() is not None


def open_trade(pair: str) -> Trade | None:
    trade: Trade | None = Trade.get_trades([Trade.is_open.is_(True), Trade.pair == pair]).first()
    return trade


def closes(trade: Trade, intent: Intent) -> bool:
    """Whether an intent is of this trade and on its closing side, not of an earlier one's."""
    opened: int = int(trade.open_date_utc.timestamp() * 1000)
    return trade.exit_side == intent.side and intent.at >= opened


def lacks_fill(trade: Trade, order: Order) -> bool:
    """Whether the trade may still be as it was before this closed order had filled.

    For an entry the amount does not show it: Freqtrade has it when it stores an order that filled
    at once, and sets the stop that follows the fill later.
    """
    if order.ft_order_side == "stoploss" or not order.safe_filled or trade.has_open_orders:
        return False
    return order.ft_order_side == trade.entry_side or not _is_of_its_orders(trade)


def unbooked_fill(trade: Trade) -> Order | None:
    """Returns the newest closed order if the trade's amount does not match its orders."""
    over = [order for order in trade.orders if order.safe_filled and not order.ft_is_open]
    if not over or _is_of_its_orders(trade):
        return None
    return max(over, key=lambda order: (order.order_filled_utc or order.order_date_utc, order.id))


def amount_of_orders(trade: Trade, without: Order | None = None) -> float:
    """Returns the amount that the closed orders of the trade have left open."""
    over = (o for o in trade.orders if o.safe_filled and not o.ft_is_open and o is not without)
    amount = FtPrecise(0.0)  # exact, because Freqtrade cuts amounts to the step
    for order in over:
        filled = FtPrecise(order.safe_filled)
        amount = amount + filled if order.ft_order_side == trade.entry_side else amount - filled
    return float(amount)


def set_amount_before(trade: Trade, order: Order, filled: float) -> None:
    """Sets a trade's amount to what it was before an exit or a stop had filled so much of it.

    Freqtrade closes a trade by a fill of exactly its amount, which is out of date if other fills
    were stored and not applied, or if a part of this one was booked before.
    """
    amount = amount_of_orders(trade, without=order)
    trade.amount = filled if amount - filled <= DUST else amount
    trade.recalc_open_trade_value()


def _is_of_its_orders(trade: Trade) -> bool:
    return abs(amount_of_orders(trade) - trade.amount) <= DUST


def add_order(trade: Trade, intent: Intent, found: CcxtOrder) -> Order:
    """Adds an order that the database lacks to a trade, as Freqtrade would have stored it.

    :param found: the order at the exchange, amounts in base currency
    """
    stop = intent.purpose is Purpose.STOP
    side, price = ("stoploss" if stop else intent.side), intent.stop_price or intent.price
    order = Order.parse_from_ccxt_object(
        found, trade.pair, side, found["amount"], price or found.get("average") or trade.open_rate
    )
    order.ft_order_tag = intent.tag
    trade.orders.append(order)
    if side == trade.exit_side:
        trade.exit_order_status = ""
        trade.close_rate_requested = order.ft_price
        trade.exit_reason = intent.tag
    Trade.commit()
    return order


def order_tag() -> str:
    """Returns the tag of this bot's database, stored in it; two bots on one account differ."""
    tag = KeyValueStore.get_string_value(TAG_KEY)
    if tag is None:
        tag = token_hex(3)
        KeyValueStore.store_value(TAG_KEY, tag)
    return tag
