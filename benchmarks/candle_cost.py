"""What a new candle costs the crash breaker of a running bot, a pair: `benchmarks/candle_cost.py`.

Candles of 5m arrive one by one for 60 virtual days. `FlashCrashBreaker` reads them through the feed
of a running bot, which Freqtrade keeps supplied with its newest candles. By day: CPU of a candle,
candles held, and memory in use. Run it with PYTHONPATH at another checkout to compare.
"""

from __future__ import annotations

import argparse
import gc
import time
import tracemalloc
from datetime import timedelta
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import pandas as pd
import time_machine
from freqtrade.enums import RunMode
from freqtrade.resolvers import ProtectionResolver

from perpkit.bot.candles.candles import LiveCandles
from perpkit.bot.watching.sources import Sources
from tests import factories

PAIR, STEP = "BTC/USDT:USDT", timedelta(minutes=5)
DAY = 288
RECENT = 1000  # what Freqtrade holds of a pair
WARM_UP = 10 * DAY
SHOWN_AT = 20  # candle of a day


def market(days: int) -> pd.DataFrame:
    frame = factories.candles(WARM_UP + days * DAY + SHOWN_AT + 1, "5m", volatility=0.001)
    return frame.assign(date=frame["date"].dt.as_unit("us"))  # as Freqtrade's are


def breaker() -> Any:
    config = {
        "runmode": RunMode.LIVE,
        "user_data_dir": Path("user_data"),
        "timeframe": "5m",
        "stake_currency": "USDT",
        "exchange": {"name": "binance"},
    }
    method = {"method": "FlashCrashBreaker", "market_pair": None}
    return ProtectionResolver.load_protection("FlashCrashBreaker", config, method)


def main() -> None:
    parser = argparse.ArgumentParser(prog="candle_cost", description=__doc__)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--every", type=int, default=10, help="days between two lines")
    parser.add_argument("--memory", action="store_true", help="measure it, which costs CPU")
    arguments = parser.parse_args()
    whole, now = market(arguments.days), WARM_UP

    def history(_: str, __: str, since_ms: int, ___: object) -> pd.DataFrame:
        since = pd.Timestamp(since_ms, unit="ms", tz="UTC")
        return whole[:now][whole["date"][:now] >= since].reset_index(drop=True)

    dp = SimpleNamespace(_exchange=SimpleNamespace(get_historic_ohlcv=history))
    dp.ohlcv = lambda *_, **__: whole[now - RECENT : now].reset_index(drop=True)
    subject, feed = breaker(), LiveCandles(dp)
    sources = Sources({}, feed, dp=dp, pairs=[PAIR])
    print("| day | CPU of a candle, ms | candles held | memory, MB |\n|---:|---:|---:|---:|")
    if arguments.memory:
        tracemalloc.start()
    spent: list[int] = []
    for now in range(WARM_UP, len(whole)):
        with time_machine.travel(factories.START + now * STEP, tick=False):
            began = time.thread_time_ns()
            subject.evaluate(sources, factories.START + now * STEP)
            spent.append(time.thread_time_ns() - began)
        day, rest = divmod(now - WARM_UP, DAY)
        if rest == SHOWN_AT and day % arguments.every == 0:
            gc.collect()
            held = len(feed.history(PAIR, "5m", next(iter(feed._held))[2], timedelta(0)))
            memory = tracemalloc.get_traced_memory()[0] / 2**20
            print(f"| {day} | {median(spent) / 1e6:.2f} | {held:,} | {memory:.2f} |", flush=True)
            spent.clear()


if __name__ == "__main__":
    main()
