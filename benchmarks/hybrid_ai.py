"""Does HybridAi's model earn its keep? `python -m benchmarks.hybrid_ai --folder /tmp/hybrid`.

Stock backtests on the real 1h candles of five pairs, 2022 and 2023, one for each vote: the first
one trains, a quarter of an hour, and the others use its predictions. Then what the predictions are
worth out of sample. A folder that has been used keeps them: take another for another model.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from benchmarks.backtests import BASES, DATA, REPOSITORY, candles, equity, freqtrade
from benchmarks.confluence import profit_factor
from benchmarks.processes import run
from perpkit.durations import HOUR
from perpkit.learning.averaging import cautious
from perpkit.learning.calibration import USABLE_BELOW, expected_calibration_error
from perpkit.learning.columns import PAYS, UNCERTAINTY
from perpkit.learning.targets import BarrierRule, barrier_returns, width
from perpkit.learning.vote import Vote
from perpkit.market.ranges import ranges
from perpkit.research.marked import figures, load_export
from perpkit.signals.confidence import COLUMNS
from perpkit.signals.rsi_sma_source import RsiSma

YEARS = "20220101-20231231"


def backtest(folder: Path, model: str, vote: Vote, horizon: int) -> dict[str, Any]:
    """Runs one vote; its statistics, as Freqtrade exports them."""
    results = folder / "backtest_results"
    shutil.rmtree(results, ignore_errors=True)
    settings = {
        "perpkit": {"hybrid": {"vote": vote}},
        "freqai": {"feature_parameters": {"label_period_candles": horizon}},
    }
    command = freqtrade(
        "backtesting", "HybridAi", REPOSITORY / "strategies", folder, settings, DATA
    )
    overlay = ["-c", str(REPOSITORY / "config.freqai.json.example")]
    own = command.index(str(folder / "own.json")) - 1
    flags = ["--freqaimodel", model, "--timerange", YEARS, "--cache", "none", "--export", "trades"]
    usage = run([*command[:own], *overlay, *command[own:], *flags], REPOSITORY)
    exports = list(results.glob("*.zip"))
    if not exports:
        raise RuntimeError(f"no result of {vote}:\n{usage.output[-4000:]}")
    return load_export(exports[0])


def predicted(folder: Path, horizon: int) -> pd.DataFrame:
    """Every prediction that was used, with what an entry would have earned; without funding."""
    found, source = [], RsiSma()
    for base in BASES:
        frame = pd.read_feather(DATA / "futures" / f"{base}_USDT_USDT-1h-futures.feather")
        frame = frame.assign(**source.columns(frame, HOUR), **dict.fromkeys(COLUMNS, np.nan))
        side, signals = source.side(frame, source.rule), source.signals(frame, source.rule)
        widths = width(ranges(frame, pd.Timedelta(HOUR))["vol_1h"], horizon)
        frame["net"] = barrier_returns(frame, side, widths, horizon, BarrierRule())
        frame["entered"] = signals.enter_long | signals.enter_short
        known = frame.loc[frame["net"].notna(), ["date", "net", "entered"]]
        for path in sorted(folder.rglob(f"cb_{base.lower()}_*_prediction.feather")):
            window = pd.read_feather(path).merge(known, on="date")
            if UNCERTAINTY in window:
                window[PAYS] = cautious(window[PAYS].to_numpy(), window[UNCERTAINTY].to_numpy())
            found.append(window[window["do_predict"] == 1].assign(window=path.stem))
    return pd.concat(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where predictions are kept")
    parser.add_argument("--model", default="LightGbmTripleBarrier")
    parser.add_argument("--horizon", type=int, default=24, help="of the label, in candles")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    of = candles()
    print(
        "| vote | trades | profit | drawdown | Sharpe | profit factor |\n|---|---|---|---|---|---|"
    )
    for vote in Vote:
        stats = backtest(given.folder, given.model, vote, given.horizon)
        marked, trades = equity(stats, of), stats["trades"]
        shown = figures(marked)
        print(
            f"| `{vote}` | {len(trades)} | {shown.profit:+.1%} | {shown.max_drawdown:.1%} | "
            f"{shown.sharpe:.2f} | {profit_factor(trades):.2f} |",
            flush=True,
        )
    print(json.dumps(worth(predicted(given.folder, given.horizon)), indent=1))


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
