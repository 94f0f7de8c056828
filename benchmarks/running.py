"""Benchmarks of the start of a process, and of a running bot's cycles."""

from __future__ import annotations

import sys
from statistics import median
from typing import Any

from benchmarks.backtests import REPOSITORY
from benchmarks.live_cycle import CHECKOUT, KINDS, PARTS, Results, measure
from benchmarks.live_cycle import STOCK as STOCK_BOT
from benchmarks.measured import Measured, Scale, Table, interleaved
from benchmarks.processes import STOCK, run

STARTS = {
    "import freqtrade": ["-c", "import freqtrade"],
    "import freqtrade.main": ["-c", "import freqtrade.main"],
    "freqtrade --version": ["-m", "freqtrade", "--version"],
    "freqtrade list-strategies": [
        "-m", "freqtrade", "list-strategies", "--strategy-path", "benchmarks/strategies",
    ],
}  # fmt: skip


def start_up(scale: Scale) -> Table:
    """What the start-up hook adds to a process of Freqtrade."""
    table = Table("Start: user CPU of processes without and with the hook")
    for name, arguments in STARTS.items():

        def measured(environment: dict[str, str], arguments: list[str] = arguments) -> Measured:
            usage = run([sys.executable, *arguments], REPOSITORY, environment)
            if usage.code:
                raise RuntimeError(usage.output[-4000:])
            return Measured(usage.user_s, peak_mb=usage.peak_mb)

        runs = {
            "without": lambda measured=measured: measured(STOCK),
            "with": lambda measured=measured: measured({}),
        }
        found = interleaved(table, name, runs, 5 if not scale.quick else 1)
        without, with_hook = found["without"], found["with"]
        table.rows.append(
            {"process": name, "without, s": without.user_s, "with, s": with_hook.user_s,
             "hook, ms": 1000 * (with_hook.user_s - without.user_s),
             "without, peak MB": without.peak_mb, "with, peak MB": with_hook.peak_mb}
        )  # fmt: skip
    return table


def live_cycle(scale: Scale) -> Table:
    """Our share of a live cycle, from `benchmarks/live_cycle.py`, which has it by part."""
    table = Table(
        "Live cycle: CPU without the venue, median",
        note="Stock: the same signals with Freqtrade alone. Our share: of a cycle's CPU, what the "
        "stack attributes to Perpkit, its signals included. By part: `benchmarks/live_cycle.py`.",
    )
    pairs, trades = (10, [3]) if scale.quick else (200, [5, 20])
    results: Results = {}
    measure(results, {"now": CHECKOUT}, pairs, trades, scale.rounds, steady=13)
    for (_, number), bots in results.items():
        stock, ours = bots[STOCK_BOT], bots["now"]
        for kind in KINDS:
            total = ours.ms(kind)
            if not total:
                continue
            # Stock Freqtrade has no comparisons: the base for those is its steady cycle.
            base = median(stock.ms("candle" if kind == "candle" else "steady"))
            row: dict[str, Any] = {
                "cycle": f"{pairs} pairs, {number} trades, {kind}",
                "stock, ms": base,
                "all of Perpkit, ms": median(total),
                "our share, %": 100 * median(ours.shares(kind)),
            }
            table.rows.append(row)
            table.raw[row["cycle"]] = [total, ours.ms(kind, *PARTS)]
    return table
