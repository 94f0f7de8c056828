"""Stock backtests on the real candles of `../shared/data`, and their equity marked to market."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from perpkit.research.marked import load_export, marked_equity

REPOSITORY = Path(__file__).parents[1]
STRATEGIES = Path(__file__).parent / "strategies"
DATA = REPOSITORY.parent / "shared/data/binance"
BASES = ("BTC", "ETH", "XRP", "LTC", "ADA")
PAIRS = [f"{base}/USDT:USDT" for base in BASES]
WHOLE = "20200301-20240101"
HOUR = pd.Timedelta("1h")


def candles() -> dict[str, pd.DataFrame]:
    """1h futures candles by pair."""
    if not DATA.is_dir():
        sys.exit(f"needs the real candles in {DATA}")
    folder = DATA / "futures"
    return {p: pd.read_feather(folder / f"{b}_USDT_USDT-1h-futures.feather")
            for p, b in zip(PAIRS, BASES, strict=True)}  # fmt: skip


def backtest(
    strategy: str,
    *flags: str,
    timerange: str = WHOLE,
    settings: dict[str, Any] | None = None,
    source: str | None = None,
) -> dict[str, Any]:
    """Statistics of one stock backtest.

    :param settings: of the configuration, on top of config.json.example and the five pairs
    :param source: of a strategy that is not in the repository
    :raises RuntimeError: with what Freqtrade said, if it gave no result
    """
    with tempfile.TemporaryDirectory() as folder:
        userdir = Path(folder)
        own = {
            "exchange": {"pair_whitelist": PAIRS},
            "pairlists": [{"method": "StaticPairList"}],
            **(settings or {}),
        }
        (userdir / "own.json").write_text(json.dumps(own))
        (userdir / "strategies").mkdir()
        if source is not None:
            (userdir / "strategies" / f"{strategy}.py").write_text(source)
        done = subprocess.run(
            [
                sys.executable, "-m", "benchmarks.offline", "backtesting",
                "-c", str(REPOSITORY / "config.json.example"), "-c", str(userdir / "own.json"),
                "--userdir", folder, "--datadir", str(DATA), "--strategy", strategy,
                "--strategy-path", str(userdir / "strategies" if source else STRATEGIES),
                "--timerange", timerange, "--cache", "none", "--export", "trades", *flags,
            ],
            cwd=REPOSITORY, capture_output=True, text=True, check=False,
        )  # fmt: skip
        results = list((userdir / "backtest_results").glob("*.zip"))
        if not results:
            said = done.stdout[-2000:] + done.stderr[-2000:]
            raise RuntimeError(f"no result of {strategy}:\n{said}")
        return load_export(results[0])


def equity(stats: dict[str, Any], of: dict[str, pd.DataFrame]) -> pd.Series:
    """Hourly, marked to market."""
    return marked_equity(stats, of, HOUR)
