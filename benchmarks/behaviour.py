"""A checkout's behaviour as texts: what its strategies trade and lock, and what `perpkit` prints.

`benchmarks.same_behaviour` uses it. It runs only commands that users have, without the network and
with the default parameters.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
# As in perpkit/ops/demo.py, with 5m candles in addition to the demo's own of 1h.
DEMO = ["--seed=1", "--start=2025-01-01", "--days=365", "--base=5m", "--timeframes=5m 1h"]
BASES = {"demo": "BTC ETH BNB SOL XRP", "real": "BTC ETH XRP LTC ADA", "real 5m": "BTC ETH LTC"}
YEAR, YEARS, CRASHES = "20250118-20260101", "20200301-20240101", "20220401-20230101"
BASKET = {"weights": {"BTC/USDT:USDT": 0.5, "ETH/USDT:USDT": -0.25, "XRP/USDT:USDT": -0.2}}
# Parts that the strategies leave out by default, as far as a backtest supports them.
PARTS = {
    "use": {"kelly": True, "slicing": True}, "slicing": {"slices": 2}, "stop": {"method": "atr"},
    "sizing": {"basis": "volatility"}, "trailing": {"trail": "sar", "time_stop_hours": 72},
}  # fmt: skip
# Makes the strategy lose enough for the drawdown breaker, whose replay needs such a result.
UNSIZED = {"use": {"sizing": False, "exposure": False, "trailing": False, "scale_out": False}}
TRADE_ORDER = ("open_timestamp", "close_timestamp", "pair", "is_short")
LOCK_ORDER = ("lock_timestamp", "lock_end_timestamp", "pair", "side", "reason")
COUNTS = re.compile("final_balance|(rejected|timedout|canceled|replaced)_.*")


@dataclass(frozen=True)
class Run:
    """A backtest; `settings` are the object "perpkit" of the configuration."""

    data: str
    strategy: str
    timerange: str
    settings: dict[str, Any] = field(default_factory=dict)
    note: str = ""


RUNS = [
    Run("demo", "RsiSmaSwing", YEAR),
    Run("demo", "RsiSmaSwing", YEAR, PARTS, "-all-parts"),
    Run("demo", "RsiSmaSwing", YEAR, UNSIZED, "-unsized"),
    Run("demo", "RsiSmaScalp", "20250118-20250318"),
    Run("demo", "FundingTide", YEAR),
    Run("demo", "TargetBasket", "20250118-20250718", {"basket": BASKET}),
    Run("real", "RsiSmaSwing", YEARS),
    Run("real", "RsiSmaSwing", CRASHES, PARTS, "-all-parts"),
    Run("real", "RsiSmaSwing", CRASHES, UNSIZED, "-unsized"),
    Run("real 5m", "RsiSmaScalp", "20230301-20230501"),
    Run("real", "FundingTide", YEARS),
    Run("real", "TargetBasket", CRASHES, {"basket": BASKET}),
]


class Checkout:
    """The checkout under test, with a folder for what its commands write."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.folder = root, folder
        self.environment = {
            **os.environ, "PYTHONPATH": str(root), "PERPKIT_PLUGINS": "0", "COLUMNS": "160",
        }  # fmt: skip

    def run(self, *command: str, fails: bool = False) -> str:
        """Runs a command and returns its stdout, or its stderr when it is expected to fail."""
        start = [sys.executable, "-P", str(REPOSITORY / "benchmarks/as_installed.py"), *command]
        done = subprocess.run(start, cwd=self.folder, env=self.environment, capture_output=True,
                              text=True, check=False)  # fmt: skip
        if bool(done.returncode) != fails:
            said = f"{done.stdout[-1000:]}{done.stderr[-3000:]}"
            sys.exit(f"{' '.join(command)}\nended with {done.returncode}:\n{said}")
        return done.stderr if fails else done.stdout

    def backtest(self, run: Run, datadir: Path) -> Path:
        """:return: path of the export"""
        userdir = self.folder / f"{run.data}-{run.strategy}{run.note}"
        userdir.mkdir()
        pairs = [f"{base}/USDT:USDT" for base in BASES[run.data].split()]
        own = {"exchange": {"pair_whitelist": pairs}, "pairlists": [{"method": "StaticPairList"}],
               "perpkit": run.settings}  # fmt: skip
        (userdir / "own.json").write_text(json.dumps(own))
        self.run(
            "freqtrade", "backtesting", f"--config={self.root / 'config.json.example'}",
            f"--config={userdir / 'own.json'}", f"--userdir={userdir}", f"--datadir={datadir}",
            f"--strategy={run.strategy}", f"--timerange={run.timerange}",
            "--enable-protections", "--cache=none", "--export=trades",
        )  # fmt: skip
        exports = list(userdir.glob("backtest_results/*.zip"))
        if len(exports) != 1:
            sys.exit(f"backtesting of {run.strategy} on {run.data} data has left no result")
        return exports[0]


def items(checkout: Checkout, real: Path) -> Iterator[tuple[str, str]]:
    """All items that are compared, as (name, text)."""
    yield "parameters.md", checkout.run("perpkit", "parameters")
    demo = checkout.folder / "demo"
    checkout.run("perpkit", "venue", f"--write-datadir={demo}", *DEMO)
    for market, datadir in {"demo": demo, "real": real}.items():
        if not datadir.is_dir():
            print(f"left out: there are no candles in {datadir}")
            continue
        yield f"data-{market}.txt", hashes(datadir)
        exports = {}
        for run in RUNS:
            if run.data.split()[0] == market:
                export = exports[run.strategy + run.note] = checkout.backtest(run, datadir)
                yield f"backtest-{market}-{run.strategy}{run.note}.jsonl", traded(export)
        yield from replays(checkout, market, datadir, exports["RsiSmaSwing-unsized"])


def replays(
    checkout: Checkout, market: str, datadir: Path, export: Path
) -> Iterator[tuple[str, str]]:
    replay = ("perpkit", "breakers", "replay", f"--datadir={datadir}")
    known = re.findall(r"\b[A-Z]\w+Breaker\b", checkout.run(*replay, "--breaker=?", fails=True))
    if not known:
        sys.exit("perpkit breakers replay names no breaker where an unknown one is asked for")
    yield f"replay-{market}-default.txt", checkout.run(*replay)
    yield f"replay-{market}-default.json", checkout.run(*replay, "--json")
    replay = (*replay, f"--export={export}")
    yield f"replay-{market}-all.txt", checkout.run(*replay, "--breaker=all")
    for name in sorted(set(known)):
        answer = checkout.run(*replay, f"--breaker={name}", "--json")
        yield f"replay-{market}-{name}.json", answer


def traded(export: Path) -> str:
    """Trades, locks and counts of a backtest, one per line, without anything that varies by run."""
    with zipfile.ZipFile(export) as files:
        (strategy,) = json.loads(files.read(f"{export.stem}.json"))["strategy"].values()
    trades, locks = (
        sorted(strategy[kind], key=lambda row: [str(row[name]) for name in order])
        for kind, order in (("trades", TRADE_ORDER), ("locks", LOCK_ORDER))
    )
    counts = {name: value for name, value in strategy.items() if COUNTS.fullmatch(name)}
    counts |= {"trades": len(trades), "locks": len(locks)}
    return "".join(json.dumps(r, sort_keys=True) + "\n" for r in (counts, *trades, *locks))


def hashes(datadir: Path) -> str:
    paths = sorted(datadir.rglob("*.feather"))
    return "".join(f"{sha256(p.read_bytes())}  {p.relative_to(datadir)}\n" for p in paths)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
