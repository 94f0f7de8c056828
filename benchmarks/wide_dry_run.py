"""A dry-run over many contracts: `python benchmarks/wide_dry_run.py [MINUTES] [COUNT] [STRATEGY]`.

Starts `perpkit venue --count COUNT --days 90` (200) and stock `freqtrade trade` on all of its USDT
perpetuals behind three of Perpkit's pairlists, lets them run for MINUTES (30) after the first
cycle, and prints what a cycle costs, the requests per minute by endpoint and the memory of both.
It ends both processes when it is done or interrupted.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.venue_wide import cpu_seconds, memory_mb, venue

CHECKOUT = Path(__file__).resolve().parents[1]
STARTUP_S = 900  # the first cycle loads the candles of all pairs
_CYCLE = re.compile(r"last iteration took ([\d.]+) s")
_WHITELIST = re.compile(r"Whitelist with (\d+) pairs")
PAIRLISTS = [
    {"method": "StaticPairList"},
    {"method": "FundingRateFilter", "min_funding_rate_8h": -0.01, "max_funding_rate_8h": 0.01},
    {"method": "LiquidityFilter", "notional": 50, "min_depth": 500, "max_spread_bps": 100,
     "max_slippage_bps": 200},
    {"method": "CorrelationFilter", "max_correlation": 0.99},
]  # fmt: skip


def config(strategy: str) -> dict[str, Any]:
    """Settings on top of the example configuration and the venue's overlay."""
    return {
        "strategy": strategy,
        "max_open_trades": 20,
        "pairlists": PAIRLISTS,
        "exchange": {"pair_whitelist": [".*/USDT:USDT"]},
        # Only the worker logs at DEBUG: it reports the duration of each cycle.
        "log_config": {
            "version": 1,
            "formatters": {
                "standard": {"format": "%(asctime)s %(name)s %(levelname)s %(message)s"}
            },
            "handlers": {"plain": {"class": "logging.StreamHandler", "formatter": "standard"}},
            "root": {"handlers": ["plain"], "level": "INFO"},
            "loggers": {"freqtrade.worker": {"level": "DEBUG"}},
        },
    }


@contextmanager
def bot(folder: Path, url: str, strategy: str) -> Iterator[tuple[int, Path]]:
    """Runs stock `freqtrade trade`; yields its process id and the path of its log."""
    from perpkit.venue.overlay import overlay

    files = {"venue.json": overlay(url, folder), "wide.json": config(strategy)}
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    log = folder / "freqtrade.log"
    paths = [CHECKOUT / "config.json.example", *(folder / name for name in files)]
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "freqtrade", "trade", *(f"--config={path}" for path in paths),
             f"--userdir={folder}", f"--strategy-path={CHECKOUT / 'strategies'}"],
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )  # fmt: skip
        try:
            yield process.pid, log
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=120)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def cycles(log: Path) -> list[float]:
    """Durations of all cycles that have ended, in seconds."""
    return [float(found[1]) for found in _CYCLE.finditer(log.read_text(errors="replace"))]


def wait_for_cycle(pid: int, log: Path) -> None:
    end = time.monotonic() + STARTUP_S
    # A cycle of some hundredths of a second is one in which the bot was not running yet.
    while not any(seconds > 0.05 for seconds in cycles(log)):
        stopped = (
            not Path(f"/proc/{pid}/stat").exists() or " Z " in Path(f"/proc/{pid}/stat").read_text()
        )
        if stopped or time.monotonic() > end:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
            raise RuntimeError(f"no cycle in {STARTUP_S} s:\n{tail}")
        time.sleep(1)


def requests(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def shown(entries: list[dict[str, Any]], minutes: float) -> None:
    by_path: dict[str, list[float]] = defaultdict(list)
    for entry in entries:
        by_path[f"{entry['method']} {entry['path']}"].append(entry["ms"])
    print(f"{'requests':50} {'a minute':>9} {'ms, median':>11} {'greatest':>9}")
    for path, times in sorted(by_path.items(), key=lambda each: -len(each[1])):
        rate = len(times) / minutes
        print(f"{path:50} {rate:9.1f} {median(times):11.1f} {max(times):9.0f}")
    failed = sum(entry["status"] != 200 for entry in entries)
    weight = sum(entry["weight"] for entry in entries) / minutes
    print(f"{len(entries) / minutes:.0f} a minute, weight {weight:.0f} of 2400, not 200: {failed}")


def main() -> None:
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    count = sys.argv[2] if len(sys.argv) > 2 else "200"
    strategy = sys.argv[3] if len(sys.argv) > 3 else "RsiSmaSwing"
    with tempfile.TemporaryDirectory(prefix="wide-") as name:
        folder = Path(name)
        asked = folder / "requests.jsonl"
        with venue("--count", count, "--days", "90", "--log", str(asked)) as (server, url, start):
            print(f"{count} contracts: the venue listens after {start:.0f} s", flush=True)
            began = time.monotonic()
            with bot(folder, url, strategy) as (trader, log):
                wait_for_cycle(trader, log)
                ready = time.monotonic()
                before, first = len(requests(asked)), len(cycles(log))
                cpu = {pid: cpu_seconds(pid) for pid in (server, trader)}
                print(f"start to the end of the first cycle: {ready - began:.0f} s")
                shown(requests(asked), (ready - began) / 60)
                time.sleep(minutes * 60)
                passed = (time.monotonic() - ready) / 60
                report(log, asked, before, first, passed)
                for title, pid in (("venue", server), ("freqtrade", trader)):
                    used = (cpu_seconds(pid) - cpu[pid]) / passed
                    now, peak = memory_mb(pid, "VmRSS"), memory_mb(pid, "VmHWM")
                    print(f"{title}: {used:.1f} s of CPU a minute, {now:.0f} MB (peak {peak:.0f})")


def report(log: Path, asked: Path, before: int, first: int, passed: float) -> None:
    text = log.read_text(errors="replace")
    sizes = [int(found[1]) for found in _WHITELIST.finditer(text)]
    taken = cycles(log)[first:]
    print(f"\nafterwards, {passed:.1f} minutes")
    if sizes:
        print(f"pairs in the whitelist: {sizes[0]} at first, {sizes[-1]} at last")
    if taken:
        print(
            f"cycles: {len(taken)}, seconds: median {median(taken):.2f}, greatest {max(taken):.2f}"
        )
    errors = [line for line in text.splitlines() if " ERROR " in line or "Traceback" in line]
    warnings = [line for line in text.splitlines() if " WARNING " in line]
    print(f"errors in the log: {len(errors)}, warnings: {len(warnings)}")
    for line in (errors + warnings)[:10]:
        print(f"    {line[:200]}")
    shown(requests(asked)[before:], passed)


if __name__ == "__main__":
    main()
