"""Trades as a backtest books them, and their candles: for tests of the account."""

from __future__ import annotations

from threading import Lock
from types import SimpleNamespace

import pandas as pd
from freqtrade.persistence import (
    LocalTrade,
    Order,
)
from freqtrade.util.ft_ttlcache import FtTTLCache

from tests import factories
from tests.bot.stack import BTC, FEE, HOUR
from tests.factories import START


class Feed:
    """Returns the same candles for every request."""

    def __init__(self, frames: dict[str, pd.DataFrame]) -> None:
        self.frames = frames

    def history(self, pair, *request):
        return self.frames.get(pair, factories.candles(1)[:0])


def order(trade, side: str, rate: float, amount: float, hour: float, funding: float = 0.0) -> Order:
    when = START + hour * HOUR
    return Order(
        order_id=f"{side}-{hour}",
        ft_pair=trade.pair,
        ft_order_side=side,
        ft_amount=amount,
        ft_price=rate,
        ft_is_open=False,
        symbol=trade.pair,
        order_type="limit",
        side=side,
        status="closed",
        price=rate,
        average=rate,
        amount=amount,
        filled=amount,
        remaining=0.0,
        cost=rate * amount,
        order_date=when,
        order_filled_date=when,
        funding_fee=funding,
    )


def opened(
    pair: str = BTC, is_short: bool = False, rate: float = 30_000.0, amount: float = 0.03, hour=0.0
) -> LocalTrade:
    trade = LocalTrade(
        pair=pair,
        trading_mode="futures",
        is_short=is_short,
        leverage=3.0,
        amount=0.0,
        open_rate=rate,
        stake_amount=rate * amount / 3,
        open_date=START + hour * HOUR,
        fee_open=FEE,
        fee_close=FEE,
        is_open=True,
        orders=[],
    )
    trade.orders.append(order(trade, trade.entry_side, rate, amount, hour))
    trade.recalc_trade_from_orders()
    return trade


def exited(trade: LocalTrade, rate: float, amount: float, hour: float, funding=0.0) -> LocalTrade:
    """Books an exit from a part of a trade, or from its rest, as a backtest does."""
    whole = amount == trade.amount
    trade.orders.append(order(trade, trade.exit_side, rate, amount, hour, funding))
    if whole:
        trade.close_date = START + hour * HOUR
        trade.close(rate, show_msg=False)
    else:
        trade.recalc_trade_from_orders()
    return trade


class Market:
    """A data provider and its exchange, without any connection."""

    def __init__(self, frames: dict[str, pd.DataFrame]) -> None:
        self.frames = frames
        self._exchange = SimpleNamespace(
            _cache_lock=Lock(), _exit_rate_cache=FtTTLCache(maxsize=9, ttl=300)
        )

    def get_pair_dataframe(self, pair, *kind):
        return self.frames.get(pair, factories.candles(1)[:0])

    @property
    def rates(self):
        return self._exchange._exit_rate_cache
