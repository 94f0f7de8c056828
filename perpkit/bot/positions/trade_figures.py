"""What Freqtrade's trades, candles and configuration give for the account to add up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from freqtrade.persistence import LocalTrade, Order
from numpy.typing import NDArray

from perpkit.bot.positions.trades import utc
from perpkit.breakers.loss_streak import ClosedTrade
from perpkit.market.asof import nanoseconds
from perpkit.risk.equity import Fill, TradeLedger


def configured_capital(config: dict[str, Any]) -> float:
    """The capital of a simulated wallet."""
    if "available_capital" in config:
        return float(config["available_capital"])
    wallet = config["dry_run_wallet"]
    return float(wallet.get(config["stake_currency"], 0) if isinstance(wallet, dict) else wallet)


def open_funding(trade: LocalTrade) -> float:
    """Funding of the position that is open now.

    After a partial exit, Freqtrade still carries what was settled before it in `funding_fees`,
    though it is in the realised profit already; the close of the trade puts that right.
    """
    funding = trade.funding_fees or 0.0
    if not trade.realized_profit:
        return funding
    since_entry = realised = 0.0
    for order in filled(trade):
        since_entry += order.funding_fee or 0.0
        if order.ft_order_side != trade.entry_side:
            realised = since_entry
    return funding - realised


def gross_profit(trade: LocalTrade, rate: float) -> float:
    """Unrealised, as the exchange reckons it."""
    if not trade.amount:
        return 0.0
    return trade.amount * (rate - trade.open_rate) * (-1 if trade.is_short else 1)


def closed_trade(trade: LocalTrade) -> ClosedTrade:
    closed_at = trade.close_date or trade.date_last_filled_utc
    return ClosedTrade(trade.pair, utc(closed_at), trade.close_profit_abs or 0.0)


def ledger_of(trade: LocalTrade) -> TradeLedger:
    """A trade as its filled orders."""
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


def open_times(candles: pd.DataFrame) -> NDArray[np.float64]:
    """In seconds since 1970 UTC."""
    return nanoseconds(candles["date"]) / 1e9
