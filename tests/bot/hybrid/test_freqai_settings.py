"""Which settings say what a model predicts, and models that were made with others."""

from __future__ import annotations

from importlib.metadata import version

import pytest
from filelock import FileLock
from freqtrade.enums import RunMode
from freqtrade.exceptions import ConfigurationError

from perpkit.bot.hybrid.freqai_settings import (
    LOCK,
    MADE_WITH,
    ModelsInUseError,
    hold_models,
    made_with,
    models_folder,
    refuse_models_of_others,
    refuse_what_leaks,
    warn_of_other_pairs,
    write_made_with,
)
from tests.bot.hybrid.trained import freqai


def present(
    freqaimodel="Model",
    timeframe="1h",
    label=1.0,
    strategy="HybridAi",
    exchange="binance",
    **changed,
):
    config = {
        "strategy": strategy,
        "exchange": {"name": exchange},
        "freqaimodel": freqaimodel,
        "timeframe": timeframe,
        "freqai": freqai(**changed),
    }
    return made_with(config, {"label": {"stop": label}})


@pytest.fixture
def folder(tmp_path):
    """With a model that was made with `present()`."""
    (tmp_path / "sub-train-BTC_1677628800").mkdir()
    write_made_with(tmp_path, present())
    return tmp_path


@pytest.mark.parametrize(
    "changed",
    [
        {"identifier": "same"},
        {"live_retrain_hours": 7},
        {"expiration_hours": 7},
        {"backtest_period_days": 7},
        {"purge_old_models": 7},
        {"save_backtest_models": False},
        {"data_split_parameters": {"test_size": 0.2, "shuffle": False}},  # FreqAI adds it
    ],
)
def test_settings_that_change_no_prediction(folder, changed):
    refuse_models_of_others(folder, present(**changed))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"freqaimodel": "Other"}, 'freqaimodel was "Model" and is "Other"'),
        ({"strategy": "Mine"}, 'strategy was "HybridAi" and is "Mine"'),
        ({"exchange": "bybit"}, 'exchange.name was "binance" and is "bybit"'),
        ({"timeframe": "4h"}, 'timeframe was "1h" and is "4h"'),
        ({"label": 2.0}, "perpkit.label.stop was 1.0 and is 2.0"),
        ({"train_period_days": 90}, "freqai.train_period_days was 30 and is 90"),
        ({"ensemble": ["One", "Two"]}, 'freqai.ensemble was not set and is ["One", "Two"]'),
        ({"model_training_parameters": {}}, "n_estimators was 30 and is not set"),
        ({"feature_parameters": {"DI_threshold": 1}}, "DI_threshold was not set and is 1"),
        ({"data_split_parameters": {"test_size": 0.1}}, "test_size was 0.2 and is 0.1"),
        (
            {"feature_parameters": {f"x{n}": n for n in range(5)}},
            "x2 was not set and is 2, 2 more.",
        ),
    ],
)
def test_what_differs_is_named_in_one_line(folder, changed, named):
    with pytest.raises(ConfigurationError) as found:
        refuse_models_of_others(folder, present(**changed))
    assert named in str(found.value)
    assert str(found.value).endswith(f"or delete {folder}")
    assert "\n" not in str(found.value)


def test_a_setting_that_an_upgrade_brings_keeps_no_bot_from_its_start(folder, caplog):
    later = present(feature_parameters={"DI_threshold": 1})
    with caplog.at_level("WARNING"):
        refuse_models_of_others(folder, later, trading=True)
    [said] = caplog.messages
    assert "DI_threshold was not set and is 1. They are used until" in said
    # One that is there no more was somebody's choice.
    write_made_with(folder, later)
    with pytest.raises(ConfigurationError, match="DI_threshold was 1 and is not set"):
        refuse_models_of_others(folder, present(), trading=True)


def test_a_setting_of_perpkit_that_an_upgrade_brings_refuses_no_backtest(folder, caplog):
    refuse_models_of_others(folder, present() | {"perpkit.label.new": 1})
    assert "perpkit.label.new was not set and is 1" in caplog.text
    added = present(feature_parameters={"DI_threshold": 1}) | {"perpkit.label.new": 1}
    with pytest.raises(ConfigurationError, match="DI_threshold was not set"):
        refuse_models_of_others(folder, added)


def test_a_bot_does_not_vouch_for_predictions_of_a_backtest(folder):
    added = present(feature_parameters={"DI_threshold": 1})
    prediction = folder / "backtesting_predictions" / "cb_btc_1677628800_prediction.feather"
    prediction.parent.mkdir()
    prediction.touch()
    refuse_models_of_others(folder, added, trading=True)
    write_made_with(folder, added, trading=True)
    with pytest.raises(ConfigurationError, match="DI_threshold was not set"):
        refuse_models_of_others(folder, added)
    prediction.unlink()
    write_made_with(folder, added, trading=True)
    refuse_models_of_others(folder, added)


def test_a_setting_that_harms_backtests_only_keeps_no_bot_from_its_start(folder, caplog):
    """Nor is it missed in a file of a release that wrote it down."""
    config = {"runmode": RunMode.LIVE, "freqai": freqai(fit_live_predictions_candles=100)}
    for _ in range(2):  # the strategy's check, and the model's
        refuse_what_leaks(config)
    assert config["freqai"]["fit_live_predictions_candles"] == 0
    assert len(caplog.messages) == 1
    assert "must be 0, got 100: taken as 0" in caplog.messages[0]
    write_made_with(folder, present() | {"freqai.fit_live_predictions_candles": 100})
    for trading in (True, False):
        refuse_models_of_others(folder, present(), trading=trading)
        refuse_models_of_others(folder, present(fit_live_predictions_candles=0), trading=trading)


@pytest.mark.parametrize("package", ["lightgbm", "torch"])
def test_models_of_another_version_are_refused(tmp_path, monkeypatch, caplog, package):
    versions = {"lightgbm": "4.6.0", "torch": "2.12.0+cpu"}
    monkeypatch.setattr("perpkit.bot.hybrid.freqai_settings.trainers", lambda: dict(versions))
    (tmp_path / "historic_predictions.pkl").touch()
    write_made_with(tmp_path, present())
    refuse_models_of_others(tmp_path, present())
    before, versions[package] = versions[package], "9.1"
    with pytest.raises(ConfigurationError) as found:
        refuse_models_of_others(tmp_path, present())
    differs = f'version.{package} was "{before}" and is "9.1"'
    assert differs in str(found.value)
    # A bot may have open trades to look after, and trains again.
    with caplog.at_level("WARNING"):
        refuse_models_of_others(tmp_path, present(), trading=True)
    assert differs in caplog.text
    with pytest.raises(ConfigurationError, match="freqaimodel"):
        refuse_models_of_others(tmp_path, present() | {"freqaimodel": "Other"}, trading=True)
    # It was installed later, or is missing now: the model that needs it says so.
    del versions[package]
    refuse_models_of_others(tmp_path, present())
    write_made_with(tmp_path, present())
    versions[package] = before
    refuse_models_of_others(tmp_path, present())


def test_the_versions_are_those_that_are_installed():
    found = present()
    for package in ("lightgbm", "scikit-learn"):
        assert found[f"version.{package}"] == version(package)


@pytest.mark.parametrize("missing", [MADE_WITH, "sub-train-BTC_1677628800"])
def test_without_models_or_without_their_settings_nothing_is_refused(folder, missing):
    path = folder / missing
    path.rmdir() if path.is_dir() else path.unlink()
    refuse_models_of_others(folder, present(freqaimodel="Other"))


def test_it_is_freqais_own_folder(tmp_path):
    config = {"user_data_dir": tmp_path, "freqai": freqai(identifier="mine")}
    assert models_folder(config) == tmp_path / "models" / "mine"


def test_two_bots_do_not_share_their_models(tmp_path):
    folder = tmp_path / "models" / "hybrid"
    first = hold_models(folder)
    assert hold_models(folder) is first  # after /reload_config
    other = FileLock(folder / LOCK, timeout=0)  # as of another process
    with pytest.raises(TimeoutError):
        other.acquire()
    first.release(force=True)
    with other, pytest.raises(ModelsInUseError, match=r"freqai.identifier.*got 'hybrid'"):
        hold_models(folder)


@pytest.mark.parametrize(
    ("pairlists", "lines"),
    [
        ([], 0),
        ([{"method": "StaticPairList"}, {"method": "OpenInterestPairList"}], 0),
        ([{"method": "OpenInterestPairList"}, {"method": "LiquidityFilter"}], 1),
    ],
)
def test_pairs_that_a_pairlist_brings_have_no_model(caplog, pairlists, lines):
    warn_of_other_pairs({"pairlists": pairlists})
    assert len(caplog.messages) == lines
    assert all("begins with OpenInterestPairList" in line for line in caplog.messages)
