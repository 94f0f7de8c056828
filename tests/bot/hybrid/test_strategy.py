"""HybridAi as Freqtrade runs it: it trains, votes, looks at no later candle, and its rules carry on
whatever becomes of the model."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from freqtrade.exceptions import ConfigurationError

from perpkit.bot.hybrid.opinions import ERROR, PROBABILITY
from tests import factories
from tests.bot.hybrid.trained import BTC, END, decided, freqai, market, need_freqai, run, write

need_freqai()

ENTRIES = ["enter_long", "enter_short"]


@pytest.fixture
def config(default_futures_config, offline_markets, caplog):
    caplog.set_level("INFO")
    write(default_futures_config, market())
    return default_futures_config


@pytest.fixture
def rules(config):
    """What the rules decide alone."""
    found = decided(run(config, freqai=None), *ENTRIES)
    assert found.to_numpy().any()
    return found


def test_it_trains_and_votes(config, rules, caplog):
    agreed = decided(
        run(config, hybrid={"vote": "agree"}), *ENTRIES, PROBABILITY, ERROR, "enter_tag"
    )
    known = agreed[PROBABILITY].dropna()
    assert len(known) > 0.9 * len(agreed)
    assert known.between(0, 1).all()
    assert known.nunique() > 20
    assert agreed[ERROR].nunique() == 2  # of each training
    for side in ENTRIES:
        entered = rules[side] == 1
        refused = entered & (agreed[PROBABILITY] < 0.5)
        assert (agreed[side] == (entered & ~refused)).all()
    assert sum("Done training" in line for line in caplog.messages) == 2
    assert any("the model has an opinion of" in line for line in caplog.messages)


def test_it_sees_candles_of_several_timeframes(config, caplog):
    frame = market().set_index("date")
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    longer = frame.resample("4h").agg(how).reset_index()
    factories.write_candles(config["datadir"], BTC, longer, timeframe="4h")
    features = {"include_timeframes": ["1h", "4h"]}
    found = decided(run(config, freqai=freqai(feature_parameters=features)), PROBABILITY)
    assert found[PROBABILITY].notna().mean() > 0.9, caplog.messages


def test_a_vote_of_the_rules_is_theirs(config, rules):
    found = decided(run(config, hybrid={"vote": "rules_only"}), *ENTRIES)
    pd.testing.assert_frame_equal(found, rules)


def test_stored_predictions_decide_as_new_ones_do(config, caplog):
    columns = [*ENTRIES, PROBABILITY, ERROR, "enter_tag"]
    first = decided(run(config), *columns)
    caplog.clear()
    pd.testing.assert_frame_equal(decided(run(config), *columns), first)
    assert not any("Done training" in line for line in caplog.messages)


@pytest.mark.parametrize(
    ("task", "model"),
    [("forward_return", "LightGBMRegressor"), ("outcome", "LightGBMClassifier")],
)
def test_freqtrades_own_models_have_a_say_too(config, task, model):
    """Without a measured calibration, which changes no size."""
    found = decided(
        run(config, hybrid={"task": task}, freqaimodel=model), PROBABILITY, ERROR, "enter_tag"
    )
    assert found[PROBABILITY].between(0, 1).mean() > 0.9
    assert found[ERROR].isna().all()


LEAKING = """
import numpy as np
from strategies.HybridAi import HybridAi

class Leaking(HybridAi):
    def feature_engineering_standard(self, dataframe, metadata, **kwargs):
        dataframe = super().feature_engineering_standard(dataframe, metadata, **kwargs)
        close = dataframe["close"].to_numpy()
        later = np.append(close[12:], [close[-1]] * 12)
        return dataframe.assign(**{"%-later": dataframe["rule_side"] * (later / close - 1)})
"""
UNKNOWN = """
import numpy as np
from strategies.HybridAi import HybridAi

class Unknown(HybridAi):
    def feature_engineering_expand_basic(self, dataframe, metadata, **kwargs):
        dataframe = super().feature_engineering_expand_basic(dataframe, metadata, **kwargs)
        dataframe["%-unknown"] = np.nan
        return dataframe
"""


SOMETIMES = """
import numpy as np
from strategies.HybridAi import HybridAi

class Sometimes(HybridAi):
    def feature_engineering_standard(self, dataframe, metadata, **kwargs):
        dataframe = super().feature_engineering_standard(dataframe, metadata, **kwargs)
        unknown = (dataframe["date"] >= "2023-03-06") & (dataframe["date"].dt.hour == 5)
        dataframe.loc[unknown, "%-side_rsi"] = np.nan
        return dataframe
"""


def changed_by_the_future(config, strategy: str, **given) -> bool:
    """Whether a crash, or a jump, two days before the end changes an earlier prediction.

    Both runs train: that the same data train the same model is seen as well.
    """
    cut, prices, found = END - pd.Timedelta(days=2), ["open", "high", "low", "close"], []
    for factor in (1.2, 0.8):
        frame = market()
        frame.loc[frame["date"] >= cut, prices] *= factor
        write(config, frame)
        shutil.rmtree(config["user_data_dir"] / "models", ignore_errors=True)
        column = decided(run(config, strategy, **given), PROBABILITY)[PROBABILITY]
        assert column.notna().mean() > 0.9
        found.append(column)
    before, after = ([each[(each.index < cut) == past] for each in found] for past in (True, False))
    assert not np.array_equal(*after, equal_nan=True)
    return not np.array_equal(*before, equal_nan=True)


def test_later_candles_change_no_prediction(config):
    assert not changed_by_the_future(config, "HybridAi")


def test_a_planted_leak_is_seen_in_the_predictions(config, tmp_path):
    (tmp_path / "Leaking.py").write_text(LEAKING)
    assert changed_by_the_future(config, "Leaking", strategy_path=str(tmp_path))


def rules_carry_on(found, rules, caplog, words: str) -> None:
    pd.testing.assert_frame_equal(decided(found, *ENTRIES), rules)
    assert decided(found, PROBABILITY)[PROBABILITY].isna().all()
    said = [line for line in caplog.messages if words in line]
    assert len(said) == 1, caplog.messages
    assert "\n" not in said[0]


class TestTheRulesCarryOn:
    def test_without_freqai_in_the_configuration(self, config, rules, caplog):
        caplog.clear()
        found = run(config, freqai=freqai(enabled=False))
        rules_carry_on(found, rules, caplog, '"freqai" is not enabled in the configuration')

    def test_without_its_packages(self, config, rules, caplog, monkeypatch):
        monkeypatch.setitem(sys.modules, "freqtrade.resolvers.freqaimodel_resolver", None)
        caplog.clear()
        rules_carry_on(run(config), rules, caplog, "pip install 'perpkit[ai]'")

    def test_with_a_registry_of_models_that_is_damaged(self, config, rules, caplog):
        folder = config["user_data_dir"] / "models" / "test"
        folder.mkdir(parents=True)
        (folder / "pair_dictionary.json").write_text('{"BTC/USDT')
        caplog.clear()
        rules_carry_on(run(config), rules, caplog, "FreqAI does not start, JSONDecodeError")

    def test_with_features_that_are_unknown(self, config, rules, caplog, tmp_path):
        (tmp_path / "Unknown.py").write_text(UNKNOWN)
        caplog.clear()
        found = run(config, "Unknown", strategy_path=str(tmp_path))
        pd.testing.assert_frame_equal(decided(found, *ENTRIES), rules)
        said = [line for line in caplog.messages if "no model from the training" in line]
        assert len(said) == 2  # of each training
        assert all("all training data dropped due to NaNs" in line for line in said)

    @pytest.mark.parametrize("days", [3, 15])
    def test_with_too_little_data(self, config, rules, caplog, days):
        caplog.clear()
        found = run(config, freqai=freqai(train_period_days=days))
        pd.testing.assert_frame_equal(decided(found, *ENTRIES), rules)
        said = [line for line in caplog.messages if "no model from the training" in line]
        assert len(said) == 2
        assert all("100 are needed" in line for line in said)

    @pytest.mark.parametrize(
        ("file", "keep"),
        [
            ("*_model.joblib", 0.5),
            ("*_metadata.json", None),
            ("*_feature_pipeline.pkl", 0.9),
            ("*_prediction.feather", 0.5),
        ],
    )
    def test_with_a_file_that_a_killed_training_has_left(self, config, rules, caplog, file, keep):
        """Part of it, or no file at all."""
        run(config)
        for path in sorted(config["user_data_dir"].rglob(file)):
            damage(path, keep)
        if not file.startswith("*_prediction"):
            for path in config["user_data_dir"].rglob("*_prediction.feather"):
                path.unlink()
        caplog.clear()
        rules_carry_on(run(config), rules, caplog, f"{BTC}: the model is not used, ")


def damage(path: Path, keep: float | None) -> None:
    if keep is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])


def test_an_outlier_is_no_opinion(config, rules, caplog):
    strict = freqai(feature_parameters={"DI_threshold": 0.5})
    found = decided(run(config, freqai=strict), *ENTRIES, PROBABILITY)
    unusual = found[PROBABILITY].isna()
    assert 0 < unusual.sum() < len(found)
    pd.testing.assert_frame_equal(found.loc[unusual, ENTRIES], rules[unusual])
    [said] = [line for line in caplog.messages if "the model has an opinion of" in line]
    assert f"{unusual.sum()} were unlike all it had seen" in said


def test_a_feature_that_is_unknown_is_no_opinion(config, tmp_path):
    """FreqAI itself would predict from a 0 in its place."""
    (tmp_path / "Sometimes.py").write_text(SOMETIMES)
    found = decided(run(config, "Sometimes", strategy_path=str(tmp_path)), PROBABILITY)
    silent = found.index[found[PROBABILITY].isna()]
    assert set(silent.hour) == {5}
    assert len(silent) == 10


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"feature_parameters": {"shuffle_after_split": True}}, "shuffle_after_split"),
        ({"feature_parameters": {"reverse_train_test_order": True}}, "reverse_train_test_order"),
        ({"data_split_parameters": {"test_size": 0.2, "shuffle": True}}, "shuffle"),
        ({"data_split_parameters": {"test_size": 0}}, "test_size"),
        ({"feature_parameters": {"label_period_candles": 0}}, "label_period_candles"),
    ],
)
def test_a_setting_that_would_leak_is_refused(config, given, message):
    with pytest.raises(ConfigurationError, match=message):
        run(config, freqai=freqai(**given))


def test_a_bad_vote_is_refused(config):
    with pytest.raises(ConfigurationError, match="vote must be one of rules_only"):
        run(config, hybrid={"vote": "majority"})
