"""Compares the locks of backtests with those that `perpkit breakers replay` makes of their exports.

    python -m benchmarks.replayed_locks --runs 200

Random trades on random candles, with random parameters of every breaker: see tests/bench/replays.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from freqtrade.enums import CandleType

from benchmarks.offline import offline
from tests.bench.replays import differing, of_breaker, random_backtest, replayed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="seed of the first run")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    offline()
    locked: Counter[str] = Counter()
    again: Counter[str] = Counter()
    different: Counter[str] = Counter()
    trades: Counter[str] = Counter()
    for seed in range(given.first, given.first + given.runs):
        with tempfile.TemporaryDirectory() as folder:
            exported, found = _run(Path(folder), seed)
        locked += of_breaker(exported["locks"])
        again += of_breaker(found["locks"])
        different += (differs := differing(exported["locks"], found["locks"]))
        trades += _kinds(exported["trades"])
        if differs or found["locks"] != exported["locks"]:
            print(f"seed {seed}: {dict(differs)}", flush=True)
    print(f"{given.runs} runs: {', '.join(f'{n} {what}' for what, n in trades.items())}\n")
    print("| breaker | locks of the backtests | of the replays | differences |")
    print("|---|---:|---:|---:|")
    for name in sorted(locked | again):
        print(f"| {name} | {locked[name]} | {again[name]} | {different[name]} |")


def _run(folder: Path, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    datadir = folder / "data"
    (datadir / "futures").mkdir(parents=True)
    config = _config(folder, datadir)
    run, chosen = random_backtest(config, seed)
    export = run.export(folder / "export.json")
    exported = json.loads(export.read_text())["strategy"]["RandomTrades"]
    return exported, replayed(config, export, chosen)


def _kinds(trades: list[dict[str, Any]]) -> Counter[str]:
    found = Counter(trades=len(trades))
    for trade in trades:
        entries = sum(order["ft_is_entry"] for order in trade["orders"])
        found["with additions"] += entries > 1
        found["with partial exits"] += len(trade["orders"]) - entries > 1
        found["with funding"] += bool(trade["funding_fees"])
        found["closed by a halt"] += "halt" in trade["exit_reason"]
    return found


def _config(folder: Path, datadir: Path) -> dict[str, Any]:
    return {
        "user_data_dir": folder,
        "datadir": datadir,
        "dry_run": True,
        "trading_mode": "futures",
        "margin_mode": "isolated",
        "candle_type_def": CandleType.FUTURES,
        "stake_currency": "USDT",
        "dataformat_ohlcv": "feather",
        "entry_pricing": {"price_side": "other", "use_order_book": True, "order_book_top": 1},
        "exit_pricing": {"price_side": "other", "use_order_book": True, "order_book_top": 1},
        "exchange": {"name": "binance", "key": "", "secret": "", "enable_ws": False},
        "pairlists": [{"method": "StaticPairList"}],
    }


if __name__ == "__main__":
    main()
