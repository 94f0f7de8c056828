"""What a stored row costs, from 10,000 rows to 1,000,000: `python benchmarks/rows.py`.

Each line is one step of refresh or of a join, in nanoseconds of CPU a row; the last column is the
largest number of rows over the smallest. The incoming reading has its date in microseconds, as
pandas makes it, beside milliseconds in the store. `time.thread_time` counts the thread alone.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from perpkit.market import store
from perpkit.market.coverage import ReadingSpan, missing
from perpkit.market.positioning import positioning_readings

ROWS = (10_000, 100_000, 1_000_000)
FIRST = pd.Timestamp("2015-01-01", tz="UTC")
STEP = pd.Timedelta("5min")
TIMES = 15


def readings(rows: int, first: pd.Timestamp = FIRST) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    walk = np.cumsum(rng.normal(0, 0.002, (len(store.SERIES), rows)), axis=1)
    values = np.exp(walk).clip(0.1, 100).round(6)
    dates = pd.date_range(first, periods=rows, freq=STEP).as_unit("us")
    return pd.DataFrame({"date": dates, **dict(zip(store.SERIES, values, strict=True))})


def nanoseconds(work: Callable[[], object], times: int) -> float:
    """The least CPU of several tries."""
    spent = []
    for _ in range(times):
        began = time.thread_time_ns()
        work()
        spent.append(time.thread_time_ns() - began)
    return min(spent)


def steps(datadir: Path, rows: int) -> dict[str, Callable[[], object]]:
    pair, period = f"R{rows}/USDT:USDT", "5m"
    store.merge(datadir, pair, period, readings(rows))
    held = store.read(datadir, pair, period)
    assert held is not None
    wanted = ReadingSpan(FIRST.to_pydatetime(), (FIRST + (rows + 5) * STEP).to_pydatetime())
    fresh = iter(range(10_000))

    def merge() -> None:
        news = readings(1, FIRST + (rows - 1) * STEP)
        news["long_short_ratio"] = 1.0 + next(fresh) / 1000  # or nothing is written
        if store.merge(datadir, pair, period, news).changed != 1:
            raise SystemExit("the reading has not been merged")

    return {
        "read": lambda: store.read(datadir, pair, period),
        "merge of one reading": merge,
        "what is missing": lambda: missing(
            held, list(store.SERIES), wanted, timedelta(minutes=5), 500
        ),
        "readings for 1h candles": lambda: positioning_readings(held, period, timedelta(hours=1)),
    }


def main() -> None:
    counts = [int(text) for text in sys.argv[1:]] or list(ROWS)
    with tempfile.TemporaryDirectory(prefix="rows-") as folder:
        made = {rows: steps(Path(folder), rows) for rows in counts}
        heads = " | ".join(f"{rows:,} rows" for rows in counts)
        print(f"| CPU, ns a row | {heads} | ms, most rows | ratio |")
        print("|---|" + "---:|" * (len(counts) + 2))
        for name in made[counts[0]]:
            costs = []
            for rows in counts:
                times = max(3, TIMES * counts[0] // rows)
                made[rows][name]()  # the first pays for what is loaded once
                costs.append(nanoseconds(made[rows][name], times) / rows)
            cells = " | ".join(f"{cost:.1f}" for cost in costs)
            whole = costs[-1] * counts[-1] / 1e6
            print(f"| {name} | {cells} | {whole:.0f} | {costs[-1] / costs[0]:.2f} |")


if __name__ == "__main__":
    main()
