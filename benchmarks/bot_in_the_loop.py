"""A day of five 1m pairs in virtual time: `python benchmarks/bot_in_the_loop.py [--profile]`.

Stock Freqtrade, in this process, trades every pair all day: it enters at the full hour, long and
short in turn, and exits at a quarter to the next. Its loop runs one cycle per minute. The target is
60 s of CPU.
"""

from __future__ import annotations

import cProfile
import logging
import pstats
import sys
import time
import warnings
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

from perpkit.venue.market import synthetic
from perpkit.venue.market.history import History
from tests.bench.in_process import MINUTE, InProcessBot, bench
from tests.bench.live import live_bench

WARM_UP_DAYS = 1
MIDNIGHT = datetime(2025, 1, 1, tzinfo=UTC)
START = MIDNIGHT + timedelta(days=WARM_UP_DAYS)
MINUTES = 24 * 60
SETTINGS = {
    "max_open_trades": 5,
    "stake_amount": 300,
    "pairlists": [{"method": "StaticPairList"}],
}


def trade_all_day(bot: InProcessBot) -> float:
    """Trades for a day and returns the CPU seconds used."""
    strategy = bot.bot.strategy
    began = time.process_time()
    for minute in range(MINUTES):
        hour = minute // 60
        entering, leaving = minute % 60 < 5, minute % 60 >= 45
        strategy.side = ("long", "short")[hour % 2] if entering else None
        strategy.leave = leaving
        bot.run(1, MINUTE)
    return time.process_time() - began


def day(history: History, *, live: bool) -> tuple[float, int, int]:
    """CPU seconds, requests and trades of one day, live or in dry-run."""
    if live:
        with live_bench("Steered", history, START, **SETTINGS) as (bot, _):
            return trade_all_day(bot), bot.wire.requests, len(bot.trades())
    with bench("Steered", history, START, dry_run_wallet=10_000, **SETTINGS) as bot:
        return trade_all_day(bot), bot.wire.requests, len(bot.trades())


def main() -> None:
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    begin = int(MIDNIGHT.timestamp() * 1000)
    history = synthetic.generate(seed=1, start=begin, days=WARM_UP_DAYS + 2, base="1m")
    print(f"{'':8} {'CPU s':>7} {'ms/cycle':>9} {'requests':>9} {'trades':>7}")
    profiled = "--profile" in sys.argv[1:]
    with cProfile.Profile(builtins=False) if profiled else nullcontext() as profile:
        for live in (False, True):
            seconds, requests, trades = day(history, live=live)
            name = "live" if live else "dry-run"
            each = 1000 * seconds / MINUTES
            print(f"{name:8} {seconds:7.1f} {each:9.1f} {requests:9} {trades:7}")
    if profile is not None:
        pstats.Stats(profile).sort_stats("cumulative").print_stats(60)


if __name__ == "__main__":
    main()
