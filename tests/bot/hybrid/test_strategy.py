"""HybridAi as Freqtrade runs it: it trains, votes, looks at no later candle, and its rules carry on
whatever becomes of the model."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock
from freqtrade.enums import RunMode
from freqtrade.exceptions import ConfigurationError, OperationalException
from freqtrade.resolvers import StrategyResolver

from perpkit.bot.hybrid.freqai_settings import LOCK, MADE_WITH
from perpkit.bot.hybrid.guarded_model import GuardedModel
from perpkit.bot.hybrid.opinions import ERROR, PROBABILITY
from tests import factories
from tests.bot.hybrid.trained import (
    BEGIN,
    BTC,
    END,
    ROWS,
    decided,
    freqai,
    market,
    need_freqai,
    run,
    write,
)

need_freqai()

ETH = "ETH/USDT:USDT"
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


def four_hours(frame: pd.DataFrame) -> pd.DataFrame:
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    return frame.set_index("date").resample("4h").agg(how).reset_index()


def test_it_sees_candles_of_several_timeframes(config, caplog):
    factories.write_candles(config["datadir"], BTC, four_hours(market()), timeframe="4h")
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

def ahead(values):
    return np.append(values[12:], [values.iloc[-1]] * 12)

class Leaking(HybridAi):
    def feature_engineering_standard(self, dataframe, metadata, **kwargs):
        dataframe = super().feature_engineering_standard(dataframe, metadata, **kwargs)
        close, side, paid = (dataframe[name] for name in ("close", "rule_side", "funding_paid"))
        found = {"own": side * (ahead(close) / close - 1), "funding": ahead(paid) - paid}
        return dataframe.assign(**{f"%-{k}": found[k] for k in found.keys() & {"WHERE"}})

    def feature_engineering_expand_basic(self, dataframe, metadata, **kwargs):
        dataframe = super().feature_engineering_expand_basic(dataframe, metadata, **kwargs)
        close = dataframe["close"]
        if "WHERE" in (metadata["pair"], metadata["tf"]):
            dataframe["%-later"] = ahead(close) / close - 1
        return dataframe
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
    """Whether a crash, or a jump, two days before the end changes an earlier prediction: of all
    prices and rates that features are made of.

    Both runs train: that the same data train the same model is seen as well.
    """
    features = {"include_timeframes": ["1h", "4h"], "include_corr_pairlist": [ETH]}
    cut, found = END - pd.Timedelta(days=2), []
    for factor in (1.2, 0.8):
        frame, rates = market(), factories.funding(ROWS // 8)
        later = rates["date"] >= cut
        rates.loc[later, list(rates.columns[1:])] += (factor - 1) / 20
        frame.loc[frame["date"] >= cut, ["open", "high", "low", "close"]] *= factor
        write(config, frame)
        for pair in (BTC, ETH):
            factories.write_candles(config["datadir"], pair, frame)
            factories.write_candles(config["datadir"], pair, four_hours(frame), timeframe="4h")
        factories.write_candles(config["datadir"], BTC, rates, "funding_rate")
        shutil.rmtree(config["user_data_dir"] / "models", ignore_errors=True)
        ran = run(config, strategy, freqai=freqai(feature_parameters=features), **given)
        column = decided(ran, PROBABILITY)[PROBABILITY]
        assert column.notna().mean() > 0.9
        found.append(column)
    before, after = ([each[(each.index < cut) == past] for each in found] for past in (True, False))
    assert not np.array_equal(*after, equal_nan=True)
    return not np.array_equal(*before, equal_nan=True)


def test_later_candles_change_no_prediction(config):
    assert not changed_by_the_future(config, "HybridAi")


@pytest.mark.parametrize(
    "where",
    ["own", *(pytest.param(each, marks=pytest.mark.slow) for each in (ETH, "4h", "funding"))],
)
def test_a_planted_leak_is_seen_in_the_predictions(config, tmp_path, where):
    """Of the pair's own candles, another pair's, a longer timeframe's, and funding."""
    (tmp_path / "Leaking.py").write_text(LEAKING.replace("WHERE", where))
    assert changed_by_the_future(config, "Leaking", strategy_path=str(tmp_path))


def rules_carry_on(found, rules, caplog, words: str) -> None:
    pd.testing.assert_frame_equal(decided(found, *ENTRIES), rules)
    assert decided(found, PROBABILITY)[PROBABILITY].isna().all()
    said = [line for line in caplog.messages if words in line]
    assert len(said) == 1, caplog.messages
    assert "\n" not in said[0]


def assert_counted(caplog, others: int, words: str) -> None:
    """The trainings that failed as the first one did have one line together, of their number."""
    [said] = [line for line in caplog.messages if "more of its trainings went the same way" in line]
    assert said.startswith(f"{BTC}: {others} more ")
    assert words in said


class TestTheRulesCarryOn:
    def test_without_freqai_in_the_configuration(self, config, rules, caplog):
        caplog.clear()
        found = run(config, freqai=freqai(enabled=False))
        rules_carry_on(found, rules, caplog, '"freqai" is not enabled in the configuration')

    def test_without_its_packages(self, config, rules, caplog, monkeypatch):
        monkeypatch.setitem(sys.modules, "freqtrade.resolvers.freqaimodel_resolver", None)
        caplog.clear()
        rules_carry_on(run(config), rules, caplog, "pip install 'perpkit[ai]'")

    def test_with_features_that_are_unknown(self, config, rules, caplog, tmp_path):
        (tmp_path / "Unknown.py").write_text(UNKNOWN)
        caplog.clear()
        found = run(config, "Unknown", strategy_path=str(tmp_path))
        pd.testing.assert_frame_equal(decided(found, *ENTRIES), rules)
        said = [line for line in caplog.messages if "no model from the training" in line]
        assert len(said) == 1
        assert "all training data dropped due to NaNs" in said[0]
        assert_counted(caplog, 1, "all training data dropped due to NaNs")

    @pytest.mark.parametrize("days", [3, 15])
    def test_with_too_little_data(self, config, rules, caplog, days):
        caplog.clear()
        found = run(config, freqai=freqai(train_period_days=days))
        pd.testing.assert_frame_equal(decided(found, *ENTRIES), rules)
        said = [line for line in caplog.messages if "no model from the training" in line]
        assert len(said) == 1  # though the rows of the two trainings are not as many
        assert "100 are needed" in said[0]
        assert_counted(caplog, 1, "N are needed")

    def test_with_a_setting_of_the_models_that_is_damaged(self, config, rules, caplog):
        """Without it, what the models were made with is unknown."""
        run(config)
        [path] = config["user_data_dir"].rglob(MADE_WITH)
        damage(path, 0.5)
        caplog.clear()
        rules_carry_on(run(config), rules, caplog, f"ValueError: {path} is damaged")


def test_a_window_without_a_model_is_trained_once_it_can_be(config, caplog):
    """Each run says that it has none, until the candles of its training are there."""
    whole = market()
    write(config, whole[whole["date"] >= BEGIN - pd.Timedelta(days=22)])
    for _ in range(2):
        caplog.clear()
        with pytest.raises(OperationalException, match="No data left"):  # to trade on
            run(config)
        assert sum("no model from the training" in line for line in caplog.messages) == 1
        assert_counted(caplog, 1, "N are needed")
    folder = config["user_data_dir"] / "models" / "test"
    assert not [*folder.glob("sub-train-*"), *folder.rglob("*.feather")]
    # Nor has FreqAI one for a bot.
    assert json.loads((folder / "pair_dictionary.json").read_text())[BTC]["data_path"] == ""
    write(config, whole)
    caplog.clear()
    found = decided(run(config), PROBABILITY)
    assert found[PROBABILITY].notna().mean() > 0.9
    assert not any("no model" in line for line in caplog.messages)


@pytest.mark.slow
def test_after_a_failed_training_a_model_has_its_own_pipelines(config, caplog, monkeypatch):
    """A later end has its window predicted again, by the model that is there."""
    fit = GuardedModel.fit_calibrated

    def failing(self, data, dk, *args):
        if dk.model_filename.endswith(f"_{BEGIN.timestamp():.0f}"):
            raise ValueError("bad row")
        return fit(self, data, dk, *args)

    monkeypatch.setattr(GuardedModel, "fit_calibrated", failing)
    earlier = f"{BEGIN:%Y%m%d}-{END - pd.Timedelta(days=2):%Y%m%d}"
    run(config, timerange=earlier)
    caplog.clear()
    found = decided(run(config), PROBABILITY, ERROR)
    assert sum("no model from the training" in line for line in caplog.messages) == 1
    assert not any("Done training" in line for line in caplog.messages)
    assert found[PROBABILITY].notna().mean() > 0.4
    shutil.rmtree(config["user_data_dir"] / "models")
    pd.testing.assert_frame_equal(found, decided(run(config), PROBABILITY, ERROR))


@pytest.mark.parametrize(
    ("file", "keep", "trained"),
    [
        ("pair_dictionary.json", 0.5, 0),
        ("*_model.joblib", 0.5, 2),
        ("cb_*_metadata.json", None, 2),
        ("*_prediction.feather", 0.5, 0),
    ],
)
def test_a_file_that_a_killed_run_has_left_is_made_again(config, caplog, file, keep, trained):
    """Part of it, or no file at all."""
    first = decided(run(config), PROBABILITY)
    folder = config["user_data_dir"] / "models" / "test"
    damaged = sorted(folder.rglob(file))
    for path in damaged:
        damage(path, keep)
    if trained:
        for path in folder.rglob("*_prediction.feather"):
            path.unlink()
    caplog.clear()
    pd.testing.assert_frame_equal(decided(run(config), PROBABILITY), first)
    assert sum("Done training" in line for line in caplog.messages) == trained
    said = [line for line in caplog.messages if " is damaged and now called " in line]
    assert len(said) == len(damaged)
    assert all("\n" not in line for line in said)
    caplog.clear()
    pd.testing.assert_frame_equal(decided(run(config), PROBABILITY), first)
    assert not any("damaged" in line for line in caplog.messages)


def test_a_backtest_after_a_bot_that_has_removed_old_models(config, caplog):
    """FreqAI keeps the newest folders of a pair, and a backtest needs those of its predictions."""
    first = decided(run(config), PROBABILITY)
    for path in (config["user_data_dir"] / "models" / "test").glob("sub-train-*"):
        shutil.rmtree(path)
    caplog.clear()
    pd.testing.assert_frame_equal(decided(run(config), PROBABILITY), first)
    said = [line for line in caplog.messages if " is damaged and now called " in line]
    assert len(said) == 2
    assert all(line.endswith("_metadata.json is missing") for line in said)


@pytest.mark.parametrize("keep", [0, 0.3, 0.9])
@pytest.mark.parametrize(
    ("name", "copy"),
    [
        ("historic_predictions.pkl", True),
        ("historic_predictions.pkl", False),
        ("pair_dictionary.json", True),
        ("global_metadata.json", True),
    ],
)
def test_a_bot_that_was_killed_while_freqai_wrote_starts_again(
    default_futures_config, caplog, monkeypatch, name, copy, keep
):
    """With what FreqAI itself wrote; it keeps a copy of its predictions, once they were written."""
    from freqtrade.resolvers.freqaimodel_resolver import FreqaiModelResolver

    monkeypatch.setattr("freqtrade.freqai.utils.download_all_data_for_training", lambda *_: None)
    of_it = trading(default_futures_config)
    drawer = FreqaiModelResolver.load_freqaimodel(of_it).dd
    drawer.historic_predictions[BTC] = pd.DataFrame({"date_pred": market(500)["date"], "pays": 0.5})
    drawer.pair_dict[BTC] = {**drawer.empty_pair_dict, "trained_timestamp": 1_677_628_800}
    drawer.save_historic_predictions_to_disk()
    drawer.save_drawer_to_disk()
    drawer.save_global_metadata_to_disk({"start_dry_live_date": 1_677_628_800})
    damage(drawer.full_path / name, keep)
    if not copy:
        drawer.historic_predictions_bkp_path.unlink()
    history = name.startswith("historic")
    caplog.clear()
    strategy = StrategyResolver.load_strategy(of_it)
    strategy.dp = None
    strategy.load_freqAI_model()
    assert strategy._no_model == ""
    started = strategy.freqai.dd
    assert (BTC in started.historic_predictions) == (copy or not history)
    assert (BTC in started.pair_dict) == (name != "pair_dictionary.json")
    # Of an empty one FreqAI itself reads the copy.
    said = [line for line in caplog.messages if "is damaged and now called" in line]
    assert len(said) == (0 if history and copy and keep == 0 else 1)


def test_a_second_bot_starts_without_the_models_of_the_first(default_futures_config):
    """It may have open trades to look after."""
    strategy = StrategyResolver.load_strategy(trading(default_futures_config))
    folder = default_futures_config["user_data_dir"] / "models" / "test"
    folder.mkdir(parents=True)
    with FileLock(folder / LOCK):
        strategy.load_freqAI_model()
    assert strategy._no_model.startswith('"freqai.identifier" must be another one')
    assert "another bot that is running" in strategy._no_model


def trading(config: dict) -> dict:
    own = {"strategy": "HybridAi", "freqaimodel": "LightGbmTripleBarrier", "freqai": freqai()}
    return {**config, "runmode": RunMode.DRY_RUN, **own}


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
        ({"fit_live_predictions_candles": 100}, "fit_live_predictions_candles"),
    ],
)
@pytest.mark.parametrize("model", ["LightGbmTripleBarrier", "LightGBMClassifier"])
def test_a_setting_that_would_leak_is_refused(config, given, message, model):
    """Of a model of Freqtrade's own as well."""
    with pytest.raises(ConfigurationError, match=message):
        run(config, freqai=freqai(**given), freqaimodel=model)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (
            {"freqaimodel": "LightGBMClassifier"},
            'freqaimodel was "LightGbmTripleBarrier" and is "LightGBMClassifier"',
        ),
        ({"hybrid": {"task": "forward_return"}, "freqaimodel": "LightGBMRegressor"}, "task"),
    ],
)
def test_models_that_were_made_otherwise_are_not_used(config, changed, named):
    run(config)
    with pytest.raises(
        ConfigurationError, match=r"freqai.identifier.* must be another one"
    ) as found:
        run(config, **changed)
    assert named in str(found.value)
    assert str(config["user_data_dir"] / "models" / "test") in str(found.value)
    other = freqai(identifier="another")
    assert decided(run(config, **{**changed, "freqai": other}), PROBABILITY).notna().any(axis=None)


SLOWER = """
from strategies.HybridAi import HybridAi

class Slower(HybridAi):
    trend_timeframe = "1d"
"""


def test_models_of_another_strategy_and_trend_are_not_used(config, tmp_path):
    """They have learned whether entries of another side pay."""
    run(config)
    (tmp_path / "Slower.py").write_text(SLOWER)
    with pytest.raises(ConfigurationError) as found:
        run(config, "Slower", strategy_path=str(tmp_path))
    assert 'strategy was "HybridAi" and is "Slower"' in str(found.value)
    assert 'perpkit.source.trend was "4:00:00" and is "1 day, 0:00:00"' in str(found.value)


def test_a_bad_vote_is_refused(config):
    with pytest.raises(ConfigurationError, match="vote must be one of rules_only"):
        run(config, hybrid={"vote": "majority"})
