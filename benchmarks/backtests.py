"""Runs stock backtests on the real candles in `../shared/data` and marks equity to market."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.processes import Usage, run
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


@dataclass(frozen=True)
class Ran:
    """
    :param stats: of the backtest, as Freqtrade exports them
    :param usage: of the whole process
    """

    stats: dict[str, Any]
    usage: Usage


def backtest(
    strategy: str,
    *flags: str,
    timerange: str = WHOLE,
    settings: dict[str, Any] | None = None,
    source: str | None = None,
    datadir: Path = DATA,
) -> dict[str, Any]:
    """Runs one stock backtest and returns its statistics; see `run_backtest`."""
    given = {"timerange": timerange, "settings": settings, "source": source, "datadir": datadir}
    return run_backtest(strategy, *flags, **given).stats


def run_backtest(
    strategy: str,
    *flags: str,
    timerange: str = WHOLE,
    settings: dict[str, Any] | None = None,
    source: str | None = None,
    folder: Path = STRATEGIES,
    datadir: Path = DATA,
    environment: Mapping[str, str] | None = None,
) -> Ran:
    """Runs `freqtrade backtesting` in a user directory of its own.

    :param settings: configuration on top of config.json.example and the five pairs
    :param source: source text of a strategy that is not in the repository
    :param folder: in which the strategy is, without a source
    :param environment: variables of the process, such as `processes.STOCK`
    :raises RuntimeError: with Freqtrade's output, if there is no result
    """
    with tempfile.TemporaryDirectory() as name:
        userdir = Path(name)
        path = strategy_path(userdir, strategy, source) if source is not None else folder
        flags = ("--cache", "none", "--export", "trades", *flags)
        command = freqtrade("backtesting", strategy, path, userdir, settings or {}, datadir)
        usage = run([*command, "--timerange", timerange, *flags], REPOSITORY, environment)
        results = list((userdir / "backtest_results").glob("*.zip"))
        if not results:
            raise RuntimeError(f"no result of {strategy}:\n{usage.output[-4000:]}")
        return Ran(load_export(results[0]), usage)


def strategy_path(userdir: Path, strategy: str, source: str) -> Path:
    """Writes a strategy's source; returns the folder."""
    (userdir / "strategies").mkdir()
    (userdir / "strategies" / f"{strategy}.py").write_text(source)
    return userdir / "strategies"


def freqtrade(
    what: str, strategy: str, path: Path, userdir: Path, settings: dict[str, Any], datadir: Path
) -> list[str]:
    """A command of Freqtrade without a network, on the five pairs unless settings say otherwise."""
    (userdir / "own.json").write_text(json.dumps(own_settings(settings)))
    if (own_breakers := REPOSITORY / "user_data/protections").is_dir():
        (userdir / "protections").symlink_to(own_breakers)
    return [
        sys.executable, "-m", "benchmarks.offline", what,
        "-c", str(REPOSITORY / "config.json.example"), "-c", str(userdir / "own.json"),
        "--userdir", str(userdir), "--datadir", str(datadir), "--strategy", strategy,
        "--strategy-path", str(path),
    ]  # fmt: skip


def own_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings on top of config.json.example: the five pairs, and what is given."""
    return {
        "exchange": {"pair_whitelist": PAIRS},
        "pairlists": [{"method": "StaticPairList"}],
        "max_open_trades": 3,  # with which the tables of the pages were made
        **settings,
    }


def variant(strategy: str, body: str) -> str:
    """The source of `strategy` plus a subclass `Variant` of it with the class body `body`."""
    source = (REPOSITORY / "strategies" / f"{strategy}.py").read_text()
    return f"{source}\n\nclass Variant({strategy}):\n    {body}\n"


def price_returns(trades: Iterable[dict[str, Any]]) -> NDArray[np.float64]:
    """Each trade's profit after fees and funding, as a fraction of the value entered."""
    return np.array(
        [
            trade["profit_abs"]
            / sum(o["amount"] * o["safe_price"] for o in trade["orders"] if o["ft_is_entry"])
            for trade in trades
        ]
    )


def fees(trade: dict[str, Any]) -> float:
    """Fees of a trade's filled orders, in stake currency."""
    return sum(
        o["amount"] * o["safe_price"] * trade["fee_open" if o["ft_is_entry"] else "fee_close"]
        for o in trade["orders"]
        if o["order_filled_timestamp"]
    )


def interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """The 95% interval of the mean, by a seeded bootstrap."""
    return _middle(_means(values, seed=1))


def difference(values: NDArray[np.float64], others: NDArray[np.float64]) -> tuple[float, float]:
    """The 95% interval of the difference of two means, by a seeded bootstrap."""
    return _middle(_means(values, seed=1) - _means(others, seed=2))


def _means(values: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).choice(values, (10_000, len(values))).mean(axis=1)


def _middle(means: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def equity(stats: dict[str, Any], of: dict[str, pd.DataFrame]) -> pd.Series:
    """The hourly equity of a backtest, marked to market."""
    return marked_equity(stats, of, HOUR)
