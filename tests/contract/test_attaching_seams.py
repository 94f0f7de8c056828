"""The seams behind attaching the risk layer. Seen to hold on Freqtrade 2026.6 to 2026.9."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from freqtrade.enums import RunMode
from freqtrade.optimize import backtest_caching, backtesting
from freqtrade.optimize.backtesting import Backtesting
from freqtrade.resolvers import StrategyResolver
from freqtrade.resolvers.iresolver import IResolver
from freqtrade.rpc.rpc_manager import RPCManager

import perpkit
from perpkit.bot.loading import attaching
from tests.bench.backtests import STRATEGIES

pytestmark = pytest.mark.contract

CALLS = [
    # The configuration comes with the keyword arguments, and the class from the search.
    (StrategyResolver._load_strategy, ("StrategyResolver._load_object(", '{"config": config}')),
    (IResolver._load_object.__func__, ("cls._search_object(", "return module(**kwargs)")),
    # The file of parameters is beside `__file__`, which the search sets on the class it has found.
    (IResolver._search_object.__func__, ("obj[0].__file__ = str(entry)", "return (obj[0], ")),
    (
        Backtesting.load_prior_backtest,
        ("get_strategy_run_id(strategy)", "find_existing_backtest_stats("),
    ),
    # What PerpkitAttached says reaches the operator.
    (RPCManager.startup_messages, ("pairlist.short_desc()",)),
]


@pytest.mark.parametrize(
    ("function", "texts"), CALLS, ids=lambda each: getattr(each, "__name__", "")
)
def test_freqtrade_calls_what_is_adjusted(function, texts):
    source, after = inspect.getsource(function), 0
    for text in texts:
        after = source.index(text, after) + len(text)


def test_a_backtest_identifies_strategies_with_what_is_adjusted():
    assert backtesting.get_strategy_run_id is backtest_caching.get_strategy_run_id
    assert backtest_caching.get_strategy_run_id.__module__ == "freqtrade.optimize.backtest_caching"
    assert hasattr(backtest_caching.get_strategy_run_id, "__wrapped__")


@pytest.fixture
def run_id(default_futures_config):
    def of(name: str, **more: Any) -> str:
        config = {
            **default_futures_config,
            "strategy": name,
            "strategy_path": str(STRATEGIES),
            "runmode": RunMode.BACKTEST,
            **more,
        }
        return backtesting.get_strategy_run_id(StrategyResolver.load_strategy(config))

    return of


@pytest.mark.parametrize(
    ("name", "more", "knows"),
    [
        ("PlainTrend", {}, False),
        ("PlainTrend", {"perpkit": {"attach": False}}, False),
        ("PlainTrend", {"perpkit": {"attach": True}}, True),
        ("AttachedSteered", {}, True),
        ("BasedTrend", {}, True),
    ],
)
def test_another_release_is_another_backtest(run_id, monkeypatch, name, more, knows):
    assert attaching.__version__ == perpkit.__version__
    before = run_id(name, **more)
    assert before == run_id(name, **more)
    monkeypatch.setattr(attaching, "__version__", "0.0.9")
    assert (run_id(name, **more) != before) is knows


@pytest.mark.parametrize("attach", [False, True])
@pytest.mark.parametrize("place", ["user_data_dir", "protection_path"])
def test_so_is_a_changed_breaker_of_the_users(
    run_id, default_futures_config, tmp_path, attach, place
):
    folder = tmp_path / "mine"
    if place == "user_data_dir":
        folder = default_futures_config["user_data_dir"] / "protections"
    folder.mkdir()
    more = {"perpkit": {"attach": attach, "protections": []}, "protection_path": str(folder)}
    found = []
    for source in ("", "LIMIT = 1", "LIMIT = 2"):
        (folder / "Mine.py").write_text(source)
        found.append(run_id("PlainTrend", **more))
    assert len(set(found)) == (3 if attach else 1)
