"""What the risk layer does to a strategy that is not the package's, and what it costs.

`python -m benchmarks.attached FILE...` with one file for each strategy, named as its class. Without
arguments: strategies written for the tests. Real candles: 1h, five pairs, 2020 to 2023.

Two tables: trades, profit, marked drawdown and worst day without breakers, with breakers that lock
only when a trade closes (the strategy lists them, and nothing is attached), and attached; and the
CPU of Freqtrade's `backtest()` alone, the median of rounds that run every variant in turn.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from benchmarks.backtest_cost import medians, prepared, print_ratios
from benchmarks.backtests import PAIRS, REPOSITORY, WHOLE, backtest, candles, equity
from benchmarks.offline import offline
from perpkit.bot.layer.breaker_parameters import BREAKER_PARAMETERS, default_breakers
from perpkit.research.marked import figures

OWN = REPOSITORY / "tests/bench/strategies"
MADE_FOR_TESTS = ("PlainTrend", "PlainAveraging", "PlainMonster")
ACCOUNT = {
    "dry_run_wallet": 10_000,
    "stake_amount": "unlimited",
    "max_open_trades": len(PAIRS),
    "exchange": {"name": "binance", "pair_whitelist": PAIRS},
}
ATTACHED = {**ACCOUNT, "perpkit": {"attach": True}}
PROTECTED = "--enable-protections"


def late(name: str, source: str) -> str:
    """The source of a strategy that lists the default breakers itself."""
    breakers = default_breakers(lambda parameter: BREAKER_PARAMETERS[parameter].value)
    return f"{source}\n\nclass Late({name}):\n    protections = {breakers!r}\n"


def compare_results(files: list[Path]) -> None:
    of = candles()
    print(f"Five pairs, 1h, {WHOLE}, 10,000 USDT, 1x unless the strategy says more\n")
    print("| | trades | profit | drawdown | worst day | locks |\n|---|---|---|---|---|---|")
    for file in files:
        name, source = file.stem, file.read_text()
        runs = {
            "no breakers": backtest(name, settings=ACCOUNT, source=source),
            "late": backtest("Late", PROTECTED, settings=ACCOUNT, source=late(name, source)),
            "attached": backtest(name, PROTECTED, settings=ATTACHED, source=source),
        }
        for what, stats in runs.items():
            found = figures(equity(stats, of))
            print(
                f"| {name}, {what} | {len(stats['trades'])} | {found.profit:+.1%} | "
                f"{found.max_drawdown:.1%} | {found.worst_day:.1%} | {len(stats['locks'])} |",
                flush=True,
            )
        idle = backtest(name, settings=ATTACHED, source=source)
        print(f"| {name}, attached and idle | {_equality(runs['no breakers'], idle)} | | | | |")


def _equality(plain: dict[str, Any], idle: dict[str, Any]) -> str:
    mine, theirs = idle["trades"], plain["trades"]
    different = sum(a != b for a, b in zip(mine, theirs, strict=False))
    different += abs(len(mine) - len(theirs))
    return f"{len(mine)}, {different or 'none'} different in a field"


def compare_cost(files: list[Path], rounds: int) -> None:
    for file in files:
        variants: dict[str, dict[str, Any]] = {
            "plain": ACCOUNT,
            "attached and idle": ATTACHED,
            "attached, all breakers": {**ATTACHED, "enable_protections": True},
        }
        runs = {
            what: prepared(file.stem, False, {**settings}, PAIRS, WHOLE, strategies=file.parent)
            for what, settings in variants.items()
        }
        print_ratios(f"`backtest()` of {file.stem}", medians(runs, rounds))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    chosen = given.files or [OWN / f"{name}.py" for name in MADE_FOR_TESTS]
    offline()
    compare_results(chosen)
    compare_cost(chosen, given.rounds)
