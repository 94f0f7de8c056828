"""Copy-on-write views of trades: backtests run faster, with the same trades.

Freqtrade deep-copies the trade for every overridden callback that receives it, on every candle (55
to 90 us), so that a strategy cannot change it. In a simulated run a view does the same: it has its
own attributes, and copies the orders, the only part that is not a plain value, on first access.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from freqtrade.persistence import LocalTrade, Trade
from freqtrade.persistence.trade_model import Order


class TradeView(LocalTrade):
    """A copy of a trade's attributes at one moment; changing it does not change the trade."""

    @property
    def orders(self) -> list[Order]:
        own: list[Order] | None = self.__dict__.get("own_orders")
        if own is None:
            shared, original = self.__dict__["orders"], self.__dict__["copied_from"]
            own = self.__dict__["own_orders"] = deepcopy(shared, {id(original): self})
        return own

    @orders.setter
    def orders(self, orders: list[Order]) -> None:
        self.__dict__["own_orders"] = orders


def _view(trade: LocalTrade, memo: dict[int, Any]) -> LocalTrade:
    view = memo[id(trade)] = TradeView.__new__(TradeView)
    view.__dict__.update(trade.__dict__, orders=trade.orders, copied_from=trade)
    view.__dict__.pop("own_orders", None)  # `trade` may be a view itself
    return view


def copy_trades_on_write() -> None:
    """Makes `deepcopy` of a simulated trade return a view; trades of a database are unaffected."""
    LocalTrade.__deepcopy__ = _view
    Trade.__deepcopy__ = None  # `copy` then ignores the hook


def copy_trades_in_full() -> None:
    """Undoes `copy_trades_on_write`."""
    for kind in (LocalTrade, Trade):
        if "__deepcopy__" in kind.__dict__:
            del kind.__deepcopy__
