"""What the stack and its breakers cost a backtest in CPU: `python -m benchmarks.backtest_cost`.

Three tables from rounds that run every variant once, in turn. The first two show medians, the last
one minima:
- whole `freqtrade backtesting` processes with and without `--enable-protections`;
- Freqtrade's `backtest()` alone, against the same strategy with none of Perpkit's callbacks;
- what the stack adds to it per trade, as the number of trades grows.
Real candles: 1h, five pairs, four years; 5m, three pairs, half a year.
"""

from __future__ import annotations

import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from freqtrade.configuration import Configuration
from freqtrade.enums import RunMode
from freqtrade.optimize.backtesting import Backtesting
from freqtrade.strategy import IStrategy

from benchmarks.backtests import DATA, PAIRS, REPOSITORY, STRATEGIES, WHOLE, backtest
from benchmarks.offline import offline

CALLBACKS = (
    "adjust_trade_position", "bot_loop_start", "check_entry_timeout", "check_exit_timeout",
    "confirm_trade_entry", "custom_entry_price", "custom_exit", "custom_roi",
    "custom_stake_amount", "custom_stoploss", "leverage", "order_filled",
)  # fmt: skip
NO_SCALE_OUT = {"perpkit": {"use": {"scale_out": False}}}
LADDER = {"perpkit": {"use": {"scale_out": True}}}
BREAKERS = {**NO_SCALE_OUT, "enable_protections": True}
# name: (without callbacks, settings)
VARIANTS: dict[str, tuple[bool, dict[str, Any]]] = {
    "no callbacks": (True, NO_SCALE_OUT),
    "stack without scale-out": (False, NO_SCALE_OUT),
    "stack": (False, LADDER),
    "stack without scale-out, breakers": (False, BREAKERS),
}
# Without the carry cost, which refuses entries: a refused trade must not count as time saved.
PACE = {"perpkit": {"use": {"scale_out": False, "carry": False}}}
PACED: list[tuple[bool, dict[str, Any]]] = [
    (True, PACE),
    (False, PACE),
    (False, {**PACE, "enable_protections": True}),
]
# The same half year once, three times and eight times in a row, so that only the number of trades
# grows: it holds whole cycles of the strategy `Clockwork` and of funding.
FIRST, LENGTH = pd.Timestamp("2020-03-01", tz="UTC"), pd.Timedelta(hours=4400)
# Number of repetitions: rounds, of which short runs get more.
GROWING = {1: 6, 3: 3, 8: 1}

Run = Callable[[], tuple[float, int]]  # returns its CPU seconds and its number of trades


def prepared(
    strategy: str,
    bare: bool,
    settings: dict[str, Any],
    pairs: list[str],
    timerange: str,
    datadir: Path = DATA,
    strategies: Path = STRATEGIES,
) -> Run:
    """A run of `backtest()` alone, with candles and indicators already loaded.

    :param bare: whether to run without Perpkit's callbacks
    :param strategies: folder in which Freqtrade finds the strategy
    """
    config = Configuration(
        {
            "config": [str(REPOSITORY / "config.json.example")],
            "user_data_dir": tempfile.mkdtemp(),
            "datadir": datadir,
            "strategy": strategy,
            "strategy_path": str(strategies),
            "timerange": timerange,
            "command": "backtesting",
            "export": "none",
        },
        RunMode.BACKTEST,
    ).get_config()
    config |= settings
    config["exchange"]["pair_whitelist"] = pairs
    config["pairlists"] = [{"method": "StaticPairList"}]
    backtesting = Backtesting(config)
    chosen = backtesting.strategylist[0]
    if bare:  # other runs are not affected: Freqtrade loads a separate class for each
        for name in CALLBACKS:
            setattr(type(chosen), name, getattr(IStrategy, name))
        chosen.use_custom_stoploss = chosen.use_custom_roi = False
        chosen.stoploss, chosen.minimal_roi = -0.05, {0: 0.10}
        chosen.position_adjustment_enable = False
    backtesting._set_strategy(chosen)
    data, span = backtesting.load_bt_data()
    backtesting.timerange = span
    analysed = chosen.advise_all_indicators(data)

    def run() -> tuple[float, int]:
        frames = {pair: frame.copy() for pair, frame in analysed.items()}
        began = time.process_time()
        result = backtesting.backtest(frames, span.startdt, span.stopdt)
        return time.process_time() - began, len(result["results"])

    return run


def process(*flags: str) -> Run:
    """A run of a whole process: imports, loading, indicators, trades, statistics, export."""

    def run() -> tuple[float, int]:
        began = resource.getrusage(resource.RUSAGE_CHILDREN)
        trades = backtest("RsiSmaSwing", *flags)["trades"]
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime
        return spent, len(trades)

    return run


def medians(runs: Mapping[str, Run], rounds: int) -> dict[str, tuple[float, int]]:
    """Median CPU seconds and the trades of each run, over rounds that run all of them in turn."""
    found = [{name: run() for name, run in runs.items()} for _ in range(rounds)]
    return {n: (statistics.median(one[n][0] for one in found), found[0][n][1]) for n in runs}


def compare_processes(rounds: int) -> None:
    runs = {"no breakers": process(), "all breakers": process("--enable-protections")}
    print_ratios(f"`freqtrade backtesting` of RsiSmaSwing, 5 pairs, {WHOLE}", medians(runs, rounds))


def compare_loops(strategy: str, frame: str, pairs: list[str], range_: str, rounds: int) -> None:
    runs = {
        name: prepared(strategy, bare, {**settings, "timeframe": frame}, pairs, range_)
        for name, (bare, settings) in VARIANTS.items()
    }
    title = f"`backtest()` of {strategy}, {frame}, {len(pairs)} pairs, {range_}"
    print_ratios(title, medians(runs, rounds))


def print_ratios(title: str, found: Mapping[str, tuple[float, int]]) -> None:
    base = next(iter(found.values()))[0]
    print(f"\n{title}: {base:.1f} s CPU are 1\n\n| | ratio | trades |\n|---|---|---|")
    for name, (spent, trades) in found.items():
        print(f"| {name} | {spent / base:.2f} | {trades} |", flush=True)


def repeated(datadir: Path, times: int) -> str:
    """Writes the half year `times` times after the candles before it; returns its time range."""
    (datadir / "futures").mkdir()
    for path in (DATA / "futures").glob("*-1h-*.feather"):
        frame = pd.read_feather(path)
        before = frame[frame["date"] < FIRST]
        part = frame[(frame["date"] >= FIRST) & (frame["date"] < FIRST + LENGTH)]
        parts = [part.assign(date=part["date"] + n * LENGTH) for n in range(times)]
        whole = pd.concat([before, *parts], ignore_index=True)
        whole.to_feather(datadir / "futures" / path.name)
    return f"{FIRST.timestamp():.0f}-{(FIRST + times * LENGTH).timestamp():.0f}"


def compare_growth(rounds: int) -> None:
    """Prints minima of all rounds: the differences are small, and load on the machine only adds."""
    print("\nCPU of `backtest()` per trade, in ms, as trades become more\n")
    print("| trades | no callbacks | added by the stack | by breakers |\n|---|---|---|---|")
    for times, more in GROWING.items():
        with tempfile.TemporaryDirectory() as folder:
            where = repeated(Path(folder), times), Path(folder)
            runs = [prepared("Clockwork", *how, PAIRS, *where) for how in PACED]
            found = [[run() for run in runs] for _ in range(more * rounds)]
        best = [min(of_one) for of_one in zip(*found, strict=True)]
        bare, stack, both = (1000 * spent / trades for spent, trades in best)
        trades = " / ".join(str(trades) for _, trades in best)
        print(f"| {trades} | {bare:.2f} | {stack - bare:.2f} | {both - stack:.2f} |", flush=True)


if __name__ == "__main__":
    offline()
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    compare_processes(rounds)
    compare_loops("RsiSmaSwing", "1h", PAIRS, WHOLE, rounds)
    # RsiSmaScalp would hold its trades longer without callbacks.
    compare_loops("Clockwork", "5m", [PAIRS[n] for n in (0, 1, 3)], "20230201-20230801", rounds)
    compare_growth(rounds)
