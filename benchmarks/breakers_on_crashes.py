"""What the breakers save and cost: `python -m benchmarks.breakers_on_crashes [--quick]`.

Stock backtests of RsiSmaSwing, and of a strategy that does not use Perpkit, on the real 1h candles
of five pairs, 2020-03 to 2023; equity marked to market every hour.
"""

from __future__ import annotations

import sys
from typing import Any

import pandas as pd

from benchmarks.backtests import HOUR, REPOSITORY, STRATEGIES, backtest, candles, equity
from perpkit.ops.breaker_choice import Replayable
from perpkit.research.marked import figures

CRASHES = ("2020-03-12", "2021-05-19", "2022-06-13", "2022-11-08")
# Every breaker that a backtest has the data for, including those in user_data/protections.
BREAKERS = tuple(sorted(Replayable.found(REPOSITORY / "user_data").names))
HALVES = ("2020-03-01 2022-01-01", "2022-01-01 2024-01-01")
SUBCLASS = """
from strategies.RsiSmaSwing import RsiSmaSwing


class {name}(RsiSmaSwing):
    @property
    def protections(self):
        chosen = {chosen!r}
        shipped = {{p["method"]: p for p in super().protections}}
        return [shipped.get(name, {{"method": name}}) for name in chosen]
"""


def swing(chosen: tuple[str, ...]) -> dict[str, Any]:
    """Backtests RsiSmaSwing with these breakers, those of its own with its own parameters."""
    source = SUBCLASS.format(name="Chosen", chosen=chosen)
    return backtest("Chosen", *(["--enable-protections"] if chosen else []), source=source)


def ignorant(chosen: tuple[str, ...]) -> dict[str, Any]:
    source = (STRATEGIES / "Ignorant.py").read_text().replace("class Ignorant", "class Chosen")
    source += f"""
    only = {chosen!r}

    protections = [{{"method": name}} for name in only]
"""
    return backtest("Chosen", *(["--enable-protections"] if chosen else []), source=source)


def line(name: str, stats: dict[str, Any], curve: pd.Series) -> str:
    whole = figures(curve)
    halves = [figures(curve[slice(*half.split())]) for half in HALVES]
    return (
        f"| {name} | {len(stats['trades'])} | {whole.profit:.1%} | {whole.max_drawdown:.1%} | "
        f"{whole.worst_day:.1%} | {whole.sharpe:.2f} | "
        + " | ".join(f"{half.profit:.1%}, {half.max_drawdown:.1%}" for half in halves)
        + " |"
    )


def tripped(stats: dict[str, Any], name: str, day: pd.Timestamp) -> str:
    """The time of a breaker's first lock on the day, "before" if one was in force, or "no"."""
    spans = [
        (pd.Timestamp(lock["lock_time"], tz="UTC"), pd.Timestamp(lock["lock_end_time"], tz="UTC"))
        for lock in stats["locks"]
        if lock["reason"].startswith(f"{name} ")
    ]
    if any(begin < day < end for begin, end in spans):
        return "before"
    within = [begin for begin, _ in spans if day <= begin < day + pd.Timedelta("1D")]
    return f"{min(within):%H:%M}" if within else "no"


def held(stats: dict[str, Any], at: pd.Timestamp) -> str:
    """The trades open at a time, each with its side."""
    names = []
    for trade in stats["trades"]:
        opened, closed = (pd.Timestamp(trade[k]) for k in ("open_date", "close_date"))
        if opened < at < closed:
            names.append(
                f"{trade['pair'].split('/')[0]} {'short' if trade['is_short'] else 'long'}"
            )
    return ", ".join(names) or "nothing"


def crash(day: pd.Timestamp, bare: dict[str, Any], guarded: dict[str, Any], of: Any) -> str:
    cells = [tripped(guarded, name, day) for name in BREAKERS]
    for stats in (bare, guarded):
        curve = equity(stats, of)
        around = curve[day - HOUR : day + pd.Timedelta("2D")]
        worst, end = around.min() / around.iloc[0] - 1, around.iloc[-1] / around.iloc[0] - 1
        cells += [held(stats, day), f"{worst:+.1%}, {end:+.1%}"]
    return f"| {day:%Y-%m-%d} | " + " | ".join(cells) + " |"


def report(title: str, run: Any, of: Any) -> None:
    print(f"\n### {title}\n")
    head = "trades | profit | drawdown | worst day | Sharpe | 2020-21 | 2022-23 |"
    print(f"| breakers | {head}\n|{'---|' * 8}")
    sets = {"none": (), **{name: (name,) for name in BREAKERS}, "all": BREAKERS}
    if "--quick" in sys.argv:
        sets = {name: sets[name] for name in ("none", "all")}
    results = {}
    for name, chosen in sets.items():
        results[name] = run(chosen)
        print(line(name, results[name], equity(results[name], of)), flush=True)
    print("\n| day | " + " | ".join(name.removesuffix("Breaker") for name in BREAKERS), end="")
    print(" | open without | lowest, after 48 h | open with | lowest, after 48 h |")
    print(f"|{'---|' * (len(BREAKERS) + 5)}")
    for day in CRASHES:
        print(crash(pd.Timestamp(day, tz="UTC"), results["none"], results["all"], of))


if __name__ == "__main__":
    everything = candles()
    report("RsiSmaSwing", swing, everything)
    report("A strategy that knows nothing of Perpkit", ignorant, everything)
