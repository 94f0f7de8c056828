"""What a verdict is bound to: the file, the parameters and the configuration of a strategy."""

import inspect
import json
import sys
from copy import deepcopy

import pytest
from freqtrade.config_schema.config_schema import CONF_SCHEMA
from freqtrade.configuration.config_validation import validate_config_consistency
from freqtrade.enums import RunMode
from freqtrade.optimize.optimize_reports.optimize_reports import generate_strategy_stats
from freqtrade.resolvers import StrategyResolver

from perpkit.bot.binding import OF_EXCHANGE, OPTIONS, binding
from perpkit.ops.golive_tested import STATED, STATED_SLOTS
from perpkit.venue.overlay import overlay

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


@pytest.mark.parametrize("before", [{}, {"guard": False}])
@pytest.mark.parametrize(
    ("switched", "counts"),
    [({"alerts": True}, False), ({"targets": True}, True), ({"refresh": False}, True)],
)
def test_a_switch_counts_where_it_decides(default_futures_config, source, before, switched, counts):
    found = [
        binding(load(default_futures_config, source, perpkit=perpkit)).parts
        for perpkit in ({"use": before} if before else {}, {"use": {**before, **switched}})
    ]
    assert (found[0] != found[1]) == counts


def test_a_verdict_at_a_venue_is_none_at_the_exchange(default_futures_config, source):
    at_exchange = binding(load(default_futures_config, source)).parts
    redirected = overlay("http://127.0.0.1:8900", source.parent)["exchange"]
    exchange = {**default_futures_config["exchange"], **redirected}
    at_venue = binding(load(default_futures_config, source, exchange=exchange)).parts
    differing = {name for name in at_exchange if at_exchange[name] != at_venue.get(name)}
    assert differing == {"the market"}
    assert (at_exchange["the market"], at_venue["the market"]) == ("the exchange", "a venue")


@pytest.mark.parametrize("name", ["perpkit", "freqtrade", "abc", "typing", "builtins"])
@pytest.mark.parametrize("perpkit", [{}, {"attach": True}])
def test_a_file_counts_under_any_name(default_futures_config, source, name, perpkit):
    path = source.rename(source.with_stem(name))
    before = binding(load(default_futures_config, path, perpkit=perpkit)).parts
    path.write_text(SOURCE + "# another one")
    after = binding(load(default_futures_config, path, perpkit=perpkit)).parts
    differing = {part for part in before if before[part] != after.get(part)}
    assert differing == {f"the file {name}.py"}


FREQAI = {
    "enabled": False,
    "train_period_days": 30,
    "backtest_period_days": 7,
    "identifier": "x",
    "feature_parameters": {"include_timeframes": ["1h"], "include_corr_pairlist": []},
    "data_split_parameters": {"test_size": 0.2},
}
PLUGINS = {
    "protections/Braking.py": "from freqtrade.plugins.protections import IProtection\n"
    "class Braking(IProtection): ...\n",
    "pairlists/Picking.py": "from freqtrade.plugins.pairlist.IPairList import IPairList\n"
    "class Picking(IPairList): ...\n",
    "freqaimodels/Guessing.py": "class Guessing(object): ...\n",
    "freqaimodels/Member.py": "class Member(object): ...\n",
    "freqaimodels/Other.py": "class Other(object): ...\n",
    "protections/Unused.py": "class Unused(object): ...\n",
}


def test_the_files_of_the_users_plugins_count_where_they_are_used(default_futures_config, source):
    folder = default_futures_config["user_data_dir"]
    for name, content in PLUGINS.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    using = {
        "pairlists": [{"method": "StaticPairList"}, {"method": "Picking"}],
        "freqaimodel": "Guessing",
        "freqai": {"ensemble": ["Member", {"model": "Other"}], **FREQAI},
    }
    code = SOURCE.replace("wait =", 'protections = [{"method": "Braking"}]\n    wait =')
    source.write_text(code)
    found = binding(load(default_futures_config, source, **using)).parts
    assert {name for name in found if "/" in name} == {
        f"the file {name}" for name in PLUGINS if "Unused" not in name
    }


def test_those_in_a_folder_that_an_option_names_count(default_futures_config, source, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "Picking.py").write_text(PLUGINS["pairlists/Picking.py"])
    using = {"pairlists": [{"method": "Picking"}], "pairlist_path": str(elsewhere)}
    assert (
        "the file pairlists/Picking.py"
        in binding(load(default_futures_config, source, **using)).parts
    )


SIGNALS = """
from perpkit.signals.rsi_sma_source import RsiSma


class Own(RsiSma):
    pass
"""


def test_sources_of_signals_of_ones_own_count(default_futures_config, monkeypatch):
    folder = default_futures_config["user_data_dir"] / "strategies"
    folder.mkdir()
    path = folder / "signals_of_mine.py"
    path.write_text(SIGNALS)
    monkeypatch.setattr(sys, "path", list(sys.path))
    perpkit = {"confluence": {"sources": [{"source": "signals_of_mine:Own"}]}}
    config = {**default_futures_config, "strategy": "Confluence", "perpkit": perpkit}
    try:
        found = binding(StrategyResolver.load_strategy(deepcopy(config))).parts
    finally:
        sys.modules.pop("signals_of_mine", None)
    files = {name for name in found if name.startswith("the file")}
    assert files == {"the file Confluence.py", "the file signals_of_mine.py"}


def test_figures_of_a_backtest_have_the_options_as_they_were_in_effect():
    code = inspect.getsource(generate_strategy_stats)
    assert [name for name in (*STATED, STATED_SLOTS) if f'"{name}": ' not in code] == []


def test_options_are_known_to_freqtrade():
    known = CONF_SCHEMA["properties"]
    # Freqtrade reads these, and does not list them.
    assert set(OPTIONS) - set(known) <= {"startup_candle_count", "use_custom_stoploss"}
    assert set(OF_EXCHANGE) <= set(CONF_SCHEMA["definitions"]["exchange"]["properties"])
