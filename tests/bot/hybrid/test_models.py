"""The models beside LightGBM, in stock backtests of HybridAi: what they return, the same each time,
and what is said where they cannot be had."""

from __future__ import annotations

import os
import re
import shutil
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from freqtrade.exceptions import ConfigurationError

from perpkit.bot.hybrid.opinions import ERROR, PROBABILITY
from perpkit.durations import DAY_S
from perpkit.learning.evidence import read
from tests.bot.hybrid.trained import (
    BEGIN,
    BTC,
    END,
    decided,
    freqai,
    market,
    need_freqai,
    run,
    write,
)

need_freqai()

needs_torch = pytest.mark.skipif(
    find_spec("torch") is None, reason="PyTorch is in the extra lstm: make test-ai"
)
needs_agents = pytest.mark.skipif(
    find_spec("stable_baselines3") is None,
    reason="Stable-Baselines3 is in the extra rl: make test-ai",
)
LENGTH = 8
TREES = {"n_estimators": 10, "min_child_samples": 20}
SMALL_LSTM = {"hidden": 4, "epochs": 3, "patience": 2}
SMALL_PPO = {"n_steps": 128, "n_epochs": 1}
SETTINGS = {
    "LstmTripleBarrier": {
        "freqai": freqai(conv_width=LENGTH, model_training_parameters=SMALL_LSTM)
    },
    "PpoAgents": {
        "hybrid": {"task": "action"},
        "freqai": freqai(
            conv_width=LENGTH,
            model_training_parameters=SMALL_PPO,
            rl_config={"agents": 2, "train_cycles": 1, "net_arch": [8]},
        ),
    },
}


@pytest.fixture
def config(default_futures_config, offline_markets):
    write(default_futures_config, market())
    return default_futures_config


def opinions(config, model, **given) -> pd.DataFrame:
    shutil.rmtree(config["user_data_dir"] / "models", ignore_errors=True)
    found = run(config, freqaimodel=model, **given)
    return decided(found, PROBABILITY, ERROR)


@pytest.fixture(
    params=[
        pytest.param("LstmTripleBarrier", marks=needs_torch),
        pytest.param("PpoAgents", marks=needs_agents),
    ]
)
def model(request) -> str:
    return request.param


def test_it_has_an_opinion_of_every_candle_that_it_can_read(config, model):
    found = opinions(config, model, **SETTINGS[model])
    known = found[PROBABILITY].notna().to_numpy()
    # Two windows, of which the first candles lack some before them.
    window = 24 * 5
    expected = np.tile(np.arange(window) >= LENGTH - 1, 2)
    np.testing.assert_array_equal(known[: 2 * window], expected)
    assert found[PROBABILITY].dropna().between(0, 1).all()
    assert found[PROBABILITY].nunique() > 20
    measured = found[ERROR].dropna()
    assert measured.between(0, 1).all()
    assert measured.nunique() == (2 if model == "LstmTripleBarrier" else 0)


def test_the_same_data_train_the_same(config, model):
    first = opinions(config, model, **SETTINGS[model])
    pd.testing.assert_frame_equal(opinions(config, model, **SETTINGS[model]), first)


def test_a_stored_model_says_the_same(config, model):
    first = opinions(config, model, **SETTINGS[model])
    stored = config["user_data_dir"] / "models" / "test"
    shutil.rmtree(stored / "backtesting_predictions")
    again = decided(run(config, freqaimodel=model, **SETTINGS[model]), PROBABILITY)
    pd.testing.assert_series_equal(again[PROBABILITY], first[PROBABILITY])
    assert len(list(stored.glob("*/*_model.joblib"))) == 2


def test_an_ensemble_is_the_mean_less_the_disagreement(config):
    trees = [TREES, TREES | {"random_state": 2, "colsample_bytree": 0.3}]
    alone = [
        opinions(
            config, "LightGbmTripleBarrier", freqai=freqai(model_training_parameters=parameters)
        )[PROBABILITY]
        for parameters in trees
    ]
    listed = [
        {"model": "LightGbmTripleBarrier", "model_training_parameters": parameters}
        for parameters in trees
    ]
    together = opinions(config, "Ensemble", freqai=freqai(ensemble=listed))
    expected = np.mean(alone, axis=0) - np.std(alone, axis=0)
    np.testing.assert_allclose(together[PROBABILITY], expected, atol=1e-9)
    assert np.nanmax(np.std(alone, axis=0)) > 0.01
    assert together[ERROR].between(0, 1).all()
    # What the report shows is what was used.
    models = config["user_data_dir"] / "models" / "test"
    noted = read(models, [BTC], BEGIN.timestamp(), 5 * DAY_S, END.timestamp()).rows
    assert noted["date"].dt.floor("D").nunique() >= 8  # of both windows
    used = together[PROBABILITY].loc[noted["date"]]
    np.testing.assert_allclose(noted["probability"], used, atol=1e-9)


STOCK = """
import logging
from freqtrade.freqai.prediction_models.LightGBMClassifier import LightGBMClassifier

class Stock(LightGBMClassifier):
    def fit(self, data_dictionary, dk, **kwargs):
        rows = {len(data_dictionary[f"train_{part}"]) for part in ("features", "labels", "weights")}
        logging.getLogger(__name__).warning(f"fitted on {rows}")
        return super().fit(data_dictionary, dk, **kwargs)
"""


def test_a_member_of_freqtrade_s_own_does_not_see_into_the_held_out_rows(config, caplog, tmp_path):
    """The last labels of the training know prices of a horizon after it."""
    caplog.set_level("INFO")
    (tmp_path / "Stock.py").write_text(STOCK)
    listed = ["LightGbmTripleBarrier", "Stock"]
    found = opinions(
        config, "Ensemble", freqai=freqai(ensemble=listed), freqaimodel_path=str(tmp_path)
    )
    assert found[PROBABILITY].notna().mean() > 0.9
    words = "Training model on (\\d+) data points"
    every = [int(m[1]) for line in caplog.messages if (m := re.search(words, line))]
    assert len(every) == 2  # of each training
    seen = [line for line in caplog.messages if line.startswith("fitted on")]
    assert seen == [f"fitted on {{{rows - 12}}}" for rows in every]


def test_weights_of_an_ensemble_count(config):
    one, two = (
        {"model": "LightGbmTripleBarrier", "weight": w, "model_training_parameters": p}
        for w, p in ((1e9, TREES), (1.0, TREES | {"random_state": 2}))
    )
    alone = opinions(
        config, "LightGbmTripleBarrier", freqai=freqai(model_training_parameters=TREES)
    )
    together = opinions(config, "Ensemble", freqai=freqai(ensemble=[one, two]))
    np.testing.assert_allclose(together[PROBABILITY], alone[PROBABILITY], atol=1e-4)


def test_a_member_that_fails_is_left_out_and_said(config, caplog):
    caplog.set_level("INFO")
    listed = [
        {"model": "LightGbmTripleBarrier", "model_training_parameters": TREES},
        {"model": "LightGbmTripleBarrier", "model_training_parameters": {"num_leaves": 0}},
    ]
    together = opinions(config, "Ensemble", freqai=freqai(ensemble=listed))
    words = f"{BTC}: LightGbmTripleBarrier 2 is left out"
    said = [line for line in caplog.messages if line.startswith(words)]
    assert len(said) == 1
    assert "\n" not in said[0]
    [others] = [
        line for line in caplog.messages if "more of its trainings went the same way" in line
    ]
    assert others.startswith(f"{BTC}: 1 more ")
    alone = opinions(
        config, "LightGbmTripleBarrier", freqai=freqai(model_training_parameters=TREES)
    )
    np.testing.assert_allclose(together[PROBABILITY], alone[PROBABILITY])


def test_an_ensemble_without_a_member_leaves_the_rules_alone(config, caplog):
    listed = [{"model": "LightGbmTripleBarrier", "model_training_parameters": {"num_leaves": 0}}]
    found = opinions(config, "Ensemble", freqai=freqai(ensemble=listed))
    assert found[PROBABILITY].isna().all()
    assert sum("no model from the training until" in line for line in caplog.messages) == 1


@pytest.mark.skipif(find_spec("torch") is not None, reason="PyTorch is installed here")
@pytest.mark.parametrize(
    ("model", "extra"), [("LstmTripleBarrier", "lstm"), ("Ensemble", "lstm"), ("PpoAgents", "rl")]
)
def test_without_its_extra_the_rules_decide_and_it_says_what_to_install(
    config, model, extra, caplog
):
    changed = {"ensemble": ["LightGbmTripleBarrier", "LstmTripleBarrier"], "rl_config": {}}
    found = opinions(config, model, freqai=freqai(conv_width=LENGTH, **changed))
    assert found[PROBABILITY].isna().all()
    (said,) = (line for line in caplog.messages if "pip install" in line)
    assert said.startswith("No model: ")
    assert f"is missing: pip install 'perpkit[{extra}]'" in said


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ("LightGbmTripleBarrier", '"freqai.ensemble" must be a list of 1 to 16 models'),
        ([], '"freqai.ensemble" must be a list of 1 to 16 models'),
        ([3], r'"freqai.ensemble\[0\]" must be the name of a model'),
        (["Ensemble"], r'"freqai.ensemble\[0\].model" must be a model that is no ensemble'),
        ([{"model": "A", "wieght": 1}], "an object of model, weight, model_training_parameters"),
        ([{"model": "A", "weight": 0}], r"ensemble\[0\].weight\" must be a number above 0, got 0"),
        ([{"model": "A", "model_training_parameters": 3}], "must be an object, got 3"),
    ],
)
def test_an_ensemble_that_cannot_be_is_refused(config, listed, said):
    with pytest.raises(ConfigurationError, match=said):
        run(config, freqaimodel="Ensemble", freqai=freqai(ensemble=listed))


@needs_torch
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, '"freqai.conv_width" must be a whole number from 2 to 500, got 1'),
        (
            {"conv_width": 8, "model_training_parameters": {"hidden": 0}},
            "freqai.model_training_parameters.hidden must be a whole number from 1 to 512, got 0",
        ),
        (
            {"conv_width": 8, "model_training_parameters": {"n_estimators": 5}},
            "freqai.model_training_parameters has no parameter 'n_estimators'",
        ),
    ],
)
def test_an_lstm_that_cannot_be_is_refused(config, changed, said):
    with pytest.raises(ConfigurationError, match=said):
        run(
            config,
            freqaimodel="LstmTripleBarrier",
            freqai=freqai(**{"model_training_parameters": {}, **changed}),
        )


@needs_agents
@pytest.mark.parametrize(
    ("rl", "said"),
    [
        ({"agents": 0}, '"freqai.rl_config.agents" must be a whole number from 1 to 16, got 0'),
        ({"model_type": "DQN"}, "must be one of PPO, A2C, TRPO, MaskablePPO, got 'DQN'"),
        ({"add_state_info": True}, '"freqai.rl_config.add_state_info" must be false'),
        (
            {"model_reward_parameters": {"leverage": 0}},
            "freqai.rl_config.model_reward_parameters.leverage must be a number from 1 to 125",
        ),
    ],
)
def test_agents_that_cannot_be_are_refused(config, rl, said):
    with pytest.raises(ConfigurationError, match=said):
        run(config, freqaimodel="PpoAgents", freqai=freqai(rl_config=rl))


@pytest.mark.parametrize(
    ("model", "task", "allowed"),
    [
        ("LightGbmTripleBarrier", "forward_return", "outcome"),
        ("LightGbmTripleBarrier", "action", "outcome"),
        ("Ensemble", "forward_return", "outcome"),
        pytest.param("LstmTripleBarrier", "action", "outcome", marks=needs_torch),
        pytest.param("PpoAgents", "outcome", "action", marks=needs_agents),
        pytest.param("PpoAgents", "forward_return", "action", marks=needs_agents),
    ],
)
def test_a_task_that_a_model_cannot_learn_is_refused(config, model, task, allowed):
    """At the start: each training would fail, with words about its rows."""
    said = f'"perpkit.hybrid.task" must be "{allowed}" for the model {model}, got "{task}"'
    given = freqai(
        conv_width=LENGTH, ensemble=["LightGbmTripleBarrier"], model_training_parameters={}
    )
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        run(config, freqaimodel=model, freqai=given, hybrid={"task": task})
    assert not list((config["user_data_dir"] / "models").rglob("perpkit_made_with.json"))


@needs_agents
def test_trainings_of_agents_leave_no_folder_of_logs(config, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    found = opinions(config, "PpoAgents", **SETTINGS["PpoAgents"])
    assert found[PROBABILITY].notna().any()
    assert not list((tmp_path / "temporary").glob("SB3-*"))
    assert "SB3_LOGDIR" not in os.environ


@needs_agents
def test_agents_trade_on_the_prices_and_the_funding_of_the_candles(config, monkeypatch):
    from perpkit.bot.hybrid import agents_model

    seen = []
    build = agents_model.AgentsModel.build_ohlc_price_dataframes

    def watched(self, *args):
        seen.append((self._frame, build(self, *args)))
        return seen[-1][1]

    monkeypatch.setattr(agents_model.AgentsModel, "build_ohlc_price_dataframes", watched)
    opinions(config, "PpoAgents", **SETTINGS["PpoAgents"])
    assert len(seen) == 2
    for frame, parts in seen:
        for prices in parts:
            for name in ("open", "high", "low"):
                pd.testing.assert_series_equal(prices[name], frame.loc[prices.index, name])
            paid = frame.loc[prices.index, "funding_paid"]
            assert prices["funding"].sum() == pytest.approx(paid.iloc[-1] - paid.iloc[0])
            assert prices["funding"].any()
            # In the candle that ends with a settlement, and in no other.
            ends = frame.loc[prices.index, "date"].dt.hour % 8 == 7
            assert (prices["funding"][ends].iloc[1:] != 0).all()
            assert (prices["funding"][~ends] == 0).all()
