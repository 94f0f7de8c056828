"""Copies of simulated trades for callbacks, made without `deepcopy`.

Freqtrade deep-copies the trade for every callback of a strategy that receives it (60 to 90 us and
as much again for each order), so that a strategy cannot change it. A simulated trade and its orders
hold plain values that cannot change, so a copy of their attributes is a deep copy. One that holds
something else, such as a list of the strategy's, is copied by `deepcopy`, and so is every trade
of a database.
"""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from freqtrade.enums import TradingMode
from freqtrade.persistence import LocalTrade
from freqtrade.persistence.trade_model import Order
from freqtrade.strategy import strategy_wrapper
from sqlalchemy.orm.attributes import manager_of_class

from perpkit.bot.acceleration.part import FUNDING_SUM, Part, Replacements, Seam

_PLAIN = frozenset(
    {type(None), bool, int, float, str, datetime, TradingMode}
    | {pd.Timestamp, np.float64, np.int64, np.bool_}
)
_STATE = "_sa_instance_state"
_TRADE = "_trade_bt"


def copied(value: Any) -> Any:
    """Returns what `deepcopy(value)` returns, faster where it is a simulated trade."""
    if type(value) is not LocalTrade:
        return deepcopy(value)
    copy = _copy_of(value)
    if copy is None:
        copy = deepcopy(value)
        copy.__dict__.pop(FUNDING_SUM, None)
    return copy


def _copy_of(trade: LocalTrade) -> LocalTrade | None:
    """None if the trade, or one of its orders, holds more than plain values."""
    attributes = dict(trade.__dict__)
    attributes.pop(FUNDING_SUM, None)  # which is ours, and no strategy's
    orders = attributes.pop("orders", None)
    if type(orders) is not list or not _PLAIN.issuperset(map(type, attributes.values())):
        return None
    copy = object.__new__(LocalTrade)
    copies = []
    for order in orders:
        own = _order_of(order, trade, copy)
        if own is None:
            return None
        copies.append(own)
    if len(copies) > 1 and len(set(map(id, orders))) < len(copies):
        return None  # an order that is listed twice is one order in a deep copy
    copy.__dict__ |= attributes
    copy.__dict__["orders"] = copies
    return copy


def _order_of(order: Order, trade: LocalTrade, copy: LocalTrade) -> Order | None:
    if type(order) is not Order:
        return None
    attributes = dict(order.__dict__)
    state = attributes.pop(_STATE, None)
    owner = attributes.pop(_TRADE, None)
    if state is None or state.key is not None or (owner is not trade and owner is not None):
        return None
    if not _PLAIN.issuperset(map(type, attributes.values())):
        return None
    own: Any = object.__new__(Order)
    own.__dict__ |= attributes
    if owner is not None:
        own.__dict__[_TRADE] = copy
    _ORDERS.setup_instance(own)
    return own


_ORDERS: Any = manager_of_class(Order)


def _install(replacements: Replacements) -> None:
    # The wrapper of callbacks deep-copies the trade, and nothing else.
    replacements.put(strategy_wrapper, "deepcopy", copied, deepcopy)


COPIES = Part(
    [
        Seam(
            "freqtrade.strategy.strategy_wrapper:strategy_safe_wrapper",
            ("42131a52954a", "1dafd625901e"),
        ),
        # Freqtrade has neither: one that is there is a strategy's own way to copy.
        Seam("freqtrade.persistence.trade_model:LocalTrade.__deepcopy__", (), optional=True),
        Seam("freqtrade.persistence.trade_model:Order.__deepcopy__", (), optional=True),
    ],
    _install,
)
