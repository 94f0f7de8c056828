"""How long the refresh of positioning keeps another thread waiting: `benchmarks/refresh_stall.py`.

A thread of the bot sleeps 10 ms again and again while another one refreshes 50 pairs, of which two
years of 5m are stored, and each time the longest wait counts. An idle process, which only sleeps,
is measured beside each, because the machine itself delays threads.

`--source NAME=DIR`, once or more, measures other checkouts in place of this one:
`--source before=../old --source after=.`
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]
NAP_S = 0.010
PERIOD, STEP_MS = "5m", 300_000
YEARS = 2
# When the refresh begins; the last hour of the store is missing.
NOW = datetime(2026, 1, 1, tzinfo=UTC)
MISSING = 12


def pairs(count: int) -> list[str]:
    return [f"P{number}/USDT:USDT" for number in range(count)]


def fill(datadir: Path, count: int) -> None:
    """Writes files as Perpkit has always written them: dates in milliseconds, lz4."""
    import numpy as np
    import pandas as pd

    from perpkit.market import store

    rows = YEARS * 365 * 288
    last = int(NOW.timestamp() * 1000) // STEP_MS * STEP_MS - MISSING * STEP_MS
    times = last - STEP_MS * np.arange(rows, dtype=np.int64)[::-1]
    dates = pd.DatetimeIndex(times.view("datetime64[ms]")).tz_localize("UTC")
    walk = np.cumsum(np.random.default_rng(0).normal(0, 0.002, (len(store.SERIES), rows)), axis=1)
    values = np.exp(walk).clip(0.1, 100).round(6)
    frame = pd.DataFrame({"date": dates, **dict(zip(store.SERIES, values, strict=True))})
    for pair in pairs(count):
        path = store.path_of(datadir, pair, PERIOD)
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.to_feather(path, compression="lz4")


def refresh(datadir: Path, count: int) -> int:
    """Refreshes every pair once, from answers as the exchange gives them; the readings added."""
    from perpkit.bot.positioning.client import PositioningClient
    from perpkit.bot.positioning.download import download

    class Answers(PositioningClient):
        def _call(self, method: str, parameters: dict[str, Any]) -> Any:
            if method == "fapiPublicGetTime":
                return {"serverTime": int(NOW.timestamp() * 1000)}
            if method == "fapiPublicGetExchangeInfo":
                names = [pair.split("/")[0] for pair in pairs(count)]
                entry = {"quoteAsset": "USDT", "marginAsset": "USDT", "contractType": "PERPETUAL"}
                return {"symbols": [{**entry, "baseAsset": n, "symbol": f"{n}USDT"} for n in names]}
            fields = ("longShortRatio", "buySellRatio", "sumOpenInterest", "sumOpenInterestValue")
            times = range(parameters["startTime"], parameters["endTime"] + 1, STEP_MS)
            return [{"timestamp": at, **dict.fromkeys(fields, "1.5")} for at in times]

    client, added = Answers({"name": "binance"}), 0
    for pair in pairs(count):
        added += download(client, datadir, [pair], PERIOD, 1.0).added
    return added


def measured(datadir: str, count: int, refreshes: bool, seconds: float) -> None:
    """In a process of its own: prints the waits, as JSON."""
    import perpkit.bot.positioning.download  # noqa: F401 - imports are not refreshes

    done, added = threading.Event(), []

    def work() -> None:
        began = time.perf_counter()
        if refreshes:
            added.append(refresh(Path(datadir), count))
        else:
            time.sleep(seconds)
        added.append(time.perf_counter() - began)
        done.set()

    waits = []
    thread = threading.Thread(target=work)
    thread.start()
    while not done.is_set():
        began = time.perf_counter()
        time.sleep(NAP_S)
        waits.append(1000 * (time.perf_counter() - began - NAP_S))
    thread.join()
    waits.sort()
    if refreshes and added[0] != count * MISSING:
        raise SystemExit(f"the refresh has added {added[0]} readings")
    late = waits[int(len(waits) * 0.999) :]
    print(json.dumps({"longest": waits[-1], "thousandth": late[0], "seconds": added[-1]}))


def child(source: Path, datadir: str, count: int, what: str, seconds: float) -> Any:
    return subprocess.Popen(
        [
            sys.executable,
            str(Path(__file__)),
            "--child",
            what,
            "--pairs",
            str(count),
            "--datadir",
            datadir,
            "--seconds",
            str(seconds),
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=source,
        env={**os.environ, "PYTHONPATH": str(source)},
    )


def source(text: str) -> tuple[str, Path]:
    name, _, folder = text.partition("=")
    path = Path(folder).resolve()
    if not (folder and (path / "perpkit").is_dir()):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=DIR with a checkout at DIR")
    return name, path


def main() -> None:
    parser = argparse.ArgumentParser(prog="refresh_stall", description=__doc__)
    parser.add_argument("--pairs", type=int, default=50)
    parser.add_argument("--source", type=source, action="append", metavar="NAME=DIR")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--datadir", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=10.0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child == "fill":
        fill(Path(arguments.datadir), arguments.pairs)
        return
    if arguments.child:
        refreshes = arguments.child == "refresh"
        measured(arguments.datadir, arguments.pairs, refreshes, arguments.seconds)
        return
    print(
        "| source | longest wait, ms | idle beside it, ms | above it | one in a thousand | round |"
    )
    print("|---|---:|---:|---:|---:|---:|")
    for name, path in arguments.source or [("now", CHECKOUT)]:
        with tempfile.TemporaryDirectory(prefix="stall-") as folder:
            filled = child(path, folder, arguments.pairs, "fill", 0)
            if filled.wait():
                raise SystemExit("the store was not filled")
            work = child(path, folder, arguments.pairs, "refresh", 0)
            idle = child(path, folder, arguments.pairs, "idle", arguments.seconds)
            found = json.loads(work.communicate()[0])
            beside = json.loads(idle.communicate()[0])
        above = found["longest"] - beside["longest"]
        print(
            f"| {name} | {found['longest']:.1f} | {beside['longest']:.1f} | {above:.1f} | "
            f"{found['thousandth']:.1f} | {found['seconds']:.1f} s |",
            flush=True,
        )


if __name__ == "__main__":
    main()
