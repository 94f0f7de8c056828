"""The parts book, leverage and sizing of an attached strategy in backtests, and at the start."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pandas as pd
import pytest
from freqtrade.exceptions import ConfigurationError, StrategyError

from perpkit.bot.layer.attached import attached_settings
from perpkit.bot.layer.parts import Part
from perpkit.bot.layer.perp_risk import PerpRisk
from perpkit.bot.watching.unwatched import _log_once
from tests.bench.backtests import PAIRS, backtest, write_candles
from tests.cases import SLOW

ALL = ["book", "leverage", "sizing"]
# The rules of one part, and nothing else.
LOOSE = {"leverage": {"max_leverage": 125, "volatility_tiers": [[0, 125]]}}


@pytest.fixture
def config(offline_markets, default_futures_config):
    write_candles(default_futures_config["datadir"], rows=500)
    return default_futures_config


def named(*parts, **perpkit):
    return {"perpkit": {"attach": list(parts), **perpkit}}


def leverages(run):
    return {trade["leverage"] for trade in run.trades}


def risks(run):
    """What each trade would have lost at its first stop, in stake currency."""
    return [
        abs(trade["open_rate"] - trade["initial_stop_loss_abs"]) * trade["amount"]
        for trade in run.trades
    ]


@pytest.mark.parametrize("parts", [ALL, pytest.param(["book"], marks=SLOW)])
def test_what_does_not_act_changes_nothing(config, parts):
    """Neither a trade, at the widest limits, nor a column of the strategy's frame."""
    asks = {"asks": {"leverage": 3.0, "stake": 300.0, "addition": 300.0}}
    wide = {**LOOSE, "sizing": {"risk_per_trade": 0.1}} if parts == ALL else {}
    plain = backtest(config, "PlainSteep", **asks)
    layered = backtest(config, "PlainSteep", **asks, **named(*parts, **wide))
    assert isinstance(layered.strategy, PerpRisk)
    assert len(plain.trades) > 20
    assert any(trade["nr_of_successful_entries"] > 1 for trade in plain.trades)
    assert layered.trades == plain.trades
    for pair in PAIRS:
        assert len(plain.frames[pair]) > 300
        pd.testing.assert_frame_equal(plain.frames[pair], layered.frames[pair])
        assert layered.strategy._perpkit.hooks.columns(pair) is not None


@SLOW
@pytest.mark.parametrize("strategy", ["PlainTrend", "PlainForecast", "PlainAveraging"])
def test_a_frame_of_another_strategy_stays_as_it_is(config, strategy):
    plain, layered = (backtest(config, strategy, **more) for more in ({}, named(*ALL)))
    for pair in PAIRS:
        rows = min(len(run.frames[pair]) for run in (plain, layered))
        assert rows > 300
        pd.testing.assert_frame_equal(plain.frames[pair][:rows], layered.frames[pair][:rows])


def test_leverage_is_capped_in_a_backtest(config):
    plain = backtest(config, "PlainSteep")
    layered = backtest(config, "PlainSteep", **named("leverage"))
    assert leverages(plain) == {10.0}
    assert leverages(layered) <= {2.0, 3.0}
    assert 3.0 in leverages(layered)
    # The stake is theirs.
    for trade in layered.trades:
        assert trade["stake_amount"] == pytest.approx(1_500, rel=0.01)


def test_sizing_cuts_what_is_lost_at_the_stop(config):
    asks = {"asks": {"leverage": 4.0}}
    plain = backtest(config, "PlainSteep", **asks)
    layered = backtest(config, "PlainSteep", **asks, **named("sizing"))
    # A tenth of the margin of 1,500; the stop is rounded to a tick.
    assert risks(plain) == pytest.approx([150.0] * len(plain.trades), rel=0.02)
    assert leverages(layered) == {4.0}
    assert len(layered.trades) > 20
    for trade, risked in zip(layered.trades, risks(layered), strict=True):
        closed = sum(
            other["profit_abs"]
            for other in layered.trades
            if other["close_date"] <= trade["open_date"]
        )
        # 1% of the account, which is marked to market and knows what is open.
        assert risked / (10_000 + closed) == pytest.approx(0.01, rel=0.06)


def test_additions_take_what_is_left_of_the_risk(config):
    asks = {"asks": {"leverage": 4.0, "stake": 600.0, "addition": 600.0}}
    plain, layered = (
        backtest(config, "PlainSteep", **asks, **settings) for settings in ({}, named("sizing"))
    )
    for run, most in ((plain, 4), (layered, 1)):
        added = [trade for trade in run.trades if trade["nr_of_successful_entries"] > 1]
        assert added
        lost = max(
            abs(trade["open_rate"] - trade["stop_loss_abs"]) * trade["amount"] for trade in added
        )
        assert (lost > 120) == (most > 1), lost


@pytest.mark.parametrize("part", ["leverage", "sizing"])
def test_a_strategy_without_a_stop_is_refused_the_part_by_name(config, part):
    with pytest.raises((ConfigurationError, StrategyError)) as refused:
        backtest(config, "PlainMonster", **named("breakers", part))
    assert f"{part} cannot be attached to PlainMonster" in str(refused.value)
    assert "-0.99" in str(refused.value)


def test_a_class_in_code_takes_the_parts_too(config):
    mine = backtest(config, "MySteep")
    by_name = backtest(config, "PlainSteep", **named("leverage", "sizing"))
    assert leverages(mine) <= {2.0, 3.0}
    assert mine.trades
    assert mine.trades == by_name.trades


def test_the_start_names_the_parts(config, caplog):
    _log_once.cache_clear()  # an earlier backtest of this process may have logged it
    caplog.set_level(logging.INFO)
    backtest(config, "PlainSteep", **named("leverage", "sizing"))
    assert "Perpkit is attached to PlainSteep: leverage, sizing. " in caplog.text


def settings_of(parts, use):
    config = {"perpkit": {"attach": parts, "use": use}}
    strategy = SimpleNamespace(config=config, order_types={"stoploss_on_exchange": True})
    return attached_settings(strategy, frozenset(map(Part, parts)))


@pytest.mark.parametrize(
    ("parts", "use", "words"),
    [
        (["guard"], {"book": True}, '"perpkit.attach" does not name book'),
        (["book"], {"liquidation": True}, "does not name leverage"),
        (["leverage"], {"sizing": True}, "does not name sizing"),
        (["leverage"], {"kelly": True}, "does not name sizing"),
        (["leverage", "sizing"], {"slicing": True}, "it is PerpStrategy's"),
        (["sizing", "book"], {"exposure": True}, "Allowed: alerts, book, guard, kelly, perf"),
    ],
)
def test_a_switch_of_a_part_that_is_not_attached_is_refused(parts, use, words):
    with pytest.raises(ConfigurationError) as refused:
        settings_of(parts, use)
    assert f'"perpkit.use.{next(iter(use))}" cannot be true' in str(refused.value)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("parts", "use", "on"),
    [
        (["guard"], {}, {"guard"}),
        (["book"], {}, {"book"}),
        (["leverage"], {}, {"liquidation"}),
        (["sizing"], {}, {"sizing"}),
        (["sizing"], {"kelly": True}, {"sizing", "kelly"}),
        (["sizing", "book", "leverage"], {"book": False, "liquidation": False}, {"sizing"}),
        (["guard"], {"targets": True}, {"guard", "targets"}),
    ],
)
def test_the_switches_of_the_parts(parts, use, on):
    found = settings_of(parts, use).use
    assert {name for name, value in vars(found).items() if value} == on | {"performance"}


def test_the_performance_monitor_can_be_switched_off():
    assert not settings_of(["guard"], {"performance": False}).use.performance
