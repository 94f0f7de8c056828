"""TrendFollowing and CrossPairRank on the real candles: `python -m benchmarks.slow_strategies`.

Stock backtests on the 1h candles of five pairs, 2020-03 to 2023, with 0.05% fee and 0.02% slippage
a side; equity marked to market every hour, Sharpe of daily values. Nothing here was left unseen:
docs/evidence/strategies.md says what was chosen how.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from benchmarks.backtests import backtest, candles, equity, fees, price_returns, variant
from perpkit.research.marked import figures

YEARS = (2020, 2021, 2022, 2023)
COSTS = ("--fee", "0.0007")
SLOTS = {"max_open_trades": 10}
FIVE = {"ranking": {"min_pairs": 5}}
WITHOUT_LIMIT = {"exposure": {"max_open_risk": 1, "max_cluster_risk": 1}}
CARRY = (
    "from freqtrade.strategy import DecimalParameter; "
    'carry_weight = DecimalParameter(0.0, 0.5, default=0.5, decimals=2, space="buy")'
)
# Name, strategy, its "perpkit", class body that differs from the shipped one, and flags.
ROWS: list[tuple[str, str, dict[str, Any], str, tuple[str, ...]]] = [
    ("**TrendFollowing**", "TrendFollowing", {}, "", ()),
    ("with all breakers", "TrendFollowing", {}, "", ("--enable-protections",)),
    ("without limits of shared risk", "TrendFollowing", WITHOUT_LIMIT, "", ()),
    ("**CrossPairRank**, `min_pairs` 5", "CrossPairRank", FIVE, "", ()),
    ("with all breakers", "CrossPairRank", FIVE, "", ("--enable-protections",)),
    ("half of the rank by funding", "CrossPairRank", FIVE, CARRY, ()),
]
HEAD = ("", "profit", "drawdown", "Sharpe", "its years", "longs: mean, PF", "shorts: mean, PF",
        "fees", "funding")  # fmt: skip


def side(trades: list[dict[str, Any]]) -> str:
    won = sum(max(t["profit_abs"], 0) for t in trades)
    lost = -sum(min(t["profit_abs"], 0) for t in trades)
    return f"{len(trades)}: {price_returns(trades).mean():+.2%}, {won / lost:.2f}"


def by_year(marked: pd.Series) -> str:
    days = marked.resample("1D").last().pct_change().dropna()
    years = [days[days.index.year == year] for year in YEARS]
    return ", ".join(f"{year.mean() / year.std() * 365**0.5:.2f}" for year in years)


def main() -> None:
    of = candles()
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}")
    for name, strategy, perpkit, body, flags in ROWS:
        stats = backtest(
            "Variant" if body else strategy,
            *COSTS,
            *flags,
            settings={**SLOTS, "perpkit": perpkit},
            source=variant(strategy, body) if body else None,
        )
        marked, trades, start = equity(stats, of), stats["trades"], stats["starting_balance"]
        found = figures(marked)
        print(
            f"| {name} | {found.profit:+.1%} | {found.max_drawdown:.1%} | {found.sharpe:.2f} | "
            f"{by_year(marked)} | {side([t for t in trades if not t['is_short']])} | "
            f"{side([t for t in trades if t['is_short']])} | {-sum(map(fees, trades)) / start:.1%}"
            f" | {sum(t['funding_fees'] for t in trades) / start:+.1%} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
