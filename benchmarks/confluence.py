"""Confluence beside its sources alone, on the real candles: `python -m benchmarks.confluence`.

Stock backtests on the 1h candles of five pairs, 2020-03 to 2023, 5 slots; equity marked to market
every hour, Sharpe of daily values. The sources' parameters were chosen with these years in sight.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd

from benchmarks.backtests import backtest, candles, equity
from perpkit.research.marked import daily_returns, figures, yearly_returns

YEARS = (2020, 2021, 2022, 2023)
SLOTS = {"max_open_trades": 5}
MOMENTUM = {"sources": [{"source": "momentum"}]}
ALL: dict[str, Any] = {}
BREAKERS = ("--enable-protections",)
SLIPPAGE = ("--fee", "0.0007")
# Name, strategy, its settings, and flags.
ROWS: list[tuple[str, str, dict[str, Any], tuple[str, ...]]] = [
    (f"{name}{words}", strategy, settings, flags)
    for flags, words in (((), ""), (BREAKERS, ", all breakers"))
    for name, strategy, settings in (
        ("RsiSmaSwing, 3 slots", "RsiSmaSwing", {}),
        ("FundingTide, 3 slots", "FundingTide", {}),
        ("`momentum` alone", "Confluence", {**SLOTS, "perpkit": {"confluence": MOMENTUM}}),
        ("**all three, `any`**", "Confluence", SLOTS),
        ("**`agree`**", "Confluence", {**SLOTS, "perpkit": {"confluence": {"rule": "agree"}}}),
    )
]
ROWS += [
    ("`any`, 0.02% slippage", "Confluence", SLOTS, SLIPPAGE),
    (
        "`agree`, 0.02% slippage",
        "Confluence",
        {**SLOTS, "perpkit": {"confluence": {"rule": "agree"}}},
        SLIPPAGE,
    ),
]
HEAD = ("", "trades", "profit", "drawdown", "Sharpe", "profit factor", "its years", "by source")


def profit_factor(trades: list[dict[str, Any]]) -> float:
    won = sum(max(t["profit_abs"], 0) for t in trades)
    lost = -sum(min(t["profit_abs"], 0) for t in trades)
    return won / lost if lost else float("inf")


def by_year(marked: pd.Series) -> str:
    found = yearly_returns(daily_returns(marked))
    return ", ".join(f"{found[year]:+.1%}" for year in YEARS)


def by_source(trades: list[dict[str, Any]], start: float) -> str:
    """Number of trades and profit of each, a share of the initial wallet."""
    names = [t["enter_tag"].rpartition(" ")[0] for t in trades]
    won: Counter[str] = Counter()
    for name, trade in zip(names, trades, strict=True):
        won[name] += trade["profit_abs"]
    return ", ".join(f"{name} {n}: {won[name] / start:+.1%}" for name, n in Counter(names).items())


def main() -> None:
    of = candles()
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}")
    for name, strategy, settings, flags in ROWS:
        stats = backtest(strategy, *flags, settings=settings)
        marked, trades = equity(stats, of), stats["trades"]
        found = figures(marked)
        print(
            f"| {name} | {len(trades)} | {found.profit:+.1%} | {found.max_drawdown:.1%} | "
            f"{found.sharpe:.2f} | {profit_factor(trades):.2f} | {by_year(marked)} | "
            f"{by_source(trades, stats['starting_balance'])} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
