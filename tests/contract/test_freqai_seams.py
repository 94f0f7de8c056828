"""What the package's models rely on in FreqAI. Seen to hold on Freqtrade 2026.6 to 2026.9."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys

import pandas as pd
import pytest
from freqtrade.configuration.config_validation import validate_config_schema
from freqtrade.configuration.load_config import load_from_files
from freqtrade.enums import RunMode
from freqtrade.exceptions import OperationalException
from freqtrade.resolvers import StrategyResolver
from freqtrade.strategy import IStrategy

from perpkit.bot.hybrid.guarded_model import GuardedModel
from perpkit.bot.hybrid.strategy import HybridStrategy
from tests.bot.hybrid.trained import freqai, need_freqai
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.contract

NAME = "LightGbmTripleBarrier"
OF_THE_USER = """
from freqtrade.freqai.base_models.BaseClassifierModel import BaseClassifierModel

class {name}(BaseClassifierModel):
    mine = True
    def fit(self, data_dictionary, dk, **kwargs): ...
"""


@pytest.fixture
def resolver():
    need_freqai()
    from freqtrade.resolvers.freqaimodel_resolver import FreqaiModelResolver

    return FreqaiModelResolver


@pytest.fixture
def config(default_futures_config):
    return {**default_futures_config, "freqaimodel": NAME, "freqai": freqai()}


def test_it_is_found_without_any_setting(resolver, config):
    model = resolver.load_freqaimodel(config)
    assert isinstance(model, GuardedModel)
    known = resolver.search_all_objects(config, False)
    [place] = [found["location"] for found in known if found["name"] == NAME]
    assert place == REPOSITORY / "user_data" / "freqaimodels" / f"{NAME}.py"


@pytest.mark.parametrize("folder", ["freqaimodels", "elsewhere"])
def test_a_file_of_the_user_with_its_name_wins(resolver, config, folder):
    own = config["user_data_dir"] / folder
    own.mkdir()
    (own / f"{NAME}.py").write_text(OF_THE_USER.format(name=NAME))
    if folder == "elsewhere":
        config["freqaimodel_path"] = str(own)
    assert resolver.load_freqaimodel(config).mine


def test_freqtrades_own_models_are_found_as_before(resolver, config):
    assert type(resolver.load_freqaimodel({**config, "freqaimodel": "LightGBMClassifier"}))
    with pytest.raises(OperationalException, match="Impossible to load FreqaiModel 'Nothing'"):
        resolver.load_freqaimodel({**config, "freqaimodel": "Nothing"})


def test_without_the_hook_it_is_not_found(config, resolver):
    """What the hook is for: in a process that runs without it."""
    code = (
        "from freqtrade.resolvers.freqaimodel_resolver import FreqaiModelResolver as R\n"
        "from pathlib import Path\n"
        f"config = {{'user_data_dir': Path({str(config['user_data_dir'])!r})}}\n"
        f"print({NAME!r} in [f['name'] for f in R.search_all_objects(config, False)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PERPKIT_PLUGINS": "0"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.strip() == "False", done.stderr[-2000:]


def test_the_example_of_a_configuration_is_one(resolver, default_futures_config):
    names = ("config.json.example", "config.freqai.json.example")
    given = load_from_files([str(REPOSITORY / name) for name in names])
    config = {
        **given,
        "runmode": RunMode.BACKTEST,
        "timerange": "20230101-20240101",
        "timeframe": "1h",
        "user_data_dir": default_futures_config["user_data_dir"],
    }
    validate_config_schema(config, preliminary=True)
    model = resolver.load_freqaimodel(config)
    assert type(model).__name__ == config["freqaimodel"] == NAME
    kept = {**default_futures_config, **{key: config[key] for key in ("strategy", "perpkit")}}
    strategy = StrategyResolver.load_strategy(kept)
    assert strategy.present_settings().hybrid.vote == config["perpkit"]["hybrid"]["vote"]


def test_what_the_guard_replaces_is_there(resolver):
    from freqtrade.freqai.base_models.BaseClassifierModel import BaseClassifierModel

    for name in ("train", "predict", "extract_data_and_train_model"):
        theirs = list(inspect.signature(getattr(BaseClassifierModel, name)).parameters)
        ours = list(inspect.signature(getattr(GuardedModel, name)).parameters)
        assert ours[:3] == theirs[:3], name
    for name in ("start", "start_live", "_start_scanning", "extract_data_and_train_model"):
        theirs = list(inspect.signature(getattr(BaseClassifierModel, name)).parameters)
        assert list(inspect.signature(getattr(GuardedModel, name)).parameters) == theirs
    source = inspect.getsource(BaseClassifierModel.__mro__[1])
    for relied_on in (
        "extra_returns_per_train",
        "self._stop_event",
        "set_freqai_targets",
        "self.live = ",
        "pair = self.train_queue[0]",
        "not in self.dd.model_return_values",
        'self.dd.pair_dict[pair]["trained_timestamp"] = trained_timestamp',
    ):
        assert relied_on in source


def test_freqai_asks_the_strategy_by_these_names(resolver):
    from freqtrade.freqai import data_kitchen, freqai_interface

    asked = inspect.getsource(data_kitchen) + inspect.getsource(freqai_interface)
    for name in (
        "feature_engineering_expand_all",
        "feature_engineering_expand_basic",
        "feature_engineering_standard",
        "set_freqai_targets",
    ):
        assert f"strategy.{name}(" in asked
        assert hasattr(IStrategy, name)
        assert name in vars(HybridStrategy)
    assert "load_freqAI_model" in vars(IStrategy)


def test_rows_without_a_label_are_not_learned(resolver, config):
    """FreqAI's part of the purge: it drops them, and keeps the order of the others."""
    from freqtrade.freqai.data_kitchen import FreqaiDataKitchen

    kitchen = FreqaiDataKitchen(config, live=True, pair="BTC/USDT:USDT")
    frame = pd.DataFrame({"date": range(5), "%-x": range(5)})
    frame["&-outcome"] = pd.Series(["pays", None, "loses", "pays", None], dtype=object)
    features, labels = kitchen.filter_features(frame, ["%-x"], ["&-outcome"])
    assert features["%-x"].tolist() == [0, 2, 3]
    assert labels["&-outcome"].tolist() == ["pays", "loses", "pays"]
