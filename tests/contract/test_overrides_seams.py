"""What of a strategy Freqtrade's configuration overrides. Seen to hold on 2026.6 to 2026.9."""

from __future__ import annotations

import ast
import inspect
import textwrap
from math import inf

import pytest
from freqtrade.exchange import Binance, Exchange
from freqtrade.resolvers.strategy_resolver import StrategyResolver

from perpkit.bot.layer.overridden import OVERRIDABLE, overrides_of
from perpkit.bot.layer.warm_up import MOST_REQUESTS
from tests.bench.source_trees import tree_of

pytestmark = pytest.mark.contract


def test_the_resolver_overrides_these_and_no_other():
    """A new one needs a row in perpkit.bot.layer.overrides."""
    tree = tree_of(textwrap.dedent(inspect.getsource(StrategyResolver.load_strategy)))
    (listed,) = (
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "attributes"
    )
    found = eval(ast.unparse(listed), {"float": float})  # a list of names and defaults
    assert dict(found) == OVERRIDABLE
    assert OVERRIDABLE["max_open_trades"] == inf


def test_properties_are_not_overridden():
    source = inspect.getsource(StrategyResolver._override_attribute_helper)
    assert "getattr(type(strategy), attribute, None), property" in source
    assert "config[attribute] = val" in source


def test_the_values_of_a_file_of_parameters_are_found(default_futures_config, tmp_path):
    (tmp_path / "Own.py").write_text(OWN)
    (tmp_path / "Own.json").write_text(FILE)
    config = {**default_futures_config, "strategy": "Own", "strategy_path": str(tmp_path)}
    strategy = StrategyResolver.load_strategy(config)
    found = overrides_of(strategy, strategy._perpkit.before)
    values = {override.name: override.value for override in found}
    assert values["stoploss"] == strategy.stoploss == -0.2
    assert values["minimal_roi"] == {"0": 0.05}
    assert strategy.minimal_roi == {0: 0.05}
    assert values["trailing_stop"] is strategy.trailing_stop is True


OWN = """
from perpkit.bot.strategy import PerpStrategy

class Own(PerpStrategy):
    timeframe = "1h"

    def populate_entry_trend(self, dataframe, metadata): return dataframe
    def populate_exit_trend(self, dataframe, metadata): return dataframe
"""
FILE = """{"strategy_name": "Own", "params": {"roi": {"0": 0.05}, "stoploss": {"stoploss": -0.2},
"trailing": {"trailing_stop": true}, "max_open_trades": {"max_open_trades": 2}}}"""


def test_how_many_candles_a_bot_fetches_and_keeps():
    asked = inspect.getsource(Exchange.validate_required_startup_candles)
    assert f"required_candle_call_count > {MOST_REQUESTS}" in asked
    assert "candle_count = startup_candles + 1" in asked
    kept = inspect.getsource(Exchange._process_ohlcv_df)
    assert ".tail(candle_limit + self._startup_candle_count)" in kept
    assert '"ohlcv_has_history"' in asked
    assert Binance._ft_has_futures["ohlcv_candle_limit"] == 499
