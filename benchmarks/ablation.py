"""What funding and positioning add to the bare signal: `python -m benchmarks.ablation`.

Stock backtests of RsiSmaSwing over 2022 and 2023, for which daily long/short ratios of BTC, ETH,
XRP and ADA are available, but not of LTC. `perpkit data import` puts the ratios into a directory of
their own.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.backtests import (
    DATA,
    backtest,
    candles,
    difference,
    equity,
    interval,
    price_returns,
    variant,
)
from perpkit.research.marked import figures
from perpkit.signals.confidence import score_of

RATIOS = DATA.parent / "positioning/long_short_ratio_1d_7symbols_2022_2023.feather"
TIMERANGE = "20220101-20240101"
IMPORTS = (
    "from freqtrade.strategy import DecimalParameter\n"
    "from perpkit.signals.confidence import ConfidenceRule\n"
)
# Name, bonus of funding, bonus of positioning, and the minimum confidence of an entry.
ROWS = [
    ("bare signal", 0.0, 0.0, 0.6),
    ("+ funding", 0.2, 0.0, 0.6),
    ("+ positioning", 0.0, 0.1, 0.6),
    ("both: as shipped", 0.2, 0.1, 0.6),
    ("only with funding's bonus", 0.2, 0.0, 0.9),
    ("only with positioning's", 0.0, 0.1, 0.8),
    ("only with either", 0.2, 0.1, 0.8),
]
FUNDING, POSITIONING = (0.9, 1.0), (0.8, 1.0)  # scores that include the bonus
NO_RATIOS = "LTC/USDT:USDT"
HEAD = ("", "trades", "not taken, new", "other stakes", "profit", "Sharpe", "drawdown")

Trade = dict[str, Any]


def data_directory(folder: Path) -> Path:
    """Fills `folder` with links to the real candles and with the ratios in Perpkit's store."""
    (folder / "futures").symlink_to(DATA / "futures", target_is_directory=True)
    command = [sys.executable, "-m", "perpkit.cli", "data", "import", str(RATIOS)]
    subprocess.run([*command, "--datadir", str(folder)], check=True, stdout=subprocess.DEVNULL)
    return folder


def source(funding: float, crowd: float, least: float) -> str:
    return IMPORTS + variant(
        "RsiSmaSwing",
        f"confidence_rule = ConfidenceRule(funding_bonus={funding}, crowd_bonus={crowd})\n"
        f'    min_confidence = DecimalParameter(0.6, 0.9, default={least}, space="buy")',
    )


def entries(trades: Iterable[Trade]) -> dict[tuple[str, str, bool], float]:
    """The confidence of every entry by pair, time and side (True for short)."""
    return {
        (t["pair"], t["open_date"], t["is_short"]): score_of(t["enter_tag"], {"rsi_sma"}) or 0.0
        for t in trades
    }


def print_returns(name: str, trades: list[Trade], scores: tuple[float, ...]) -> None:
    """Prints returns of the trades whose tags show the bonus, and of the others, unweighted."""
    shows = [score_of(trade["enter_tag"], {"rsi_sma"}) in scores for trade in trades]
    found = price_returns(trades)
    paid, others = found[shows], found[np.logical_not(shows)]
    (low, high), (less, more) = interval(paid), difference(paid, others)
    print(
        f"| {name} | {len(paid)} | {paid.mean():+.2%} ({low:+.2%} to {high:+.2%}) | "
        f"{len(others)} | {others.mean():+.2%} | {less:+.2%} to {more:+.2%} |"
    )


def main() -> None:
    of = candles()
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}")
    with tempfile.TemporaryDirectory() as folder:
        datadir = data_directory(Path(folder))
        bare: dict[tuple[str, str, bool], float] = {}
        for name, funding, crowd, least in ROWS:
            stats = backtest(
                "Variant",
                timerange=TIMERANGE,
                source=source(funding, crowd, least),
                datadir=datadir,
            )
            taken, found = entries(stats["trades"]), figures(equity(stats, of))
            bare = bare or taken
            changed = len(bare.keys() - taken), len(taken.keys() - bare)
            other = sum(taken[entry] != bare[entry] for entry in taken.keys() & bare.keys())
            print(
                f"| {name} | {len(taken)} | {changed[0]}, {changed[1]} | {other} | "
                f"{found.profit:+.1%} | {found.sharpe:.2f} | {found.max_drawdown:.1%} |",
                flush=True,
            )
            if name == ROWS[3][0]:
                shipped = stats["trades"]
    print("\n| bonus | trades | mean (95%) | without | mean | difference (95%) |")
    print(f"|{'---|' * 6}")
    print_returns("funding, 2020-03 to 2023", backtest("RsiSmaSwing")["trades"], FUNDING)
    print_returns("funding, 2022 to 2023", shipped, FUNDING)
    known = [trade for trade in shipped if trade["pair"] != NO_RATIOS]
    print_returns("positioning, 2022 to 2023", known, POSITIONING)


if __name__ == "__main__":
    main()
