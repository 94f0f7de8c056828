"""Stock backtests of HybridAi with FreqAI, on candles that are made here: a second or two each."""

from __future__ import annotations

from datetime import timedelta
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests import factories
from tests.bench.backtests import Backtested, backtest
from tests.conftest import REPOSITORY
from tests.factories import START

BTC = "BTC/USDT:USDT"
# Start-up candles of the strategy, a training of 30 days, and two windows of 5 days.
ROWS = 800 + 24 * 41
BEGIN = START + timedelta(days=64)
END = BEGIN + timedelta(days=10)

TREES = {"n_estimators": 10, "min_child_samples": 20}
TREES_TWICE = [
    {"model": "LightGbmTripleBarrier", "model_training_parameters": TREES | {"random_state": seed}}
    for seed in (1, 2)
]
# Of each model, what makes its trainings quick.
SMALL: dict[str, dict[str, Any]] = {
    "LightGbmTripleBarrier": {"model_training_parameters": TREES},
    "Ensemble": {"ensemble": TREES_TWICE},
    "LstmTripleBarrier": {"model_training_parameters": {"hidden": 4, "epochs": 2, "patience": 1}},
    "PpoAgents": {
        "model_training_parameters": {"n_steps": 64, "n_epochs": 1},
        "rl_config": {"agents": 1, "train_cycles": 1, "net_arch": [8], "progress_bar": False},
    },
}


def missing(module: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(find_spec(module) is None, reason=f"{module}: make test-ai")


def need_freqai() -> None:
    """Skips where the extra `ai` is not installed, or where FreqAI cannot be imported: before
    2026.9 it imports a part of joblib that its newer releases have no more."""
    for needed in ("datasieve", "lightgbm", "xgboost", "freqtrade.freqai.freqai_interface"):
        pytest.importorskip(needed, exc_type=ImportError)


def freqai(**changed: Any) -> dict[str, Any]:
    features = {
        "include_timeframes": ["1h"],
        "include_corr_pairlist": [],
        "indicator_periods_candles": [24],
        "label_period_candles": 12,
        **changed.pop("feature_parameters", {}),
    }
    return {
        "enabled": True,
        "identifier": "test",
        "train_period_days": 30,
        "backtest_period_days": 5,
        "live_retrain_hours": 0,
        "activate_tensorboard": False,
        "save_backtest_models": True,
        "feature_parameters": features,
        "data_split_parameters": {"test_size": 0.2},
        "model_training_parameters": {"n_estimators": 30, "min_child_samples": 20},
        **changed,
    }


def market(rows: int = ROWS) -> pd.DataFrame:
    """Prices that come back to their mean, so that there is something to learn."""
    frame = factories.candles(rows, seed=11)
    waves = 1 + 0.03 * np.sin(np.arange(rows) / 9)
    prices = ["open", "high", "low", "close"]
    return frame.assign(**{name: frame[name] * waves for name in prices})


def write(config: dict[str, Any], frame: pd.DataFrame) -> None:
    for kind in ("futures", "mark"):
        factories.write_candles(config["datadir"], BTC, frame, kind)
    rates = factories.funding(len(frame) // 8)
    factories.write_candles(config["datadir"], BTC, rates, "funding_rate")


def run(
    config: dict[str, Any],
    strategy: str = "HybridAi",
    hybrid: dict[str, Any] | None = None,
    **changed: Any,
) -> Backtested:
    """
    :param hybrid: of "perpkit"; rule and model must agree where it says nothing
    :param changed: settings, None for those that are left out
    """
    given = {
        "strategy_path": str(REPOSITORY / "strategies"),
        "timerange": f"{BEGIN:%Y%m%d}-{END:%Y%m%d}",
        "exchange": {**config["exchange"], "pair_whitelist": [BTC]},
        "freqaimodel": "LightGbmTripleBarrier",
        "freqai": freqai(),
        "config_files": [str(REPOSITORY / "config.json.example")],
        "perpkit": {"hybrid": {"vote": "agree", **(hybrid or {})}},
        **changed,
    }
    return backtest(config, strategy, **{key: v for key, v in given.items() if v is not None})


def decided(found: Backtested, *columns: str) -> pd.DataFrame:
    """The columns of the candles of the backtest, by date."""
    frame = found.frames[BTC].set_index("date")
    return frame.loc[BEGIN:END, list(columns)]
