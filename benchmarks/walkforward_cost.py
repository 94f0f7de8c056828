"""What a walk-forward with fixed parameters costs: user CPU of one command, and of one command line
of Freqtrade for each window.

    python -m benchmarks.walkforward_cost [--rounds N] [--quick] [--accelerated] [--only WORD]

Both run without a network, on one core, with stock backtests unless `--accelerated`. Trades are the
same in every window, or it fails. Real candles of `../shared/data`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.acceleration_matrix import OWN
from benchmarks.backtests import DATA, HOUR, REPOSITORY, STRATEGIES, freqtrade
from benchmarks.measured import Measured, Scale, Table, interleaved, shown
from benchmarks.offline import offline
from benchmarks.processes import Usage, run
from perpkit.research.marked import load_export
from perpkit.walkforward.record import Run
from perpkit.walkforward.run_directory import plain, read_run
from perpkit.walkforward.windows import out_of_sample_range

PROTECTED = "--enable-protections"
# Lengths of the tests, by how many there are in the three years.
TESTS = {12: "3m", 24: "45d"}
PERIODS = {12: "20210101-20240101", 24: "20210101-20231217"}


@dataclass(frozen=True)
class Case:
    """:param folder: of the strategy's file"""

    strategy: str
    folder: Path = STRATEGIES
    flags: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)


CASES = {
    "plain, some trades a week": Case("PlainSwing"),
    "plain, nearly always in a trade": Case("InTheMarket"),
    "RsiSmaSwing": Case("RsiSmaSwing", OWN),
    "RsiSmaSwing, protections": Case("RsiSmaSwing", OWN, (PROTECTED,)),
}


def walkforward_cost(scale: Scale, *, accelerated: bool = False, only: str = "") -> Table:
    """
    :param only: part of the names of the cases that are measured, such as `plain, some`
    """
    table = Table(
        "Walk-forward with fixed parameters: user CPU of all windows",
        note="The same trades in every window, to the last digit.",
    )
    counts = (12,) if scale.quick else tuple(TESTS)
    for name, case in CASES.items():
        if only not in name:
            continue
        for count in counts:
            kept: dict[str, Any] = {}
            runs = {
                "command lines": lambda c=case, n=count, k=kept: _apart(c, n, k, accelerated),
                "walk-forward": lambda c=case, n=count, k=kept: _together(c, n, k, accelerated),
            }
            found = interleaved(table, f"{name}, {count}", runs, scale.rounds)
            if kept["apart"] != kept["together"]:
                raise RuntimeError(f"{name}, {count} windows: the trades differ")
            apart, together = found["command lines"], found["walk-forward"]
            table.rows.append(
                {"strategy": name, "windows": count, "trades": together.work,
                 "command lines, s": apart.user_s, "walk-forward, s": together.user_s,
                 "times cheaper": apart.user_s / together.user_s}
            )  # fmt: skip
            # A run of all takes half an hour, and may be stopped.
            print(_line(table.rows[-1]), file=sys.stderr, flush=True)
    return table


def _line(row: dict[str, Any]) -> str:
    return ", ".join(f"{name} {shown(value)}" for name, value in row.items())


def _settings(case: Case, accelerated: bool) -> dict[str, Any]:
    return {"perpkit": {"acceleration": accelerated}, "max_open_trades": 5, **case.settings}


def _together(case: Case, count: int, kept: dict[str, Any], accelerated: bool) -> Measured:
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "run"
        usage = _walk(case, count, Path(name), out, accelerated)
        found: Run = read_run(out)
    kept["windows"] = [out_of_sample_range(result.window, HOUR) for result in found.results]
    kept["together"] = [comparable(one.out_of_sample.trades) for one in found.results]
    return Measured(usage.user_s, sum(map(len, kept["together"])))


def _walk(case: Case, count: int, userdir: Path, out: Path, accelerated: bool) -> Usage:
    command = freqtrade("walkforward", case.strategy, case.folder, userdir,
                        _settings(case, accelerated), DATA)  # fmt: skip
    command[command.index("benchmarks.offline")] = "benchmarks.walkforward_cost"
    protections = "--protections" if PROTECTED in case.flags else "--no-protections"
    asked = ["--timerange", PERIODS[count], "--test", TESTS[count], "--jobs", "1"]
    usage = run([*command, *asked, protections, "--out", str(out)], REPOSITORY)
    if usage.code:
        raise RuntimeError(usage.output[-4000:])
    return usage


def _apart(case: Case, count: int, kept: dict[str, Any], accelerated: bool) -> Measured:
    if "windows" not in kept:
        _together(case, count, kept, accelerated)  # which windows there are
    total, kept["apart"] = 0.0, []
    for timerange in kept["windows"]:
        with tempfile.TemporaryDirectory() as name:
            userdir = Path(name)
            command = freqtrade("backtesting", case.strategy, case.folder, userdir,
                                _settings(case, accelerated), DATA)  # fmt: skip
            flags = ("--cache", "none", *case.flags, "--timerange", timerange)
            usage = run([*command, *flags], REPOSITORY)
            results = list((userdir / "backtest_results").glob("*.zip"))
            if not results:
                raise RuntimeError(f"no result of {case.strategy}:\n{usage.output[-4000:]}")
            kept["apart"].append(comparable(load_export(results[0])["trades"]))
        total += usage.user_s
    return Measured(total, sum(map(len, kept["apart"])))


def comparable(trades: Sequence[Any]) -> list[dict[str, Any]]:
    """Without dates, which are there as numbers, too, and what statistics have added."""
    left_out = {"open_date", "close_date", "weekday"}
    return [{k: v for k, v in plain(trade).items() if k not in left_out} for trade in trades]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="walkforward_cost", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--accelerated", action="store_true")
    parser.add_argument("--only", default="", help="Strategies with this in their name.")
    given = parser.parse_args()
    if not any(given.only in name for name in CASES):
        parser.error(f"only must be part of {', '.join(map(repr, CASES))}, got {given.only!r}")
    scale = Scale(given.rounds, given.quick)
    table = walkforward_cost(scale, accelerated=given.accelerated, only=given.only)
    print(table)
    print(json.dumps(table.raw), file=sys.stderr)


if __name__ == "__main__":
    if sys.argv[1:2] == ["walkforward"]:  # the command itself, without a network
        offline()
        from perpkit.cli import main as perpkit

        perpkit()
    else:
        main()
