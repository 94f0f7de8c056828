"""Freqtrade's commands with a strategy to which the layer is attached, in this process."""

from __future__ import annotations

import json
import logging
import sys
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from freqtrade.enums import RunMode
from freqtrade.optimize.analysis.lookahead import LookaheadAnalysis
from freqtrade.optimize.analysis.recursive import RecursiveAnalysis
from freqtrade.resolvers import StrategyResolver

from perpkit.bot.layer.perp_risk import PerpRisk
from tests.bench.backtests import PAIRS, STRATEGIES, alone, backtest, backtest_list, write_candles
from tests.cases import SLOW
from tests.factories import START

FLASH = {"method": "FlashCrashBreaker", "windows": [[60, 0.15]]}
NIMBLE = {"method": "FlashCrashBreaker", "windows": [[60, 0.015]], "calm_range": 0.01}
# The base is imported, once in a process, by two strategies in files of their own.
BASE = """
from freqtrade.strategy import IntParameter, IStrategy

class SharedBase(IStrategy):
    timeframe = "1h"
    stoploss = -0.1
    can_short = True
    startup_candle_count = 30
    length = IntParameter(3, 12, default=5, space="buy")
    buy_params = {}

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        mean = dataframe["close"].rolling(self.length.value).mean()
        dataframe.loc[dataframe["close"] > 1.01 * mean, "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        mean = dataframe["close"].rolling(self.length.value).mean()
        dataframe.loc[dataframe["close"] < mean, "exit_long"] = 1
        return dataframe
"""
CHILD = """
from shared_base import SharedBase

class {name}(SharedBase):
    def named(self):
        return {name}.length.value
"""
BIASED = """
from PlainTrend import PlainTrend

class Biased(PlainTrend):
    def populate_entry_trend(self, dataframe, metadata):
        rises = dataframe["close"].shift(-4) > 1.01 * dataframe["close"]
        dataframe.loc[rises, "enter_long"] = 1
        return dataframe
"""
IN_CODE = """
from perpkit.bot.layer.perp_risk import PerpRisk
from PlainTrend import PlainTrend

class InCode(PerpRisk, PlainTrend):
    pass
"""
# One of our breakers on a strategy without the layer: Freqtrade runs it when a trade closes.
LATE = """
from PlainTrend import PlainTrend

class Late(PlainTrend):
    protections = [{"method": "FlashCrashBreaker", "windows": [[60, 0.015]], "calm_range": 0.01}]
"""


@pytest.fixture
def config(offline_markets, default_futures_config) -> dict[str, Any]:
    write_candles(default_futures_config["datadir"], rows=400)
    return {**default_futures_config, "enable_protections": True}


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Of strategies of the user's, beside those of the bench."""
    found = tmp_path / "theirs"
    found.mkdir()
    sources = {"shared_base": BASE, "Biased": BIASED, "InCode": IN_CODE, "Late": LATE}
    sources |= {name: CHILD.format(name=name) for name in ("First", "Second")}
    for name, source in sources.items():
        (found / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(str(STRATEGIES))
    monkeypatch.delitem(sys.modules, "shared_base", raising=False)
    return found


def parameter_file(folder: Path, name: str, **spaces: Any) -> None:
    content = {"strategy_name": name, "params": spaces}
    (folder / f"{name}.json").write_text(json.dumps(content))


def load(config, name, folder, runmode=RunMode.BACKTEST, **more):
    config = {**config, "strategy": name, "strategy_path": str(folder), "runmode": runmode, **more}
    config["spaces"] = ["all"]
    return StrategyResolver.load_strategy(config)


def attached(*protections, **more):
    return {"perpkit": {"attach": True, "protections": list(protections), **more}}


MIXED = [
    (["BasedTrend", "PlainTrend", "PlainMonster"], attached(NIMBLE)),
    (["BasedTrend", "InCode", "Late"], {"perpkit": {"protections": [NIMBLE]}}),
]


@pytest.mark.parametrize(
    ("names", "perpkit"),
    [pytest.param(*MIXED[0], id="attached"), pytest.param(*MIXED[1], id="alone", marks=SLOW)],
)
def test_strategies_of_a_list_do_as_they_do_alone(config, folder, names, perpkit):
    for name in names:
        if not (folder / f"{name}.py").exists():
            (folder / f"{name}.py").write_text((STRATEGIES / f"{name}.py").read_text())
    perpkit |= {"strategy_path": str(folder)}
    together = backtest_list(config, names, **perpkit)
    for name in names:
        own = backtest(config, name, **perpkit)
        assert own.trades, name
        assert unnumbered(together[name].trades) == unnumbered(own.trades), name
        assert together[name].locks == own.locks, name
    layered = {name for name in names if isinstance(together[name].strategy, PerpRisk)}
    assert layered == (set(names) if "attach" in perpkit["perpkit"] else {"BasedTrend", "InCode"})


def unnumbered(trades):
    """Freqtrade numbers the trades and orders of all strategies of a list."""
    orders = [[{**order, "order_id": None} for order in trade["orders"]] for trade in trades]
    return [{**t, "trade_id": None, "orders": o} for t, o in zip(trades, orders, strict=True)]


def analysed(kind, config, folder, name, **more):
    config = {
        **config,
        "runmode": RunMode.UTIL_NO_EXCHANGE,
        "strategy": name,
        "strategy_path": str(folder),
        "timerange": f"{START:%Y%m}05-{START:%Y%m}12",
        "max_open_trades": -1,
        "stake_amount": 1_000,
        "dry_run_wallet": 1_000_000,
        "exchange": {**config["exchange"], "pair_whitelist": PAIRS[:1]},
        "pairs": PAIRS[:1],
        "startup_candle": [100, 200],
        "minimum_trade_amount": 2,
        "targeted_trade_amount": 2,
        "enable_protections": False,
        "backtest_cache": "none",
        "tradable_balance_ratio": 0.99,
        "export": "none",
        **more,
    }
    [found] = [
        each for each in StrategyResolver.search_all_objects(config, False) if each["name"] == name
    ]
    assert not issubclass(found["class"], PerpRisk)  # nor in what `list-strategies` shows
    analysis = kind(config, found)
    with alone():
        analysis.start(MagicMock())  # a progress bar
    return analysis


@pytest.mark.parametrize(("name", "biased"), [("PlainTrend", False), ("Biased", True)])
def test_look_ahead_analysis_finds_what_it_finds_without(config, folder, name, biased):
    where = folder if biased else STRATEGIES
    found = [
        analysed(LookaheadAnalysis, config, where, name, **perpkit).current_analysis
        for perpkit in ({}, {"perpkit": {"attach": True}})
    ]
    assert found[0].total_signals == found[1].total_signals > 0
    assert [each.has_bias for each in found] == [biased, biased]


def test_recursive_analysis_finds_what_it_finds_without(config):
    plain, layered = (
        analysed(RecursiveAnalysis, config, STRATEGIES, "PlainForecast", **perpkit)
        for perpkit in ({}, {"perpkit": {"attach": True}})
    )
    assert plain.dict_recursive == layered.dict_recursive
    assert plain.dict_recursive


@pytest.mark.parametrize("runmode", [RunMode.BACKTEST, RunMode.HYPEROPT, RunMode.DRY_RUN])
def test_a_parameter_file_is_of_one_strategy(config, folder, runmode):
    parameter_file(
        folder, "First", buy={"length": 9}, protection={"perpkit_week_loss": 0.15},
        stoploss={"stoploss": -0.2},
    )  # fmt: skip
    first, second = (
        load(config, name, folder, runmode, perpkit={"attach": True})
        for name in ("First", "Second")
    )
    for strategy in (first, second):
        strategy.ft_load_hyper_params(hyperopt=runmode is RunMode.HYPEROPT)
    assert (first.length.value, first.named(), first.stoploss) == (9, 9, -0.2)
    assert (second.length.value, second.named(), second.stoploss) == (5, 5, -0.1)
    assert [_week_loss(strategy) for strategy in (first, second)] == [0.15, 0.1]
    assert first.buy_params is not second.buy_params
    assert second.buy_params == {}


def _week_loss(strategy):
    [drawdown] = [p for p in strategy.protections if p["method"] == "DrawdownBreaker"]
    assert drawdown["week_loss"] == strategy.perpkit_week_loss.value
    return drawdown["week_loss"]


def test_a_parameter_file_moves_a_backtest(config, folder):
    perpkit = {"perpkit": {"attach": True}, "strategy_path": str(folder)}
    before = backtest(config, "First", **perpkit)
    other = backtest(config, "Second", **perpkit)
    parameter_file(folder, "First", buy={"length": 9}, protection={"perpkit_flash_move": 0.05})
    after = backtest(config, "First", **perpkit)
    assert before.trades == other.trades != after.trades
    assert backtest(config, "Second", **perpkit).trades == other.trades


def hyperopt(config, folder, jobs):
    # The older release knows only a joblib of its time.
    module = pytest.importorskip("freqtrade.optimize.hyperopt.hyperopt", exc_type=ImportError)
    (config["user_data_dir"] / "hyperopt_results").mkdir()
    config = {
        **config,
        "runmode": RunMode.HYPEROPT,
        "strategy": "First",
        "strategy_path": str(folder),
        "timerange": f"{START:%Y%m}05-",
        "dry_run_wallet": 10_000,
        "stake_amount": 1_000,
        "perpkit": {"attach": True},
        "spaces": ["buy", "protection"],
        "hyperopt_loss": "OnlyProfitHyperOptLoss",
        "hyperopt_min_trades": 1,
        "hyperopt_random_state": 3,
        "hyperopt_jobs": jobs,
        "epochs": 3,
        "verbosity": 0,
        "export": "none",
    }
    with alone():
        running = module.Hyperopt(config)
        running.start()
    return running.current_best_epoch


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=SLOW)])
def test_hyperopt_finds_parameters_that_the_next_backtest_uses(config, folder, jobs):
    """With two workers the class in front is pickled by value."""
    best = hyperopt(config, folder, jobs)
    found = best["params_details"]
    assert {name for name in found["protection"] if name.startswith("perpkit_")} == set(
        found["protection"]
    )
    written = json.loads((folder / "First.json").read_text())["params"]
    assert (written["buy"], written["protection"]) == (found["buy"], found["protection"])
    again = backtest(
        config, "First", strategy_path=str(folder), perpkit={"attach": True},
        timerange=f"{START:%Y%m}05-",
    )  # fmt: skip
    assert len(again.trades) == best["results_metrics"]["total_trades"]
    profit = sum(trade["profit_abs"] for trade in again.trades)
    assert profit == pytest.approx(best["results_metrics"]["profit_total_abs"])


def encoded(path: Path) -> str:
    return f"{path.stem}:{urlsafe_b64encode(path.read_bytes()).decode()}"


@pytest.mark.parametrize("place", ["strategies", "strategies/deep/down", "elsewhere", "base64"])
def test_wherever_freqtrade_finds_a_strategy(config, tmp_path, place):
    source, name, more = STRATEGIES / "PlainTrend.py", "PlainTrend", {"strategy_path": None}
    if place == "base64":
        name = encoded(source)
    else:
        where = config["user_data_dir"] / place
        where.mkdir(parents=True)
        (where / "own_name.py").write_text(source.read_text())
        more = {"strategy_path": str(where) if place == "elsewhere" else None}
        parameter = {"strategy_name": name, "params": {"buy": {"fast": 8}}}
        (where / "own_name.json").write_text(json.dumps(parameter))
    config = {**config, "strategy": name, "recursive_strategy_search": True, **more}
    config |= {"runmode": RunMode.BACKTEST, "perpkit": {"attach": True}}
    strategy = StrategyResolver.load_strategy(config)
    assert isinstance(strategy, PerpRisk)
    assert strategy.get_strategy_name() == "PlainTrend"
    strategy.ft_load_hyper_params()
    assert strategy.fast.value == (5 if place == "base64" else 8)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (
            "    @property\n    def order_types(self): return {**PlainTrend.order_types}",
            "its order_types is a property",
        ),
        (
            "    order_types = property(lambda self: {**PlainTrend.order_types},\n"
            "                           lambda self, given: self.refuse())\n"
            "    def refuse(self): raise AttributeError('mine alone')",
            "its order_types cannot be set: mine alone",
        ),
        (
            "    def __init_subclass__(cls, **kwargs): raise TypeError('it is\\n final')",
            "TypeError: it is final",
        ),
    ],
)
def test_what_cannot_be_composed_is_one_line(config, folder, source, why):
    text = f"from PlainTrend import PlainTrend\nclass Closed(PlainTrend):\n{source}\n"
    (folder / "Closed.py").write_text(text)
    assert not isinstance(load(config, "Closed", folder), PerpRisk)
    with pytest.raises(Exception, match="Perpkit cannot be attached to Closed: ") as refused:
        load(config, "Closed", folder, perpkit={"attach": True})
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_metaclass_that_ends_a_family_is_one_line(config, folder):
    text = """
from abc import ABCMeta
from PlainTrend import PlainTrend

class Ends(ABCMeta):
    def __new__(mcs, name, bases, members, **kwargs):
        if any(isinstance(base, mcs) for base in bases):
            raise TypeError(f"{name} has no children")
        return super().__new__(mcs, name, bases, members, **kwargs)

class Closed(PlainTrend, metaclass=Ends):
    pass
"""
    (folder / "Closed.py").write_text(text)
    with pytest.raises(Exception, match=r"attached to Closed: .*Closed has no children"):
        load(config, "Closed", folder, perpkit={"attach": True})


@pytest.mark.parametrize("runmode", [RunMode.PLOT, RunMode.WEBSERVER])
def test_plots_and_the_webserver_see_the_strategy_alone(config, caplog, runmode):
    caplog.set_level(logging.INFO)
    config |= {"perpkit": {"attach": True}}
    strategy = load(config, "PlainAveraging", STRATEGIES, runmode)
    assert strategy.__class__.__mro__[1].__name__ == "IStrategy"
    strategy.ft_bot_start()
    assert "Perpkit" not in caplog.text
