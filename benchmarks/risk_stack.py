"""The risk stack, each part switched on in turn: `python -m benchmarks.risk_stack`.

Stock backtests on the real 1h candles of five pairs, 2020-03 to 2023; equity marked to market every
hour, Sharpe and Calmar of daily values.
"""

from __future__ import annotations

from typing import Any

from benchmarks.backtests import backtest, candles, equity
from perpkit.research.marked import figures, liquidations

OFF = {"liquidation": False, "sizing": False, "exposure": False, "trailing": False,
       "scale_out": False, "carry": False}  # fmt: skip
# Name, parts that the row switches on in addition to those of the rows before; settings; flags.
ROWS: list[tuple[str, tuple[str, ...], dict[str, Any], tuple[str, ...]]] = [
    ("bare, 10x", (), {"leverage": {"max_leverage": 10}}, ()),
    ("bare, 3x", (), {}, ()),
    ("+ leverage rule", ("liquidation",), {}, ()),
    ("+ sizing", ("sizing",), {}, ()),
    ("+ scale-out", ("scale_out",), {}, ()),
    ("+ trailing stop", ("trailing",), {}, ()),
    ("+ exposure limits", ("exposure",), {}, ()),
    ("+ carry cost: as shipped", ("carry",), {}, ()),
    ("+ all breakers", (), {}, ("--enable-protections",)),
    ("as shipped, ATR stop", (), {"stop": {"method": "atr"}}, ()),
    ("as shipped, volatility target", (), {"sizing": {"basis": "volatility"}}, ()),
]


def main() -> None:
    of, use = candles(), dict(OFF)
    print("| | trades | profit | CAGR | Sharpe | Calmar | drawdown | worst day | liquidations |")
    print(f"|{'---|' * 9}")
    for name, parts, more, flags in ROWS:
        use |= dict.fromkeys(parts, True)
        stats = backtest("RsiSmaSwing", *flags, settings={"perpkit": {"use": use, **more}})
        found = figures(equity(stats, of))
        print(
            f"| {name} | {len(stats['trades'])} | {found.profit:.0%} | {found.cagr:.1%} | "
            f"{found.sharpe:.2f} | {found.calmar:.2f} | {found.max_drawdown:.1%} | "
            f"{found.worst_day:.1%} | {liquidations(stats)} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
