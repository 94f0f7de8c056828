"""The sources that a configuration names: found, or refused with the field and what is wrong."""

from __future__ import annotations

import json
import re
import sys
from contextlib import nullcontext
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from freqtrade.exceptions import ConfigurationError
from freqtrade.resolvers import StrategyResolver

from perpkit.bot.confluence.columns import checked_signals, combined_columns
from perpkit.bot.confluence.parameters import SHIPPED, ConfluenceRule, SourceChoice
from perpkit.durations import HOUR
from perpkit.signals.combining import Rule
from perpkit.signals.source import Signals
from tests import factories
from tests.bench.backtests import STRATEGIES
from tests.conftest import REPOSITORY

OWN = """
from dataclasses import dataclass
import numpy as np
from perpkit.parameters.declared import Parameters
from perpkit.signals.source import Signals, Source

@dataclass(frozen=True)
class Nothing(Parameters):
    pass

@dataclass(frozen=True)
class Mine(Source):
    name: str = "mine"
    rule: Nothing = Nothing()

    def columns(self, candles, step):
        return {}

    def signals(self, frame, rule):
        none = np.zeros(len(frame), dtype=bool)
        return Signals(none, none, none, none, none, none)

@dataclass(frozen=True)
class Badly(Mine):
    name: str = "Badly named"

@dataclass(frozen=True)
class Taken(Mine):
    name: str = "taken"
    computed: tuple = ("rsi",)

@dataclass(frozen=True)
class Risky(Mine):
    risk: dict = None

    def __post_init__(self):
        object.__setattr__(self, "risk", {"leverage": {"max_leverage": 20}})

@dataclass(frozen=True)
class Wide(Mine):
    risk: dict = None

    def __post_init__(self):
        object.__setattr__(self, "risk", {"stop": {"distance": 2}})

class Needy(Mine):
    def __init__(self, length):
        pass

class Half(Source):
    pass

def function():
    pass
"""


@pytest.fixture
def config(default_futures_config, tmp_path):
    folder = tmp_path / "own" / "strategies"
    folder.mkdir(parents=True)
    (folder / "own_sources.py").write_text(OWN)
    (folder / "broken_source.py").write_text("raise RuntimeError('out of order')")
    (folder / "leaving_source.py").write_text("import sys; sys.exit(3)")
    path = list(sys.path)
    yield {**default_futures_config, "user_data_dir": folder.parent, "strategy": "Confluence"}
    sys.path[:] = path
    for name in ("own_sources", "broken_source", "leaving_source", "my_signals"):
        sys.modules.pop(name, None)


def loaded(config, *sources, **rule):
    given = [{"source": each} if isinstance(each, str) else each for each in sources]
    section = {"sources": given, **rule} if sources else rule
    return StrategyResolver.load_strategy({**config, "perpkit": {"confluence": section}})


def test_the_defaults_are_the_sources_of_the_package(config):
    strategy = loaded(config)
    assert list(strategy.enabled) == ["rsi_sma", "funding_tide", "momentum"]
    assert strategy.budgets == dict.fromkeys(strategy.enabled, 1 / 3)
    assert strategy.startup_candle_count >= 700


def test_ones_own_are_found_in_the_user_directory(config):
    for _ in range(2):
        strategy = loaded(config, "own_sources:Mine", "rsi_sma")
    assert list(strategy.sources) == ["mine", "rsi_sma"]
    # Behind what is installed, and once.
    assert sys.path.count(str(config["user_data_dir"] / "strategies")) == 1
    assert sys.path[-1] == str(config["user_data_dir"] / "strategies")


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("rsi", "it is neither"),
        ("own_sources", "it is neither"),
        ("own_sources:Mine()", "it is neither"),
        ("../own_sources:Mine", "it is neither"),
        ("no_such_module:Mine", "its module cannot be imported: ModuleNotFoundError"),
        ("broken_source:Mine", "its module cannot be imported: RuntimeError: out of order"),
        ("leaving_source:Mine", "its module cannot be imported: SystemExit: 3"),
        ("own_sources:Absent", "own_sources has no subclass of perpkit.signals.source.Source"),
        ("own_sources:function", "own_sources has no subclass of"),
        ("own_sources:Nothing", "own_sources has no subclass of"),
        ("own_sources:Half", "it cannot be made: TypeError"),
        ("own_sources:Needy", "it cannot be made: TypeError"),
        ("own_sources:Badly", "its name must be in lower case with underscores, got 'Badly named'"),
    ],
)
def test_a_source_that_cannot_be_used_is_refused(config, source, why):
    with pytest.raises(ConfigurationError) as refused:
        loaded(config, "rsi_sma", source)
    message = str(refused.value)
    assert message.startswith('"perpkit.confluence.sources[1].source" must be rsi_sma, ')
    assert f"got '{source}': {why}" in message


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (["rsi_sma", "rsi_sma"], r'sources\[1\].source" must be another source .* rsi_sma again'),
        (["rsi_sma", "own_sources:Taken"], "got taken with rsi, which rsi_sma computes"),
        (["own_sources:Risky"], "risk of mine cannot have 'leverage'. Allowed: scale_out, stop"),
        (["own_sources:Wide"], r'"risk of mine.stop": distance must be .* got 2'),
        ([{"source": "rsi_sma", "weight": 2}], "has no parameter 'weight'. Allowed: budget"),
        ([{"source": "rsi_sma", "enabled": False}], "sources must have one that is enabled"),
        ([{"source": "rsi_sma", "budget": 0.5}], "budget of rsi_sma must be null with equal"),
        ([{"source": "rsi_sma", "budget": 2}], r"budget must be .* got 2"),
        (["rsi_sma"] * 9, "sources must be at most 8, got 9"),
    ],
)
def test_what_does_not_fit_together_is_refused(config, sources, message):
    with pytest.raises(ConfigurationError, match=message):
        loaded(config, *sources)


@pytest.mark.parametrize(
    ("budgets", "threshold", "most"),
    [
        ([0.1, 0.1, 0.1], 0.4, "0.3"),
        ([0.1, 0.2, None], 0.4, "0.3"),  # None: not enabled
        ([0.1, 0.1, 0.1], 0.3, None),
        ([0.5, 0.25, 0.25], 1.0, None),
    ],
)
def test_a_threshold_beyond_all_fixed_budgets_is_refused(budgets, threshold, most):
    sources = tuple(
        SourceChoice(name, enabled=budget is not None, budget=budget or 0.5)
        for name, budget in zip(SHIPPED, budgets, strict=True)
    )

    def rule(**more):
        return ConfluenceRule(sources, threshold=threshold, budgets="fixed", **more)

    assert rule().threshold == threshold  # which other rules do not ask
    expected = f"threshold must be at most {most}, the sum of the enabled sources' budgets, got 0.4"
    refused = pytest.raises(ValueError, match=expected) if most else nullcontext()
    with refused:
        rule(rule="weighted")


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"rule": "all"}, "rule must be one of any, agree, weighted, got 'all'"),
        ({"rule": "agree", "least": 4}, "least must be at most 3, the number of enabled sources"),
        ({"budgets": "fixed"}, "budget of rsi_sma must be given with fixed budgets, got null"),
        ({"within": 0}, "within must be"),
        ({"budgets": "out_of_sample"}, 'confluence.budgets_file": .*json: No such file'),
    ],
)
def test_a_rule_that_is_refused(config, rule, message):
    with pytest.raises(ConfigurationError, match=message):
        loaded(config, **rule)


def test_budgets_need_sizes_by_risk(config):
    given = {**config, "perpkit": {"use": {"sizing": False}}}
    with pytest.raises(ConfigurationError, match=r"use\.sizing must be true, got false"):
        StrategyResolver.load_strategy(given)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON"),
        ({"sources": {}}, "sources must have rsi_sma, has none"),
        ({"sources": {"rsi_sma": {"daily_volatility": -1, "days": 90}}}, "daily_volatility must"),
        ({"sources": {}, "extra": 1}, "has no parameter 'extra'"),
    ],
)
def test_a_file_of_budgets_that_is_refused(config, content, message):
    path = config["user_data_dir"] / "confluence_budgets.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(ConfigurationError, match=message) as refused:
        loaded(config, "rsi_sma", budgets="out_of_sample")
    assert f'"perpkit.confluence.budgets_file": {path}: ' in str(refused.value)


def test_budgets_by_the_file_of_walk_forward(config):
    known = {"rsi_sma": 0.01, "momentum": 0.03}
    found = {name: {"daily_volatility": vol, "days": 700} for name, vol in known.items()}
    path = config["user_data_dir"] / "budgets.json"
    path.write_text(json.dumps({"sources": found}))
    off = {"source": "funding_tide", "enabled": False}
    strategy = loaded(
        config, "rsi_sma", off, "momentum", budgets="out_of_sample", budgets_file=path.name
    )
    assert strategy.budgets == pytest.approx({"rsi_sma": 0.75, "momentum": 0.25})


@pytest.mark.parametrize("changed", [{"optimize": False}, {"enabled": False}])
def test_the_parameters_of_each_source_are_hyperopts(config, changed):
    strategy = loaded(config, {"source": "rsi_sma", **changed}, "momentum")
    strategy.ft_load_hyper_params(hyperopt=False)
    found = {name: parameter.optimize for name, parameter in strategy.enumerate_parameters()}
    own = {name for name, optimize in found.items() if optimize and name.startswith("rsi_sma_")}
    assert own == set()
    assert {"rsi_sma_oversold", "rsi_sma_trail_atr", "rsi_sma_stop_distance"} <= found.keys()
    assert {found["momentum_enter"], found["momentum_leave"]} == {True}
    # a trend has no target, and its stop does not trail
    assert not {"momentum_take_profit", "momentum_trail_atr"} & found.keys()
    assert strategy.rsi_sma_trail_atr.value == 5.0


def test_the_example_of_the_page_is_a_source(config):
    page = (REPOSITORY / "docs" / "strategies.md").read_text()
    [example] = [b for b in re.findall(r"```python\n(.*?)```", page, re.S) if "(Source)" in b]
    (config["user_data_dir"] / "strategies" / "my_signals.py").write_text(example)
    strategy = loaded(config, "my_signals:Breakout", {"source": "rsi_sma", "enabled": False})
    source = strategy.sources["breakout"].source
    candles = factories.candles(2_000)

    def signals(rows):
        frame = candles[:rows]
        return source.signals(frame.assign(**source.columns(frame, HOUR)), source.rule)

    whole = signals(2_000)
    assert whole.enter_long.sum() > 5
    assert whole.enter_short.sum() > 5
    for known, then in zip(whole, signals(1_400), strict=True):
        np.testing.assert_array_equal(known[:1_400], then)


def test_the_sources_of_these_tests_are_ones_own(default_futures_config):
    config = {**default_futures_config, "user_data_dir": STRATEGIES.parent}
    strategy = loaded({**config, "strategy": "Confluence"}, "sources_for_tests:Morning")
    assert strategy.morning_hour.value == 6


class Answers(NamedTuple):
    """As much of a source as its signals need."""

    name: str
    given: Signals

    def signals(self, frame, rule):
        return self.given


NO, HALF = np.zeros(3, dtype=bool), np.full(3, 0.5)
SIGNALS = Signals(NO, NO, NO, NO, HALF, HALF)


@pytest.mark.parametrize(
    ("signal", "values", "said"),
    [
        ("enter_long", [0.0, 0.5, 1.0], "true or false in each candle as enter_long, got 0.5"),
        ("enter_short", [0, 2, 1], "true or false in each candle as enter_short, got 2"),
        ("exit_long", [0.0, np.nan, 1.0], "true or false in each candle as exit_long, got nan"),
        ("exit_short", [True, None, False], "true or false in each candle as exit_short, got None"),
        (
            "exit_short",
            [True, pd.NA, False],
            "true or false in each candle as exit_short, got <NA>",
        ),
        ("exit_short", ["no", "yes", ""], "true or false in each candle as exit_short, got 'no'"),
        ("long_confidence", ["no", "yes", ""], "numbers as long_confidence: could not convert"),
        ("short_confidence", [{}, 1.0, 0.5], "numbers as short_confidence: float()"),
        ("enter_long", [True], "one value a candle as enter_long: 3, got (1,)"),
    ],
)
def test_signals_of_another_kind_are_refused_by_name(signal, values, said):
    source = Answers("mine", SIGNALS._replace(**{signal: np.array(values)}))
    with pytest.raises(ValueError, match=re.escape(f"mine must return {said}")):
        checked_signals(source, pd.DataFrame(index=range(3)), None)


@pytest.mark.parametrize("kind", [bool, int, float, object])
def test_flags_may_be_0_and_1(kind):
    enters = np.array([False, True, True]).astype(kind)
    source = Answers("mine", SIGNALS._replace(enter_long=enters))
    found = checked_signals(source, pd.DataFrame(index=range(3)), None)
    assert found.enter_long.dtype == bool
    columns = combined_columns({"mine": found}, {"mine": 1.0}, Rule())
    assert columns["enter_long"].tolist() == [0, 1, 1]
