"""Makers of test data: markets, candles, funding rates, trades. Seeded, and without network."""

from __future__ import annotations

import importlib.util
import json
import zlib
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import ccxt
import numpy as np
import pandas as pd
from freqtrade.data.history import get_datahandler
from freqtrade.enums import CandleType
from freqtrade.persistence import Order, Trade

START = datetime(2023, 1, 1, tzinfo=UTC)

# Freqtrade 2026.9 gave funding rates a column of their own; before, they were candles.
FUNDING_IN_OPEN = importlib.util.find_spec("freqtrade.candle_columns") is None

# symbol: (price step, quantity step, least quantity), as Binance lists them
_STEPS = {
    "BTC": ("0.10", "0.001", "0.001"),
    "ETH": ("0.01", "0.001", "0.001"),
    "XRP": ("0.0001", "0.1", "0.1"),
    "LTC": ("0.01", "0.001", "0.001"),
    "ADA": ("0.0001", "1", "1"),
    "SOL": ("0.0100", "0.01", "0.01"),
    "BNB": ("0.010", "0.01", "0.01"),
}
PAIRS = [f"{base}/USDT:USDT" for base in _STEPS]


def symbol_info(base: str) -> dict[str, Any]:
    """One entry of `symbols` in the answer of GET /fapi/v1/exchangeInfo."""
    tick, step, least = _STEPS[base]
    # The greatest quantities are those of the venue: never in the way of an account of 10,000 USDT.
    return {
        "symbol": f"{base}USDT",
        "pair": f"{base}USDT",
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "status": "TRADING",
        "baseAsset": base,
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT_MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1e7", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": least, "maxQty": "1e6", "stepSize": step},
            {"filterType": "MARKET_LOT_SIZE", "minQty": least, "maxQty": "1e5", "stepSize": step},
            {"filterType": "MIN_NOTIONAL", "notional": "5"},
        ],
    }


@cache
def _markets() -> list[dict[str, Any]]:
    binance = ccxt.binance()
    return [binance.parse_market(symbol_info(base)) for base in _STEPS]


def markets() -> list[dict[str, Any]]:
    """ccxt markets of `PAIRS`, parsed by ccxt itself from Binance's own format."""
    return [market.copy() for market in _markets()]


def candles(
    rows: int = 500,
    timeframe: str = "1h",
    start: datetime = START,
    seed: int = 7,
    price: float = 30_000.0,
    volatility: float = 0.006,
) -> pd.DataFrame:
    """OHLCV candles of a random walk.

    :param volatility: standard deviation of the log return of one candle
    """
    rng = np.random.default_rng(seed)
    close = price * np.exp(np.cumsum(rng.normal(0.0, volatility, rows)))
    opening = np.concatenate(([price], close[:-1]))
    wick = np.abs(rng.normal(0.0, volatility / 2, (2, rows)))
    return pd.DataFrame(
        {
            "date": pd.date_range(start, periods=rows, freq=pd.Timedelta(timeframe)),
            "open": opening,
            "high": np.maximum(opening, close) * (1 + wick[0]),
            "low": np.minimum(opening, close) * (1 - wick[1]),
            "close": close,
            "volume": rng.lognormal(4.0, 0.5, rows),
        }
    )


def funding(
    rates: list[float] | np.ndarray | int = 200,
    every: str = "8h",
    start: datetime = START,
    seed: int = 7,
    legacy: bool = FUNDING_IN_OPEN,
) -> pd.DataFrame:
    """Funding-rate candles as Freqtrade hands them to a strategy: `funding_rate`, alias `open`.

    :param rates: the rates themselves, or how many to draw around Binance's base rate of 0.01%
    :param every: the funding interval, "8h", "4h" or "1h"
    :param legacy: the layout before Freqtrade 2026.9: candles with the rate in `open`
    """
    if isinstance(rates, int):
        rates = np.random.default_rng(seed).normal(0.0001, 0.0001, rates)
    frame = pd.DataFrame(
        {
            "date": pd.date_range(start, periods=len(rates), freq=every),
            "open": np.asarray(rates, dtype=float),
        }
    )
    if legacy:
        return frame.assign(high=0.0, low=0.0, close=0.0, volume=0.0)
    return frame.assign(funding_rate=frame["open"])


def write_candles(
    datadir: Path, pair: str, frame: pd.DataFrame, kind: str = "futures", timeframe: str = "1h"
) -> None:
    """Store candles where Freqtrade looks for them.

    :param kind: "futures", "mark" or "funding_rate"
    """
    get_datahandler(datadir, "feather").ohlcv_store(pair, timeframe, frame, CandleType(kind))


def write_market(
    datadir: Path,
    funding_of: dict[str, pd.DataFrame],
    rows: int = 500,
    start: datetime = START,
) -> None:
    """A Freqtrade data directory: 1h candles, mark candles and the given funding, pair by pair."""
    for pair, rates in funding_of.items():
        walk = candles(rows, start=start, seed=zlib.crc32(pair.encode()))
        write_candles(datadir, pair, walk)
        write_candles(datadir, pair, walk, "mark")
        write_candles(datadir, pair, rates, "funding_rate")


def write_config(path: Path, config: dict[str, Any]) -> Path:
    """The config as a file for `--config`, without the values Freqtrade works out itself."""
    derived = {"runmode", "candle_type_def", "user_data_dir", "datadir"}
    path.write_text(json.dumps({k: v for k, v in config.items() if k not in derived}, indent=1))
    return path


def trade(
    pair: str = "BTC/USDT:USDT",
    is_short: bool = False,
    open_rate: float = 30_000.0,
    close_rate: float | None = None,
    amount: float = 0.01,
    leverage: float = 3.0,
    opened: datetime = START,
    held: timedelta = timedelta(hours=4),
) -> Trade:
    """An isolated futures trade with filled orders, added to the database that `init_db` opened.

    :param close_rate: leaves the trade open when None
    """
    result = Trade(
        pair=pair,
        base_currency=pair.split("/")[0],
        stake_currency="USDT",
        exchange="binance",
        trading_mode="futures",
        is_short=is_short,
        leverage=leverage,
        amount=amount,
        amount_requested=amount,
        stake_amount=amount * open_rate / leverage,
        open_rate=open_rate,
        open_date=opened,
        fee_open=0.0005,
        fee_close=0.0005,
        is_open=True,
        strategy="TestStrategy",
        enter_tag="test",
        timeframe=60,
    )
    result.orders.append(_filled(result, result.entry_side, open_rate, opened))
    result.recalc_open_trade_value()
    result.adjust_stop_loss(open_rate, -0.02 * leverage, initial=True)
    if close_rate is not None:
        closed = opened + held
        result.orders.append(_filled(result, result.exit_side, close_rate, closed))
        result.exit_reason = "exit_signal"
        result.close(close_rate)
        result.close_date = closed
    Trade.session.add(result)
    Trade.commit()
    return result


def _filled(trade: Trade, side: str, price: float, when: datetime) -> Order:
    return Order(
        order_id=f"{trade.pair}-{side}-{when:%Y%m%d%H%M}",
        ft_pair=trade.pair,
        ft_order_side=side,
        ft_amount=trade.amount,
        ft_price=price,
        ft_is_open=False,
        symbol=trade.pair,
        order_type="limit",
        side=side,
        status="closed",
        price=price,
        average=price,
        amount=trade.amount,
        filled=trade.amount,
        remaining=0.0,
        cost=price * trade.amount,
        order_date=when,
        order_filled_date=when,
    )
