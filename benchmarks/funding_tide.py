"""FundingTide on the real candles, by half and by side: `python -m benchmarks.funding_tide`.

Stock backtests on the 1h candles of five pairs; equity marked to market every hour, Sharpe of daily
values. The defaults were chosen on the first half; the second was evaluated once, afterwards.
"""

from __future__ import annotations

from typing import Any

from benchmarks.backtests import (
    backtest,
    candles,
    equity,
    fees,
    interval,
    price_returns,
    variant,
)
from perpkit.research.marked import figures

HALVES = {"2020-03 to 2021": "20200301-20220101", "2022 to 2023": "20220101-20240101"}
EITHER = 'exit_on = CategoricalParameter(["either", "both"], default="either", space="sell")'
FADE = 'with_trend = BooleanParameter(default=False, space="buy")'
# Name, class body that differs from the shipped strategy, and flags.
ROWS: list[tuple[str, str, tuple[str, ...]]] = [
    ("as shipped", "", ()),
    ("with all breakers", "", ("--enable-protections",)),
    ("leaves when either is over", EITHER, ()),
    ("fades the trend, too", FADE, ()),
]
HEAD = ("", "", "longs: mean (95%)", "shorts: mean (95%)", "profit", "fees", "funding", "Sharpe",
        "drawdown")  # fmt: skip


def side(trades: list[dict[str, Any]]) -> str:
    if not trades:
        return "0"
    found = price_returns(trades)
    low, high = interval(found)
    return f"{len(found)}: {found.mean():+.2%} ({low:+.2%} to {high:+.2%})"


def main() -> None:
    of = candles()
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}")
    for name, body, flags in ROWS:
        source = variant("FundingTide", body) if body else None
        for half, timerange in HALVES.items():
            stats = backtest(
                "Variant" if body else "FundingTide", *flags, timerange=timerange, source=source
            )
            trades, found = stats["trades"], figures(equity(stats, of))
            start = stats["starting_balance"]
            print(
                f"| {name} | {half} | {side([t for t in trades if not t['is_short']])} | "
                f"{side([t for t in trades if t['is_short']])} | {found.profit:+.1%} | "
                f"{-sum(map(fees, trades)) / start:.1%} | "
                f"{sum(t['funding_fees'] for t in trades) / start:+.1%} | "
                f"{found.sharpe:.2f} | {found.max_drawdown:.1%} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
