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
    parser.add_argument(
        "--log", type=Path, help="a line for each run; those in it are not repeated"
    )
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    offline()
    done = _logged(given.log)
    seeds = range(given.first, given.first + given.runs)
    for seed in seeds:
        if seed in done:
            continue
        with tempfile.TemporaryDirectory() as folder:
            done[seed] = _counts(*_run(Path(folder), seed))
        if given.log:
            with given.log.open("a") as log:
                print(json.dumps({"seed": seed, **done[seed]}), file=log)
    _print([(seed, done[seed]) for seed in seeds])


def _logged(log: Path | None) -> dict[int, dict[str, Any]]:
    if log is None or not log.exists():
        return {}
    return {line.pop("seed"): line for line in map(json.loads, log.read_text().splitlines())}


def _counts(exported: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    return {
        "locks": of_breaker(exported["locks"]),
        "replayed": of_breaker(found["locks"]),
        "different": differing(exported["locks"], found["locks"]),
        "same order": found["locks"] == exported["locks"],
        "trades": _kinds(exported["trades"]),
    }


def _print(runs: list[tuple[int, dict[str, Any]]]) -> None:
    for seed, run in runs:
        if run["different"] or not run["same order"]:
            print(f"seed {seed}: {dict(run['different'])}")
    locks, replayed_locks, different, trades = (
        sum((Counter(run[what]) for _, run in runs), Counter())
        for what in ("locks", "replayed", "different", "trades")
    )
    print(f"{len(runs)} runs: {', '.join(f'{n} {what}' for what, n in trades.items())}\n")
    print("| breaker | locks of the backtests | of the replays | differences |")
    print("|---|---:|---:|---:|")
    for name in sorted(locks | replayed_locks):
        print(f"| {name} | {locks[name]} | {replayed_locks[name]} | {different[name]} |")


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
