"""What a verdict is bound to: the file, the parameters and the configuration of a strategy."""

import json
from copy import deepcopy

import pytest
from freqtrade.config_schema.config_schema import CONF_SCHEMA
from freqtrade.configuration.config_validation import validate_config_consistency
from freqtrade.enums import RunMode
from freqtrade.resolvers import StrategyResolver

from perpkit.bot.binding import OF_EXCHANGE, OPTIONS, binding

pytestmark = pytest.mark.contract

SOURCE = """
from freqtrade.strategy import IntParameter, IStrategy

from base_of_mine import Base


class Mine(Base, IStrategy):
    timeframe = "1h"
    stoploss = -0.1
    minimal_roi = {"0": 0.5}
    wait = IntParameter(1, 9, default=3, space="buy")

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    populate_entry_trend = populate_exit_trend = populate_indicators
"""


@pytest.fixture
def source(tmp_path, monkeypatch):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "base_of_mine.py").write_text("class Base:\n    pass\n")
    monkeypatch.syspath_prepend(str(folder))
    path = folder / "Mine.py"
    path.write_text(SOURCE)
    return path


def load(config, source, **changed):
    given = {"strategy": "Mine", "strategy_path": str(source.parent), "runmode": RunMode.LIVE}
    return StrategyResolver.load_strategy(deepcopy({**config, **given, **changed}))


def test_it_has_every_file_of_the_class_and_what_overrides_it(default_futures_config, source):
    before = binding(load(default_futures_config, source))
    assert {"the file Mine.py", "the file base_of_mine.py", '"stoploss"'} <= set(before.parts)
    assert not [name for name in before.parts if "interface.py" in name]  # Freqtrade's
    params = {"buy": {"wait": 5}, "stoploss": {"stoploss": -0.2}}
    content = {"strategy_name": "Mine", "params": params}
    source.with_suffix(".json").write_text(json.dumps(content))
    after = binding(load(default_futures_config, source))
    changed = {
        name
        for name in {*before.parts, *after.parts}
        if before.parts.get(name) != after.parts.get(name)
    }
    assert changed == {"the parameters of buy", "the parameters of stoploss", '"stoploss"'}


def test_a_strategy_of_the_package_is_bound_by_its_file(default_futures_config):
    config = {**default_futures_config, "strategy": "RsiSmaSwing", "runmode": RunMode.LIVE}
    found = binding(StrategyResolver.load_strategy(config))
    assert {name for name in found.parts if name.startswith("the file")} == {
        "the file RsiSmaSwing.py"
    }


def test_the_configuration_may_have_been_completed_before(default_futures_config, source):
    """The bot has been through this check when it starts, the command has not."""
    strategy = load(default_futures_config, source)
    asked = binding(strategy)
    validate_config_consistency(strategy.config)
    assert binding(strategy) == asked


def test_neither_the_mode_nor_keys_count(default_futures_config, source):
    own = {**default_futures_config["exchange"], "key": "a", "secret": "b"}
    live = load(default_futures_config, source, dry_run=False, exchange=own, db_url="sqlite://")
    assert binding(live) == binding(load(default_futures_config, source))


def test_options_are_known_to_freqtrade():
    known = CONF_SCHEMA["properties"]
    # Freqtrade reads these, and does not list them.
    assert set(OPTIONS) - set(known) <= {"startup_candle_count", "use_custom_stoploss"}
    assert set(OF_EXCHANGE) <= set(CONF_SCHEMA["definitions"]["exchange"]["properties"])
