"""CPU to read a year of 5m positioning for 50 pairs and join it to 1h candles, and its growth.

`python benchmarks/positioning_join.py`; a year must take less than 2 s, and the time must grow
linearly with the rows read.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from perpkit.market import store
from perpkit.market.positioning import with_positioning

PAIRS = 50
YEAR = 365
START = pd.Timestamp("2023-01-01", tz="UTC")


def write(datadir: Path, pair: str, days: int) -> None:
    rows, rng = days * 288, np.random.default_rng(len(pair))
    walk = np.exp(np.cumsum(rng.normal(0, 0.002, (len(store.SERIES), rows)), axis=1))
    dates = pd.date_range(START, periods=rows, freq="5min")
    columns = dict(zip(store.SERIES, walk.clip(0.1, 100).round(6), strict=True))
    store.merge(datadir, pair, "5m", pd.DataFrame({"date": dates, **columns}))


def candles(days: int) -> pd.DataFrame:
    dates = pd.date_range(START, periods=days * 24, freq="h")
    close = np.exp(np.cumsum(np.random.default_rng(0).normal(0, 0.005, len(dates))))
    return pd.DataFrame({"date": dates, "close": close})


def seconds(datadir: Path, pair: str, days: int, times: int) -> float:
    """CPU seconds, of all threads, to read and join the pair `times` times, with files cached."""
    frame = candles(days)
    began = time.process_time()
    for _ in range(times):
        joined = with_positioning(frame, store.read_periods(datadir, pair), "1h")
    spent = time.process_time() - began
    if not joined["long_short_rank"].notna().mean() > 0.5:
        raise SystemExit("the join has not found the readings")
    return spent


def main() -> None:
    print(f"{'days':>5} {'rows read':>10} {'CPU s':>7} {'us a row':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for days in (YEAR // 8, YEAR // 4, YEAR // 2, YEAR, 2 * YEAR):
            pair = f"D{days}/USDT:USDT"
            write(Path(folder), pair, days)
            seconds(Path(folder), pair, days, 2)  # warms the caches
            spent = min(seconds(Path(folder), pair, days, PAIRS) for _ in range(3))
            rows = PAIRS * days * 288
            print(f"{days:5} {rows:10} {spent:7.2f} {spent / rows * 1e6:9.3f}")


if __name__ == "__main__":
    main()
