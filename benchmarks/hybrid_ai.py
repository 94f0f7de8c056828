"""Do HybridAi's models earn their keep? `python -m benchmarks.hybrid_ai --folder /tmp/hybrid`.

Stock backtests on the real 1h candles of five pairs, 2022 and 2023, one for each vote: the first
one trains, a quarter of an hour with the default model and hours with agents, and the others use
its predictions. Then what the predictions are worth out of sample. `make bench-ai` runs all
models and writes the daily returns of every row to bench/hybrid_ai.csv, and what the model has
added to those of the rules to bench/hybrid_ai_added.csv, which `perpkit verdict` judges. A folder
keeps the predictions of each model: give another one after a change.

A window of a pair of which no candle has a usable prediction ends the run: the rules alone would
make its trades. So does a training of an ensemble without all its members. With `--gaps` both are
named below the table instead. Predictions that a backtest has not used end it in any case.

The confidence scales the stake. It is not the same in each row, so profit and drawdown of the rows
differ by size, too: their mean confidence is beside them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from freqtrade.configuration import TimeRange
from freqtrade.configuration.load_config import load_config_file
from freqtrade.misc import deep_merge_dicts
from sklearn.metrics import roc_auc_score

from benchmarks.backtests import DATA, PAIRS, REPOSITORY, candles, equity, freqtrade
from benchmarks.confluence import profit_factor
from benchmarks.processes import run
from perpkit.durations import DAY_S, HOUR
from perpkit.learning.averaging import cautious
from perpkit.learning.calibration import USABLE_BELOW, expected_calibration_error
from perpkit.learning.columns import PAYS, UNCERTAINTY, USABLE
from perpkit.learning.targets import BarrierRule, barrier_returns, width
from perpkit.learning.vote import Vote
from perpkit.market.ranges import ranges
from perpkit.research.marked import daily_returns, figures, load_export
from perpkit.signals.confidence import COLUMNS, score_of
from perpkit.signals.rsi_sma_source import RsiSma

YEARS = "20220101-20231231"
OVERLAY = REPOSITORY / "config.freqai.json.example"
HEAD = (
    "| vote | trades | mean confidence | profit | drawdown | Sharpe | profit factor |\n"
    "|---|---|---|---|---|---|---|"
)
# What is logged where the rules have made the trades of all pairs, or of one.
_UNUSED = ("No model: ", "the model is not used, ")
# And where an ensemble lacks a member.
_PARTIAL = "is left out"
_SEQUENCE: dict[str, Any] = {"freqai": {"conv_width": 24}}
# What each model needs on top of config.freqai.json.example.
MODELS: dict[str, dict[str, Any]] = {
    "LightGbmTripleBarrier": {},
    "LstmTripleBarrier": _SEQUENCE,
    "Ensemble": _SEQUENCE,
    # Agents train for minutes: fewer and on a quarter, so that 125 trainings are done in hours.
    "PpoAgents": {
        "freqai": {
            "conv_width": 6,
            "train_period_days": 90,
            "model_training_parameters": {"n_steps": 512},
            "rl_config": {
                "agents": 2,
                "train_cycles": 2,
                "net_arch": [64, 64],
                "max_training_drawdown_pct": 0.5,
                "progress_bar": False,
            },
        },
        "perpkit": {"hybrid": {"task": "action"}},
    },
}


def settings_of(model: str, vote: Vote, horizon: int, pairs: list[str]) -> dict[str, Any]:
    """Returns the configuration of one row."""
    own = {
        "exchange": {"pair_whitelist": pairs},
        "perpkit": {"hybrid": {"vote": str(vote)}},
        "freqai": {"feature_parameters": {"label_period_candles": horizon}},
    }
    # It changes the second one, which is made here.
    return dict(deep_merge_dicts(MODELS[model], own))


def backtest(
    folder: Path, model: str, timerange: str, settings: dict[str, Any]
) -> tuple[dict[str, Any], float, list[str]]:
    """Runs one vote.

    :return: its statistics, as Freqtrade exports them, its seconds of CPU, and what was said of
        members that an ensemble has left out
    :raises RuntimeError: if there is no result, or predictions were not used
    """
    results = folder / "backtest_results"
    shutil.rmtree(results, ignore_errors=True)
    vote = settings["perpkit"]["hybrid"]["vote"]
    command = freqtrade(
        "backtesting", "HybridAi", REPOSITORY / "strategies", folder, settings, DATA
    )
    overlay = ["-c", str(OVERLAY)]
    own = command.index(str(folder / "own.json")) - 1
    flags = [
        "--freqaimodel",
        model,
        "--timerange",
        timerange,
        "--cache",
        "none",
        "--export",
        "trades",
    ]
    usage = run([*command[:own], *overlay, *command[own:], *flags], REPOSITORY)
    exports = list(results.glob("*.zip"))
    if not exports:
        raise RuntimeError(f"no result of {vote}:\n{usage.output[-4000:]}")
    lines = usage.output.splitlines()
    # The rules would make such a row, and it would look like one of the model.
    if unused := [line for line in lines if any(words in line for words in _UNUSED)]:
        raise RuntimeError("\n".join([f"{model} was not used:", *unused]))
    return load_export(exports[0]), usage.user_s, [line for line in lines if _PARTIAL in line]


def windows(folder: Path, pairs: list[str], timerange: str) -> dict[str, list[Path]]:
    """Returns where FreqAI keeps the predictions of each pair, a file for each window of a run."""
    freqai, given = load_config_file(str(OVERLAY))["freqai"], TimeRange.parse_timerange(timerange)
    begins = range(given.startts, given.stopts, freqai["backtest_period_days"] * DAY_S)
    kept = folder / "models" / freqai["identifier"] / "backtesting_predictions"
    bases = {pair: pair.partition("/")[0].lower() for pair in pairs}
    return {
        pair: [kept / f"cb_{base}_{begin}_prediction.feather" for begin in begins]
        for pair, base in bases.items()
    }


def gaps(of: dict[str, list[Path]]) -> list[str]:
    """Returns the windows without a usable prediction, where the rules alone have decided: of each
    pair that has some, how many of how many, and the files."""
    found = []
    for pair, files in of.items():
        without = [
            path.name
            for path in files
            if not path.is_file() or not (pd.read_feather(path)[USABLE] == 1).any()
        ]
        if without:
            found.append(f"{pair}: {len(without)} of {len(files)}: {', '.join(without)}")
    return found


def predicted(of: dict[str, list[Path]], horizon: int) -> pd.DataFrame:
    """Every prediction that was used, with what an entry would have earned; without funding."""
    found, source = [], RsiSma()
    for pair, files in of.items():
        base = pair.partition("/")[0]
        frame = pd.read_feather(DATA / "futures" / f"{base}_USDT_USDT-1h-futures.feather")
        frame = frame.assign(**source.columns(frame, HOUR), **dict.fromkeys(COLUMNS, np.nan))
        side, signals = source.side(frame, source.rule), source.signals(frame, source.rule)
        widths = width(ranges(frame, pd.Timedelta(HOUR))["vol_1h"], horizon)
        frame["net"] = barrier_returns(frame, side, widths, horizon, BarrierRule())
        frame["entered"] = signals.enter_long | signals.enter_short
        known = frame.loc[frame["net"].notna(), ["date", "net", "entered"]]
        for path in filter(Path.is_file, files):
            window = pd.read_feather(path).merge(known, on="date")
            if {PAYS, UNCERTAINTY} <= set(window.columns):
                window[PAYS] = cautious(window[PAYS].to_numpy(), window[UNCERTAINTY].to_numpy())
            found.append(window[window[USABLE] == 1].assign(window=path.stem))
    return pd.concat(found)


def add_returns(path: Path, name: str, returns: pd.Series) -> None:
    """Adds daily returns to a table as a column; one that is there already must be the same.

    :raises ValueError: if the table is of other days, or the column was another
    """
    found = returns.set_axis(returns.index.strftime("%Y-%m-%d"))
    table = pd.DataFrame(index=found.index)
    if path.is_file():
        table = pd.read_csv(path, index_col="date")
    if not table.index.equals(found.index):
        raise ValueError(f"{path} is of other days than {name}: give another one")
    if name in table and not np.allclose(table[name], found):
        raise ValueError(f"{name} was another in {path}: give another one")
    path.parent.mkdir(parents=True, exist_ok=True)
    table.assign(**{name: found}).to_csv(path, index_label="date")


def keep(path: Path | None, name: str, returns: pd.Series) -> None:
    """Adds daily returns to a table that is asked for; one that they do not fit ends the run."""
    try:
        if path:
            add_returns(path, name, returns)
    except ValueError as error:
        sys.exit(str(error))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where predictions are kept")
    parser.add_argument(
        "--model", nargs="+", choices=MODELS, default=["LightGbmTripleBarrier"], metavar="MODEL"
    )
    parser.add_argument("--horizon", type=int, default=24, help="of the label, in candles")
    parser.add_argument("--timerange", default=YEARS)
    parser.add_argument("--pairs", nargs="+", choices=PAIRS, default=PAIRS, metavar="PAIR")
    parser.add_argument("--returns", type=Path, metavar="CSV", help="daily returns of each row")
    parser.add_argument(
        "--added", type=Path, metavar="CSV", help="the same, less those of the rules alone"
    )
    parser.add_argument("--gaps", action="store_true", help="windows may have no model")
    given = parser.parse_args()
    of = candles()
    for model in given.model:
        folder = given.folder / model
        folder.mkdir(parents=True, exist_ok=True)
        kept = windows(folder, given.pairs, given.timerange)
        print(f"\n{model}\n", HEAD, sep="\n", flush=True)
        rules, partial = pd.Series(dtype=float), list[str]()
        for vote in Vote:
            settings = settings_of(model, vote, given.horizon, given.pairs)
            stats, seconds, left_out = backtest(folder, model, given.timerange, settings)
            # Later votes use what the first one has predicted, and say nothing of it.
            partial += left_out
            if (without := gaps(kept)) and not given.gaps:
                sys.exit("\n".join([f"{model} has no usable prediction in windows of", *without]))
            if partial and not given.gaps:
                shutil.rmtree(folder / "models")
                sys.exit("\n".join([f"{model} was trained in part, and is removed:", *partial]))
            marked = equity(stats, of)
            print(row(vote, marked, stats["trades"]), flush=True)
            returns = daily_returns(marked)
            if vote is Vote.RULES_ONLY:
                rules = returns  # the first one; it is no trial of a model
            else:
                keep(given.returns, f"{model} {vote}", returns)
                keep(given.added, f"{model} {vote}", returns - rules)
            print(f"{vote}: {seconds:.0f} s of CPU", file=sys.stderr)
        for each in without:
            print(f"without a model, {each}")
        for each in partial:
            print(f"in part, {each}")
        found = predicted(kept, given.horizon)
        # Agents give no probability of an outcome.
        if len(found) and PAYS in found:
            print(json.dumps(worth(found), indent=1), flush=True)


def row(vote: Vote, marked: pd.Series, trades: list[dict[str, Any]]) -> str:
    """Returns a line of the table; the confidence is the mean over the entries."""
    shown, scored = figures(marked), {RsiSma().name}
    confidence = [score_of(trade["enter_tag"], scored) for trade in trades]
    mean = np.mean(np.array(confidence, dtype=np.float64)) if confidence else np.nan
    return (
        f"| `{vote}` | {len(trades)} | {mean:.2f} | {shown.profit:+.1%} | "
        f"{shown.max_drawdown:.1%} | {shown.sharpe:.2f} | {profit_factor(trades):.2f} |"
    )


def worth(predictions: pd.DataFrame) -> dict[str, float]:
    """What the predictions say of what came true."""
    pays, entries = predictions["net"] > 0, predictions["entered"]
    score = predictions["pays"]
    windows = [each for _, each in predictions.groupby("window")]
    apart = [expected_calibration_error(w["pays"].to_numpy(), w["net"] > 0) for w in windows]
    measured = np.array([window["calibration_error"].iloc[0] for window in windows])
    counts = predictions["calibration_error"] < USABLE_BELOW
    return {
        "candles": len(predictions),
        "area under the curve": roc_auc_score(pays, score),
        "entries": int(entries.sum()),
        "area, entries": roc_auc_score(pays[entries], score[entries]),
        "calibration error": expected_calibration_error(score.to_numpy(), pays),
        "calibration error of a window, mean": float(np.mean(apart)),
        "the same as measured in training": float(measured.mean()),
        "windows": len(windows),
        "windows whose score counts": int((measured < USABLE_BELOW).sum()),
        "candles in them": int(counts.sum()),
        "calibration error of these": expected_calibration_error(
            score[counts].to_numpy(), pays[counts]
        ),
    }


if __name__ == "__main__":
    main()
