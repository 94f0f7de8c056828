"""The trades of `InTheMarket` from candles with arrays alone, without Freqtrade; prints JSON.

`python -m benchmarks.arithmetic TIMEFRAME BEGIN END FEE`: what a backtest would cost if it did
nothing but its arithmetic: candles read, averages, signals, and the profit of each trade after fees
and funding. It knows no other strategy, no stop, no account and no limit of an order.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

DATA = Path(__file__).parents[2] / "shared/data/binance/futures"
BASES = {"1h": ("BTC", "ETH", "XRP", "LTC", "ADA"), "5m": ("BTC", "ETH", "LTC")}
# Of the strategy, before its first signal counts.
WARM_UP = 240


def read(base: str, kind: str) -> pd.DataFrame:
    return pd.read_feather(DATA / f"{base}_USDT_USDT-{kind}.feather")


def profits(
    base: str, frame: str, begin: pd.Timestamp, end: pd.Timestamp, fee: float
) -> np.ndarray:
    """The profit of each trade, as a fraction of the value entered."""
    candles = read(base, f"{frame}-futures")
    length = pd.Timedelta(frame)
    inside = (candles["date"] >= begin - WARM_UP * length) & (candles["date"] <= end)
    candles = candles[inside].reset_index(drop=True)
    slow, fast = (candles["close"].ewm(span=span).mean() for span in (120, 24))
    side = np.where(fast > slow, 1, -1)
    opens = candles["open"].to_numpy()
    first = int(np.searchsorted(candles["date"], begin))
    # A trade begins at the open after its signal, and ends with the next one or at the end.
    turns = np.flatnonzero(np.diff(side[first - 1 :])) + first
    at = np.concatenate(([first], turns + 1))
    at = at[at < len(opens)]
    enter, leave = at, np.append(at[1:], len(opens) - 1)
    held = side[enter - 1]
    rates, marks = read(base, "1h-funding_rate"), read(base, "1h-mark")
    column = "funding_rate" if "funding_rate" in rates else "open"
    paid = rates[["date", column]].merge(marks[["date", "open"]], on="date", suffixes=("", "_mark"))
    price = paid["open_mark"] if "open_mark" in paid else paid["open"]
    sums = np.concatenate(([0.0], np.cumsum((paid[column] * price).to_numpy())))
    times = candles["date"].to_numpy()
    first_paid = np.searchsorted(paid["date"].to_numpy(), times[enter])
    last_paid = np.searchsorted(paid["date"].to_numpy(), times[leave], side="right")
    funding = -held * (sums[last_paid] - sums[first_paid])
    entered, left = opens[enter], opens[leave]
    long = (left * (1 - fee) + funding) / (entered * (1 + fee)) - 1
    short = 1 - (left * (1 + fee) - funding) / (entered * (1 - fee))
    return np.where(held > 0, long, short)


def main() -> None:
    frame, begin, end, fee = sys.argv[1:]
    span = pd.Timestamp(begin, tz="UTC"), pd.Timestamp(end, tz="UTC")
    found = np.concatenate([profits(base, frame, *span, float(fee)) for base in BASES[frame]])
    print(json.dumps({"trades": len(found), "mean": float(found.mean())}))


if __name__ == "__main__":
    main()
