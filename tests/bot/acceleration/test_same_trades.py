"""Whole backtests with and without the acceleration: every trade is the same, in every field."""

from __future__ import annotations

import pytest
from freqtrade.enums import RunMode
from freqtrade.optimize.backtesting import Backtesting
from freqtrade.persistence import LocalTrade, Order

from perpkit.bot.acceleration import switch
from perpkit.bot.acceleration.parts import PARTS, imported, part
from tests.bench.backtests import backtest, write_candles
from tests.cases import SLOW


@pytest.fixture
def config(default_futures_config, offline_markets):
    write_candles(default_futures_config["datadir"], rows=600)
    return {**default_futures_config, "random_trades": 1}


RUNS = [
    pytest.param("PlainTrend", {}, id="trailing"),
    pytest.param("RandomTrades", {}, id="parts, additions, waiting orders"),
    pytest.param(
        "PlainTrend",
        {"enable_protections": True, "max_open_trades": 1},
        id="protections",
        marks=SLOW,
    ),
    pytest.param(
        "RandomTrades", {"margin_mode": "cross", "random_trades": 2}, id="cross margin", marks=SLOW
    ),
    pytest.param(
        "RandomTrades",
        {"random_trades": 3, "stake_amount": "unlimited"},
        id="other trades",
        marks=SLOW,
    ),
    pytest.param("PlainAveraging", {}, id="averaging", marks=SLOW),
    pytest.param("UsualCallbacks", {"enable_protections": True}, id="usual callbacks"),
    pytest.param("Scribbler", {"enable_protections": True}, id="writes to what it is given"),
    pytest.param("RandomSwing", {"enable_protections": True}, id="of the package"),
    pytest.param(
        "RandomSwing",
        {"perpkit": {"trailing": {"trail": "sar", "time_stop_hours": 20}}},
        id="of the package, time stop",
        marks=SLOW,
    ),
    pytest.param(
        "RandomSwing",
        {"perpkit": {"use": {"slicing": True}}, "stake_amount": "unlimited"},
        id="of the package, slices",
        marks=SLOW,
    ),
    pytest.param(
        "PlainTrend",
        {"perpkit": {"attach": True}, "enable_protections": True},
        id="attached",
        marks=SLOW,
    ),
]


@pytest.mark.parametrize(("strategy", "changed"), RUNS)
def test_every_trade_is_the_same(config, strategy, changed):
    changed = dict(changed)
    own = changed.pop("perpkit", {})
    stock = backtest(config, strategy, perpkit={**own, "acceleration": False}, **changed)
    assert not any(part.is_on for part in imported())
    ours = backtest(config, strategy, perpkit=own, **changed)
    assert len(stock.trades) > 20
    assert ours.trades == stock.trades
    assert (
        ours.stats["strategy"][strategy]["final_balance"]
        == stock.stats["strategy"][strategy]["final_balance"]
    )
    assert ours.locks == stock.locks


def test_a_run_without_it_is_freqtrades_own(config):
    before = {kind: dict(vars(kind)) for kind in (LocalTrade, Order, Backtesting)}
    switch.follow(config | {"runmode": RunMode.BACKTEST})
    assert {name: part(name).is_on for name in PARTS} == dict.fromkeys(PARTS, True)
    assert {kind: dict(vars(kind)) for kind in before} != before
    backtest(config, "PlainTrend", perpkit={"acceleration": False})
    assert {name: part(name).is_on for name in PARTS} == dict.fromkeys(PARTS, False)
    assert {kind: dict(vars(kind)) for kind in before} == before
