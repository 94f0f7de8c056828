"""`make demo-ai`: a model is trained and traded, on generated data and without internet access."""

from __future__ import annotations

import json
import shutil
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from perpkit.ops.demo import (
    CHECKOUT,
    FOLDER,
    PAGE,
    YEAR,
    backtest,
    console,
    ending_well,
    figures,
    report,
    step,
    year_and_venue,
)

STRATEGY = "HybridAi"
# A month for the strategy to warm up and four to train on; then it is trained again each month.
TRAINED = timedelta(days=120)
BEGIN = YEAR + timedelta(days=40) + TRAINED
TIMERANGE = f"{BEGIN:%Y%m%d}-{YEAR + timedelta(days=360):%Y%m%d}"
MODELS = FOLDER / "user_data/models"


def main() -> int:
    """Runs the demo.

    :return: exit code, 0 if every command succeeded
    """
    return ending_well(_demo)


def _demo() -> None:
    shutil.rmtree(MODELS, ignore_errors=True)  # the predictions of an earlier demo
    with year_and_venue() as overlaid:
        with step("freqtrade backtesting, by the rules alone"):
            rules = backtest(overlaid, strategy=STRATEGY, timerange=TIMERANGE)
        with step("freqtrade backtesting --freqaimodel LightGbmTripleBarrier"):
            configs = (CHECKOUT / "config.freqai.json.example", _smaller())
            flags = (f"--config={path}" for path in configs)
            agreed = backtest(overlaid, *flags, strategy=STRATEGY, timerange=TIMERANGE)
    with step("perpkit report --with, of both"):
        runs = report(agreed, rules)
    show(runs)


def _smaller() -> Path:
    """Settings of FreqAI for a year that is all there is, with the model's say."""
    path = FOLDER / "freqai.json"
    smaller = {"train_period_days": TRAINED.days, "identifier": "demo"}
    path.write_text(json.dumps({"freqai": smaller, "perpkit": {"hybrid": {"vote": "agree"}}}))
    return path


def show(runs: list[dict[str, Any]]) -> None:
    """Prints the figures beside each other, and where to go from here."""
    shown = FOLDER.relative_to(CHECKOUT)
    console.print(figures(f"{STRATEGY} on synthetic months", ("with the model", "rules"), runs))
    console.print(
        f"Open {shown / PAGE.name} in a browser. The market is made up: there is nothing to\n"
        "learn in it that lasts. What models did on real candles is in docs/hybrid_ai.md.",
        highlight=False,
        soft_wrap=True,
    )


if __name__ == "__main__":
    sys.exit(main())
