"""Makers for the tests of the risk stack: candles with columns, simulated trades, an exchange."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import inf
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from freqtrade.enums import TradingMode
from freqtrade.persistence import LocalTrade, Order
from freqtrade.strategy import IStrategy

from perpkit.bot.candles.candle_columns import CandleColumns
from perpkit.bot.positions.candidate import Candidate
from perpkit.bot.positions.contracts import Contracts
from perpkit.bot.positions.stop_keeper import StopKeeper
from perpkit.bot.strategy import LOOKED_UP
from tests.factories import START
from tests.risk.markets import BUNDLE

BTC, ETH, LTC = "BTC/USDT:USDT", "ETH/USDT:USDT", "LTC/USDT:USDT"
HOUR = timedelta(hours=1)
# In the middle of the candles of `flat`.
NOW = START + 20 * HOUR
FEE = 0.0005
TICK = 0.01

Path = Sequence[tuple[float, float, float]]  # high, low, close of each candle


def columns(path: Path, first: datetime = START, **more: float | Sequence[float]) -> CandleColumns:
    """Candles of an hour; the one at row i closes at `first` + (i + 1) hours."""
    high, low, close = np.array(path, dtype=float).reshape(-1, 3).T
    dates = pd.date_range(first, periods=len(path), freq="1h")
    frame = pd.DataFrame({"date": dates, "high": high, "low": low, "close": close})
    return CandleColumns(frame.assign(**more), HOUR, LOOKED_UP)


def flat(rows: int = 30, price: float = 100.0, **more: float | Sequence[float]) -> CandleColumns:
    """Candles at a constant price, with calm values of all columns unless given."""
    quiet = {
        "atr": price / 100,
        "range_24h": 0.02,
        "vol_1h": 0.006,
        "btc_correlation": 0.8,
        "funding_rate_8h": 0.0001,
        "funding_mean_8h": 0.0001,
        "funding_interval_hours": 8.0,
    }
    return columns([(price, price, price)] * rows, **{**quiet, **more})


def candidate(
    pair: str = BTC, is_short: bool = False, tag: str | None = None, now: datetime = NOW
) -> Candidate:
    """An entry at 100."""
    return Candidate(pair, is_short, now, 100.0, tag)


def contracts(pairs: Mapping[str, float] | None = None, cost: float = 5.0) -> Contracts:
    """Contracts of an exchange with the bundled tiers.

    :param pairs: and their steps of amounts
    """
    steps = {BTC: 0.001, ETH: 0.001, LTC: 0.001} if pairs is None else pairs
    return Contracts(exchange(steps, cost))


def exchange(steps: Mapping[str, float], cost: float = 5.0) -> Any:
    tiers = {
        pair: [{**row, "maintAmt": float(row["info"]["cum"])} for row in BUNDLE[pair]]
        for pair in steps
    }
    limits = {
        pair: {"limits": {"cost": {"min": cost}, "amount": {"min": step}}}
        for pair, step in steps.items()
    }
    return SimpleNamespace(
        id="binance",
        _leverage_tiers=tiers,
        _contracts_to_amount=lambda _pair, contracts: contracts,
        markets=limits,
        get_precision_amount=steps.__getitem__,
        get_max_pair_stake_amount=lambda *_: inf,
        ohlcv_candle_limit=lambda *_: 499,
        _ft_has={"ohlcv_has_history": True},
    )


def simulated(
    pair: str = BTC,
    is_short: bool = False,
    rate: float = 100.0,
    amount: float = 1.0,
    leverage: float = 3.0,
    opened: datetime = START + 10 * HOUR,
    step: float = 0.001,
    tick: float = TICK,
    number: int = 1,
) -> LocalTrade:
    """A trade as a backtest makes it, its entry filled, at the floor stop of the base strategy."""
    trade = LocalTrade(
        id=number,
        pair=pair,
        base_currency=pair.split("/")[0],
        stake_currency="USDT",
        trading_mode=TradingMode.FUTURES,
        is_short=is_short,
        leverage=leverage,
        amount=0.0,
        amount_requested=amount,
        stake_amount=amount * rate / leverage,
        open_rate=rate,
        open_date=opened,
        fee_open=FEE,
        fee_close=FEE,
        is_open=True,
        amount_precision=step,
        price_precision=tick,
        precision_mode=4,
        precision_mode_price=4,
        contract_size=1.0,
        orders=[],
    )
    trade.adjust_stop_loss(rate, -0.6, initial=True)
    if amount:
        fill(trade, trade.entry_side, amount, rate, opened)
        trade.adjust_stop_loss(rate, -0.6)
    return trade


def fill(trade: LocalTrade, side: str, amount: float, rate: float, when: datetime) -> None:
    """Fills an order at once, and updates the trade as Freqtrade does."""
    trade.orders.append(order(trade, side, amount, rate, when))
    trade.recalc_trade_from_orders()


def order(
    trade: LocalTrade, side: str, amount: float, rate: float, when: datetime, filled: bool = True
) -> Order:
    return Order(
        order_id=f"{len(trade.orders)}",
        ft_pair=trade.pair,
        ft_order_side=side,
        ft_amount=amount,
        ft_price=rate,
        ft_is_open=not filled,
        symbol=trade.pair,
        order_type="limit",
        side=side,
        status="closed" if filled else "open",
        price=rate,
        average=rate,
        amount=amount,
        filled=amount if filled else 0.0,
        remaining=0.0 if filled else amount,
        cost=rate * amount,
        order_date=when,
        order_filled_date=when if filled else None,
    )


class Keeping(IStrategy):
    """Freqtrade's own handling of stops around a `StopKeeper`."""

    timeframe = "1h"
    stoploss = -0.60
    use_custom_stoploss = True
    _ft_stop_uses_after_fill = True

    def __init__(self, keeper: StopKeeper) -> None:
        super().__init__({})
        self.keeper = keeper
        self.reducing = False

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    def custom_stoploss(self, pair, trade, current_time, current_rate, *args, **kwargs):
        after_fill = kwargs["after_fill"]
        return self.keeper.ratio(trade, current_time, current_rate, after_fill, self.reducing)

    def look(
        self, trade: LocalTrade, now: datetime, rate: float, after_fill: bool = False
    ) -> float:
        """Returns the stop after Freqtrade has checked the trade."""
        self.ft_stoploss_adjust(rate, trade, now, 0.0, 0.0, after_fill=after_fill)
        return trade.stop_loss


def mirrored(price: float) -> float:
    """Around 100."""
    return 200.0 - price
