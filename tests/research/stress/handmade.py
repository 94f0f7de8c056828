"""Orders, trades and markets by hand, whose every figure can be worked out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from perpkit.research.results import Results
from perpkit.research.stress.order import Candle, Order
from perpkit.research.stress.repricing import Repricing
from perpkit.research.trades import Trade, TradeFill
from tests.factories import START

PAIR, OTHER = "BTC/USDT:USDT", "ETH/USDT:USDT"
HOUR = 3600.0
BEGIN = START.timestamp()


def at(hour: float) -> float:
    return BEGIN + hour * HOUR


# 1,000,000 USDT were traded in this hour.
CANDLE = Candle(at(0), HOUR, 100.0, 102.0, 97.0, 101.0, 1e6)


def order(buys: bool = True, **more: object) -> Order:
    """Of 10,000 USDT at 100, in a market whose hourly returns have a deviation of 0.5%."""
    given = {"pair": PAIR, "at": at(0), "buys": buys, "is_entry": True, "amount": 100.0,
             "rate": 100.0, "fee": 0.0005, "candle": CANDLE, "vol_1h": 0.005}  # fmt: skip
    return Order(**{**given, **more})


def fill(hour: float, amount: float, rate: float, entry: bool) -> TradeFill:
    return TradeFill(at(hour), amount, rate, entry)


def trade(*fills: TradeFill, profit: float = 0.0, **more: object) -> Trade:
    given = {"pair": PAIR, "is_short": False, "leverage": 1.0, "opened": fills[0].at,
             "closed": fills[-1].at, "profit": profit, "ratio": 0.0, "fee_open": 0.0,
             "fee_close": 0.0, "funding": 0.0, "fills": fills}  # fmt: skip
    return Trade(**{**given, **more})


class Prices:
    """A market of hourly candles: each opens where it closes, 1% above its low and below its high.

    :param closes: of each pair
    """

    def __init__(self, volume: float = 100.0, **closes: list[float]) -> None:
        self._frames = {
            f"{base}/USDT:USDT": self._frame(np.array(of, dtype=float), volume)
            for base, of in closes.items()
        }

    def candles(self, pair: str, timeframe: str) -> pd.DataFrame | None:
        return self._frames.get(pair)

    def funding(self, pair: str) -> None:
        return None

    @staticmethod
    def _frame(close: np.ndarray, volume: float) -> pd.DataFrame:
        dates = pd.date_range(START, periods=len(close), freq="1h")
        prices = {"open": close, "high": close / 0.99, "low": close * 0.99, "close": close}
        return pd.DataFrame({"date": dates, **prices, "volume": volume})


def results(*trades: Trade, balance: float = 1000.0, hours: int = 10) -> Results:
    pairs = tuple(sorted({one.pair for one in trades}))
    return Results(Path("hand.zip"), "ByHand", "USDT", "1h", at(0), at(hours), balance, pairs,
                   trades, stats={"strategy_name": "ByHand"})  # fmt: skip


def repricing(
    market: Prices, *trades: Trade, noise: float = 0.0, seed: int = 0, **more: object
) -> Repricing:
    return Repricing(results(*trades, **more), market, lambda _: None, noise=noise, seed=seed)
