"""Each row of the table "Which value counts" in docs/parameters.md, for both kinds of strategy."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import pytest
from freqtrade.enums import RunMode
from freqtrade.resolvers import StrategyResolver

from perpkit.bot.watching.watch import Watch
from tests.bench.backtests import STRATEGIES

OURS, ATTACHED = ("BasedTrend", ""), ("PlainTrend", "perpkit_")
KINDS = pytest.mark.parametrize(("name", "prefix"), [OURS, ATTACHED])
LISTED = {"method": "DrawdownBreaker", "week_loss": 0.05}


@pytest.fixture
def load(default_futures_config, tmp_path):
    for name in ("BasedTrend", "PlainTrend"):
        shutil.copy(STRATEGIES / f"{name}.py", tmp_path)

    def load(name, *, file=None, runmode=RunMode.BACKTEST, **perpkit):
        if file is not None:
            content = {"strategy_name": name, "params": {"protection": file}}
            (tmp_path / f"{name}.json").write_text(json.dumps(content))
        perpkit = {"attach": True, **perpkit} if name == "PlainTrend" else perpkit
        config = {**default_futures_config, "strategy": name, "strategy_path": str(tmp_path)}
        strategy = StrategyResolver.load_strategy(
            {**config, "runmode": runmode, "perpkit": perpkit}
        )
        strategy.ft_load_hyper_params(hyperopt=False)
        return strategy

    return load


def week_loss(strategy):
    [found] = [p for p in strategy.protections if p["method"] == "DrawdownBreaker"]
    return found["week_loss"]


@KINDS
def test_the_strategy_and_its_defaults_come_first(load, name, prefix):
    assert week_loss(load(name)) == getattr(load(name), f"{prefix}week_loss").value == 0.10


@KINDS
def test_the_file_of_hyperopt_overrides_them(load, name, prefix):
    assert week_loss(load(name, file={f"{prefix}week_loss": 0.07})) == 0.07


@KINDS
def test_protections_of_the_configuration_override_the_file(load, name, prefix):
    strategy = load(name, file={f"{prefix}week_loss": 0.07}, protections=[LISTED])
    assert strategy.protections == [LISTED]


@pytest.mark.parametrize("guard", [True, False])
@pytest.mark.parametrize("attach", [["guard"], ["breakers"], True])
@KINDS
def test_use_overrides_what_is_attached(load, name, prefix, guard, attach):
    strategy = load(name, runmode=RunMode.LIVE, attach=attach, use={"guard": guard})
    strategy.order_types = {**strategy.order_types, "stoploss_on_exchange": True}
    assert strategy._perpkit_hooks().settings().use.guard is guard


@pytest.mark.parametrize("attach", [["guard"], ["breakers"]])
def test_what_is_attached_counts_without_it(load, attach):
    strategy = load("PlainTrend", runmode=RunMode.LIVE, attach=attach)
    strategy.order_types = {**strategy.order_types, "stoploss_on_exchange": True}
    assert strategy._perpkit_hooks().settings().use.guard is ("guard" in attach)


@pytest.mark.parametrize("given", [True, False])
@KINDS
def test_the_command_line_decides_whether_breakers_act(load, name, prefix, given):
    strategy = load(name, protections=[LISTED])
    config = {**strategy.config, "enable_protections": given}
    assert Watch(config, SimpleNamespace(), lambda: strategy.protections).enabled is given
