"""A strategy with the layer attached decides as it does without, until a breaker acts."""

from __future__ import annotations

import logging
from datetime import timedelta

import pandas as pd
import pytest
from freqtrade.data.history import get_datahandler
from freqtrade.enums import CandleType

from perpkit.bot.layer.perp_risk import PerpRisk
from tests.bench.backtests import backtest, write_candles
from tests.cases import SLOW
from tests.factories import START

PLAIN = ["PlainTrend", "PlainAveraging", "PlainForecast", "PlainMonster"]
# The one that never wants to leave is in each `make test`.
STUBBORN_FIRST = [
    name if name == "PlainMonster" else pytest.param(name, marks=SLOW) for name in PLAIN
]
CRASH = 700  # row of the candle that falls by a fifth
AFTER_THE_CRASH = f"{START + (CRASH + 1) * timedelta(hours=1):%F %T}"
# No candle of the random walk falls as much.
FLASH = {"method": "FlashCrashBreaker", "windows": [[60, 0.15]]}
NIMBLE = {"method": "FlashCrashBreaker", "windows": [[60, 0.015], [240, 0.03]],
          "calm_range": 0.01}  # fmt: skip
BRAKE = {"method": "DrawdownBreaker", "hour_loss": 0.001, "size_factor": 0.25}
HALT = {"method": "DrawdownBreaker", "hour_loss": 0, "day_loss": 0, "week_loss": 0,
        "high_water_loss": 0, "open_loss": 0.002}  # fmt: skip


@pytest.fixture
def config(offline_markets, default_futures_config):
    write_candles(default_futures_config["datadir"])
    return {**default_futures_config, "enable_protections": True}


@pytest.fixture
def crashing(offline_markets, default_futures_config):
    write_candles(default_futures_config["datadir"], crash=CRASH)
    return {**default_futures_config, "enable_protections": True}


def attached(*protections, parts=True):
    return {"perpkit": {"attach": parts, "protections": list(protections)}}


@pytest.mark.parametrize("strategy", STUBBORN_FIRST)
def test_without_an_acting_breaker_the_trades_are_the_same(config, strategy):
    plain = backtest(config, strategy)
    layered = backtest(config, strategy, **attached(FLASH))
    assert not isinstance(plain.strategy, PerpRisk)
    assert isinstance(layered.strategy, PerpRisk)
    assert len(plain.trades) > 20
    assert layered.trades == plain.trades
    assert layered.locks == plain.locks


def test_without_enabled_protections_the_breakers_are_idle(crashing, caplog):
    caplog.set_level(logging.INFO)
    idle = {**crashing, "enable_protections": False}
    layered = backtest(idle, "PlainTrend", **attached(FLASH))
    assert layered.trades == backtest(idle, "PlainTrend").trades
    assert not layered.locks
    assert any("--enable-protections" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("strategy", STUBBORN_FIRST)
def test_a_breaker_locks_while_no_trade_closes(crashing, strategy):
    layered = backtest(crashing, strategy, **attached(FLASH))
    ours = [lock for lock in layered.locks if lock[4].startswith("FlashCrashBreaker")]
    assert [(lock[0], lock[2]) for lock in ours] == [("*", AFTER_THE_CRASH)]
    ends = max(lock[3] for lock in ours)
    assert not [t for t in layered.trades if AFTER_THE_CRASH <= t["open_date"] < ends]


@pytest.mark.parametrize("strategy", ["PlainAveraging", pytest.param("PlainMonster", marks=SLOW)])
def test_nothing_is_added_while_entries_are_blocked(config, strategy):
    plain = backtest(config, strategy)
    layered = backtest(config, strategy, **attached(NIMBLE))
    locks = [lock for lock in layered.locks if lock[4].startswith("FlashCrashBreaker")]
    assert added(plain, locks) > 0
    assert added(layered, locks) == 0
    assert any(trade["nr_of_successful_entries"] > 1 for trade in layered.trades)


def added(run, locks) -> int:
    """How many additions were made during the locks."""
    orders = [
        (trade["pair"], START.fromtimestamp(order["order_timestamp"] / 1000, START.tzinfo))
        for trade in run.trades
        for order in [each for each in trade["orders"] if each["ft_is_entry"]][1:]
    ]
    return sum(
        any(lock[0] in (pair, "*") and lock[2] <= f"{at:%F %T}" < lock[3] for lock in locks)
        for pair, at in orders
    )


def open_at(config, pair: str, date: str) -> float:
    """The price at which the candle of this time opens."""
    handler = get_datahandler(config["datadir"], "feather")
    frame = handler.ohlcv_load(pair, "1h", CandleType.FUTURES).set_index("date")
    return float(frame.loc[pd.Timestamp(date, tz="UTC"), "open"])


@pytest.mark.parametrize("strategy", STUBBORN_FIRST)
def test_a_halt_flattens_at_once(config, strategy):
    plain = backtest(config, strategy)
    layered = backtest(config, strategy, **attached(HALT))
    halts = {lock[2] for lock in layered.locks if lock[4].startswith("DrawdownBreaker halted")}
    left = [trade for trade in layered.trades if trade["exit_reason"] == "halted"]
    assert halts
    assert {trade["close_date"] for trade in left} == halts
    for trade in left:
        opened = open_at(config, trade["pair"], trade["close_date"])
        assert trade["close_rate"] == pytest.approx(opened, rel=1e-5)  # in ticks
    for trade in layered.trades:
        assert not any(trade["open_date"] < halt < trade["close_date"] for halt in halts), trade
    assert "halted" not in {trade["exit_reason"] for trade in plain.trades}


@pytest.mark.parametrize("breaker", [FLASH, pytest.param(NIMBLE, marks=SLOW)])
def test_locks_are_those_of_the_base_class(crashing, breaker):
    """With the same signals, to the candle and the reason."""
    based = backtest(crashing, "BasedTrend", perpkit={"protections": [breaker]})
    layered = backtest(crashing, "PlainTrend", **attached(breaker))
    assert based.locks
    assert layered.locks == based.locks


def test_a_brake_makes_stakes_smaller(config):
    plain = backtest(config, "PlainAveraging")
    layered = backtest(config, "PlainAveraging", **attached(BRAKE))
    stakes = [
        {round(order["cost"] / 3, -1) for trade in run.trades for order in trade["orders"][:1]}
        for run in (plain, layered)
    ]
    assert max(stakes[1]) == max(stakes[0])
    assert min(stakes[1]) < 0.5 * min(stakes[0])
