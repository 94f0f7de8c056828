"""The running price against closed candles: `python -m benchmarks.running_crash`.

The 5m candles of 2023 play the running price inside the 1h candles. A price counts that three looks
show. How long a price stood is in no candle, so there are two answers: *stood*, where the closes of
the 5m candles count alone, and *touched*, where their highs and lows do as well. What the blocks
cost is shown by the trades of RsiSmaSwing that were entered while the running price blocked and the
closed candles did not.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.backtests import DATA, backtest
from benchmarks.breaker_parameters import FIXED
from perpkit.breakers import flash_crash_steps, running_crash
from perpkit.breakers.flash_crash import FlashCrashLimits, MoveWindow
from perpkit.breakers.running_crash import UNSEEN
from perpkit.market.candle_grid import CandleRows

BASES = ("BTC", "ETH", "LTC")  # those with 5m candles
YEAR = "20230101-20240101"
FINE = timedelta(minutes=5)
HELD = 24 * 8  # closed candles that a look is given
# One look each: what is played here has been seen three times already.
LIMITS = {
    "10% in 1 h, 15% in 4 h (default)": FlashCrashLimits(looks=1),
    "5% in 1 h, 8% in 4 h": FlashCrashLimits(
        looks=1, windows=(MoveWindow(60, 0.05), MoveWindow(240, 0.08))
    ),
}


def stored(base: str, timeframe: str) -> pd.DataFrame:
    return pd.read_feather(DATA / "futures" / f"{base}_USDT_USDT-{timeframe}-futures.feather")


def prices(candle: dict[str, Any], touched: bool) -> Iterator[float]:
    """The prices of a 5m candle that count, the nearer extreme first."""
    if touched:
        rising = candle["close"] >= candle["open"]
        yield from (candle["low"], candle["high"]) if rising else (candle["high"], candle["low"])
    yield candle["close"]


def blocked(limits: FlashCrashLimits, base: str, way: str) -> pd.Series:
    """Whether a pair is blocked after each 5m candle. :param way: closed, stood or touched"""
    fine = stored(base, "5m")
    rows = CandleRows.of(stored(base, "1h"))
    opened = rows.times + 3600 * 10**9
    line, end, running, found = None, -1, UNSEEN, []
    for candle in fine.to_dict("records"):
        begin = candle["date"].to_pydatetime()
        before = int(np.searchsorted(opened, candle["date"].value, "right"))
        if before != end:
            end = before
            held = CandleRows(
                *(part[max(0, end - HELD) : end] for part in (rows.times, rows.figures))
            )
            line = flash_crash_steps.follow(limits, held) if line is None else line.on(held)
        if way != "closed":
            for price in prices(candle, way == "touched"):
                running = running_crash.look(limits, running, held, price, begin)
        found.append(running_crash.decide(limits, running, line, begin).entries_blocked)
    return pd.Series(found, index=fine["date"] + FINE)


def begins(of: pd.Series) -> pd.DatetimeIndex:
    return of.index[of & ~of.shift(fill_value=False)]


def main() -> None:
    stats = backtest("RsiSmaSwing", timerange=YEAR, settings=FIXED)
    trades = [t for t in stats["trades"] if t["pair"].split("/")[0] in BASES]
    print(f"{len(trades)} trades of the three pairs in 2023\n")
    head = (
        "",
        "blocks, closed candles",
        "sooner, median",
        "never by closed candles",
        "hours blocked, closed and with it",
        "trades in them, their profit",
    )
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for name, limits in LIMITS.items():
        closed = {base: blocked(limits, base, "closed") for base in BASES}
        for way in ("stood", "touched"):
            sooner, alone, hours, hit = [], 0, [0.0, 0.0], []
            for base in BASES:
                with_it = blocked(limits, base, way) | closed[base]
                for begin in begins(closed[base]):
                    off = with_it[:begin][~with_it[:begin]]
                    sooner.append((begin - off.index[-1] - FINE) / timedelta(minutes=1))
                for begin in begins(with_it):
                    on = with_it[begin:]
                    ends = on[~on].index[0] if (~on).any() else on.index[-1]
                    alone += not closed[base][begin:ends].any()
                for place, of in enumerate((closed[base], with_it)):
                    hours[place] += of.sum() * FINE / timedelta(hours=1)
                only = with_it & ~closed[base]
                hit += [
                    t["profit_abs"] for t in trades
                    if t["pair"].startswith(f"{base}/")
                    and only.get(pd.Timestamp(t["open_timestamp"], unit="ms", tz="UTC"), False)
                ]  # fmt: skip
            row = (
                f"{name}, {way}",
                str(len(sooner)),
                f"{median(sooner):.0f} min",
                str(alone),
                f"{hours[0]:.0f}, {hours[1]:.0f}",
                f"{len(hit)}, {sum(hit):+.2f} USDT",
            )
            print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
