"""Reads open trades and their figures from what Freqtrade has: trades, candles, configuration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from freqtrade.persistence import LocalTrade, Order, Trade
from numpy.typing import NDArray

from perpkit.bot.positions.trades import utc
from perpkit.breakers.loss_streak import ClosedTrade
from perpkit.market.asof import nanoseconds
from perpkit.market.credits import wallet_coin
from perpkit.risk.equity import Fill, TradeLedger, open_profit


def configured_capital(config: dict[str, Any]) -> float:
    """Returns the configured capital of a simulated wallet, in stake currency."""
    if "available_capital" in config:
        return float(config["available_capital"])
    wallet = config["dry_run_wallet"]
    return float(wallet.get(wallet_coin(config), 0) if isinstance(wallet, dict) else wallet)


def open_funding(trade: LocalTrade) -> float:
    """Returns the funding of the position that is still open, in stake currency.

    `funding_fees` of Freqtrade is not that. After a partial exit it still includes what was settled
    before, although the realised profit has it too; and when an addition is placed, it loses what
    was settled since the last fill, until funding is booked again.
    """
    booked = since_exit = 0.0
    for order in filled(trade):
        funding = order.funding_fee or 0.0
        booked += funding
        since_exit = since_exit + funding if order.ft_order_side == trade.entry_side else 0.0
    running = trade.funding_fee_running
    if running is None:  # not booked apart from the orders yet
        running = (trade.funding_fees or 0.0) - booked
    return since_exit + running


def net_profit(trade: LocalTrade, rate: float) -> float:
    """Returns the unrealised profit after the fees of both sides and funding; 0 without a fill."""
    if not trade.amount:
        return 0.0
    return open_profit(
        rate,
        trade.amount,
        trade.open_rate,
        trade.is_short,
        trade.fee_open,
        trade.fee_close or 0.0,
        open_funding(trade),
    )


def gross_profit(trade: LocalTrade, rate: float) -> float:
    """Returns the unrealised profit without fees, as the exchange computes it."""
    if not trade.amount:
        return 0.0
    return trade.amount * (rate - trade.open_rate) * (-1 if trade.is_short else 1)


def closed_trade(trade: LocalTrade) -> ClosedTrade:
    closed_at = trade.close_date or trade.date_last_filled_utc
    profit = trade.close_profit_abs or 0.0
    return ClosedTrade(trade.pair, utc(closed_at), profit, trade.enter_tag or "")


def ledger_of(trade: LocalTrade) -> TradeLedger:
    """Returns a trade as the list of its filled orders."""
    fills = []
    for order in filled(trade):
        entry = order.ft_order_side == trade.entry_side
        bought = entry is not trade.is_short
        fills.append(
            Fill(
                utc(order.order_filled_date or order.order_date).timestamp(),
                order.safe_amount_after_fee if bought else -order.safe_amount_after_fee,
                order.safe_price,
                (trade.fee_open if entry else trade.fee_close) or 0.0,
                order.funding_fee or 0.0,
            )
        )
    closed = None if trade.is_open or trade.close_date is None else utc(trade.close_date)
    return TradeLedger(
        trade.pair,
        tuple(sorted(fills)),
        trade.fee_close or 0.0,
        closed.timestamp() if closed else None,
        trade.close_profit_abs or 0.0,
    )


def filled(trade: LocalTrade) -> list[Order]:
    return [order for order in trade.orders if order.filled and not order.ft_is_open]


def open_trades() -> list[LocalTrade]:
    """Returns the open trades, including those whose entry has not filled yet."""
    return Trade.get_trades_proxy(is_open=True)


def ordered(trade: LocalTrade) -> float:
    """Returns the amount of a trade's open entry orders, in base currency.

    A trade's own amount includes their fills only after they have ended.
    """
    return sum(
        order.safe_amount
        for order in trade.orders
        if order.ft_is_open and order.ft_order_side == trade.entry_side
    )


def open_times(candles: pd.DataFrame) -> NDArray[np.float64]:
    """Returns the open times of candles, in seconds since 1970 UTC."""
    return nanoseconds(candles["date"]) / 1e9
