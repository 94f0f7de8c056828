"""What the trade database has of orders, and whose database it is."""

from __future__ import annotations

from secrets import token_hex

from freqtrade.persistence import KeyValueStore, Order
from sqlalchemy import select

TAG_KEY = "perpkit_order_tag"


def is_stored(pair: str, order_id: str) -> bool:
    """Whether the database has this order of the exchange."""
    which = select(Order.id).where(Order.ft_pair == pair, Order.order_id == order_id)
    return Order.session.scalars(which).first() is not None


def order_tag() -> str:
    """Of this bot's database, where it is kept; two bots on one account have two."""
    tag = KeyValueStore.get_string_value(TAG_KEY)
    if tag is None:
        tag = token_hex(3)
        KeyValueStore.store_value(TAG_KEY, tag)
    return tag
