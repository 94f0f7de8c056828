"""The part `limits` in backtests: what it closes, refuses and cuts, and what it cannot limit."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from freqtrade.exceptions import ConfigurationError, StrategyError

from perpkit.bot.layer.attached import attached_settings
from perpkit.bot.layer.limits import Limits, look_at_limits
from perpkit.bot.layer.parts import BREAKERS_AND_GUARD, Part, parts_of
from perpkit.bot.positions.trade_losses import TradeLosses
from perpkit.bot.positions.trades import TradeStates
from perpkit.risk.limits import PositionLimits
from tests.bench.backtests import PAIRS, backtest, write_candles
from tests.bot.stack import candidate
from tests.cases import SLOW

WALLET = 10_000
DAY = 86_400_000
LIMITS = frozenset({Part.LIMITS})


@pytest.fixture
def config(offline_markets, default_futures_config):
    write_candles(default_futures_config["datadir"], rows=600)
    return default_futures_config


def limited(config, strategy="PlainAveraging", attach=("limits",), **limits):
    attached = {"attach": list(attach)} if attach else {}
    return backtest(config, strategy, perpkit={"limits": limits, **attached})


def refused(run) -> dict[str, int]:
    return run.strategy._perpkit.refusals.by_kind


def worst(run) -> float:
    return min(trade["profit_abs"] for trade in run.trades)


def left_by(run, reason):
    return [trade for trade in run.trades if trade["exit_reason"] == reason]


def most_open(run) -> tuple[int, float]:
    """The most trades that were open at once, and the largest sum of what is held cost."""
    changes = []
    for trade in run.trades:
        changes += [(trade["open_timestamp"], 1, 0.0), (trade["close_timestamp"], -1, 0.0)]
        cost = amount = 0.0
        for order in trade["orders"]:
            bought = order["ft_is_entry"]
            change = order["cost"] if bought else -cost * min(order["filled"] / amount, 1.0)
            amount += order["filled"] if bought else -order["filled"]
            cost += change
            changes.append((order["order_filled_timestamp"], 0, change))
    count = value = most_count = most_value = 0
    # What closes in a candle makes room in it.
    for _, trades, cost in sorted(changes, key=lambda each: (each[0], each[1], each[2])):
        count, value = count + trades, value + cost
        most_count, most_value = max(most_count, count), max(most_value, value)
    return most_count, most_value


def test_a_trade_beyond_its_limit_is_closed_whatever_it_says(config):
    """Without a limit it has no stop, and sells nothing at a loss."""
    stubborn = backtest(config, "StubbornAveraging")
    run = limited(config, "StubbornAveraging", max_trade_loss=0.02)
    assert not left_by(stubborn, "max_trade_loss")
    assert worst(stubborn) < -0.03 * WALLET
    assert len(left_by(run, "max_trade_loss")) > 2
    # Looked at once per candle.
    assert -0.025 * WALLET < worst(run) < -0.017 * WALLET
    # What is closed in a candle is not added to in it.
    assert set(refused(run)) == {"loss"}


def test_the_trades_of_a_tag_are_closed_together_and_it_is_not_entered(config):
    run = limited(config, "StubbornAveraging", max_tag_loss=0.02, tag_loss_days=2)
    closed = left_by(run, "max_tag_loss")
    assert {trade["enter_tag"] for trade in closed} == {"dip"}  # and not the trades of the other
    outs = 0
    for trade in closed:
        at, tag = trade["close_timestamp"], trade["enter_tag"]
        same = [each for each in run.trades if each["enter_tag"] == tag]
        assert not [each for each in same if each["open_timestamp"] < at < each["close_timestamp"]]
        together = [each for each in same if each["close_timestamp"] == at]
        if sum(each["profit_abs"] for each in together) < -0.022 * WALLET:
            outs += 1
            again = [each["open_timestamp"] for each in same if each["open_timestamp"] >= at]
            assert min(again, default=at + 2 * DAY) >= at + 2 * DAY
    assert outs
    assert set(refused(run)) == {"loss"}


@pytest.mark.parametrize(
    ("strategy", "limits", "count", "value"),
    [
        ("PlainAveraging", {"max_longs": 1, "max_side": 0.2}, 1, 0.2),
        pytest.param("PlainAveraging", {"max_positions": 2}, 2, 9, marks=SLOW),
        pytest.param("PlainAveraging", {"max_gross": 0.3}, 3, 0.3, marks=SLOW),
        pytest.param("BasedTrend", {"max_side": 0.1}, 3, 0.2, marks=SLOW),
    ],
)
def test_no_more_is_open_than_the_limits_allow(config, strategy, limits, count, value):
    plain = backtest(config, strategy)
    run = limited(config, strategy, () if strategy == "BasedTrend" else ("limits",), **limits)
    before, after = most_open(plain), most_open(run)
    assert before[0] > count or before[1] > 1.2 * value * WALLET
    assert after[0] <= count
    # Equity and prices move after an entry.
    assert after[1] < 1.1 * value * WALLET
    assert len(run.trades) > 3
    assert set(refused(run)) == {"size"}
    # Limits are no breakers: they need no --enable-protections.
    assert not run.strategy.config.get("enable_protections")


@SLOW
def test_a_loss_closes_the_trade_of_a_based_strategy(config):
    run = limited(config, "BasedTrend", (), max_trade_loss=0.003)
    closed = left_by(run, "max_trade_loss")
    assert closed
    assert all(trade["profit_abs"] < -0.002 * WALLET for trade in closed)


def test_a_class_in_code_names_the_part(config):
    named = limited(config, "LimitedAveraging", attach=(), max_longs=1)
    assert named.strategy._perpkit.parts == LIMITS
    assert most_open(named)[0] == 1
    assert refused(named)["size"] > 10


def test_limits_that_nothing_reaches_change_nothing(config):
    loose = {"max_positions": 1_000, "max_gross": 125, "max_trade_loss": 1, "max_tag_loss": 1}
    run = limited(config, **loose)
    assert run.trades == backtest(config, "PlainAveraging").trades
    assert len(run.trades) > 20
    assert refused(run) == {}


@pytest.mark.parametrize("strategy", ["PlainAveraging", pytest.param("BasedTrend", marks=SLOW)])
def test_an_error_of_ours_blocks_entries(config, strategy, monkeypatch):
    def fails(*_):
        raise RuntimeError("the test says so")

    monkeypatch.setattr(TradeLosses, "exit_reason", fails)
    attach = () if strategy == "BasedTrend" else ("limits",)
    run = limited(config, strategy, attach, max_trade_loss=0.5)
    # While a trade is open its loss cannot be told, in the candle of its entry too.
    assert most_open(run)[0] == 1
    assert refused(run)["callback"] > 10
    assert all(trade["nr_of_successful_entries"] == 1 for trade in run.trades)


NOW = datetime(2026, 1, 1, tzinfo=UTC)
LONG = candidate(PAIRS[0], now=NOW)


def rooms_of(monkeypatch, **limits) -> Limits:
    """An account of 10,000 without a position."""
    monkeypatch.setattr("perpkit.bot.positions.size_limits.open_trades", list)
    return Limits(
        PositionLimits(**limits), SimpleNamespace(), lambda _: 10_000.0,
        SimpleNamespace(least_notional=lambda *_: 5.0), lambda _, leverage: 0.3 / leverage,
        lambda: TradeStates(False), lambda _: None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "leverage", "later", "amount", "refused"),
    [
        (500.0, 2.0, 0, 10.0, None),
        (500.0, 2.0, 0, 10.005, None),  # rounded to a step
        (500.0, 2.0, 0, 13.0, "exposure on the side"),  # raised to a minimum
        (500.0, 2.0, 5, 13.0, "exposure on the side"),
        (500.0, 2.0, 0, math.nan, "its amount is nan"),
        (None, None, 0, 9.0, None),  # its stake has not been asked for
        (None, None, 0, 11.0, "exposure on the side"),
        (None, None, 0, 7.0, None),
    ],
)  # fmt: skip
def test_an_entry_is_looked_at_again_before_its_order(
    monkeypatch, asked, leverage, later, amount, refused
):
    limits = rooms_of(monkeypatch, max_side=0.1)
    if asked is not None:
        assert limits.entry(LONG, leverage, asked).stake == asked
    again = replace(LONG, now=NOW + later * timedelta(minutes=1))
    why = limits.refusal(again, amount)
    assert (why is None) == (refused is None)
    assert why is None or why.reason.startswith(refused)


@pytest.mark.parametrize(("leverage", "stake"), [(1.0, 1_000.0), (3.0, 1_000.0), (None, None)])
def test_open_risk_goes_by_the_stop_at_that_leverage(monkeypatch, leverage, stake):
    """A stoploss of -0.3 loses 30% of the stake, at any leverage; 3% of the equity are 300."""
    limits = rooms_of(monkeypatch, max_open_risk=0.03)
    if leverage is not None:
        assert limits.entry(LONG, leverage, 5_000.0).stake == pytest.approx(stake)
        assert limits.refusal(LONG, stake * leverage / LONG.rate) is None
    # The widest stop, while the leverage is unknown.
    unknown = replace(LONG, pair=PAIRS[1])
    assert limits.refusal(unknown, 9.9) is None
    assert limits.refusal(unknown, 10.1) is not None


def test_a_strategy_without_a_stop_is_refused_open_risk_by_name(config):
    with pytest.raises(StrategyError, match=r"limits\.max_open_risk.*-0\.99 is no stop"):
        limited(config, "StubbornAveraging", max_open_risk=0.1)


@pytest.mark.parametrize(
    ("stoploss", "own_stops", "fits"),
    [(-0.99, False, False), (-1.0, False, False), (-10, False, False), (-0.95, False, False),
     (-0.94, False, True), (-0.1, False, True), (-0.99, True, True)],
)  # fmt: skip
def test_which_stop_is_one(stoploss, own_stops, fits):
    strategy = SimpleNamespace(stoploss=stoploss)
    look_at_limits(strategy, PositionLimits(max_gross=1), own_stops=own_stops)
    limits = PositionLimits(max_open_risk=0.1)
    if fits:
        look_at_limits(strategy, limits, own_stops=own_stops)
        return
    with pytest.raises(ConfigurationError, match="max_open_risk"):
        look_at_limits(strategy, limits, own_stops=own_stops)


@pytest.mark.parametrize(
    ("parts", "limits", "words"),
    [
        (BREAKERS_AND_GUARD, {"max_longs": 2, "max_side": 1.5},
         '"perpkit.limits" sets max_longs, max_side, which is not in force'),
        (LIMITS, {}, '"limits" is attached, and "perpkit.limits" sets none. Allowed: max_posit'),
        (LIMITS, {"tag_loss_days": 3}, "sets none"),
        (LIMITS, {"max_longs": None}, "sets none"),
        (LIMITS, {"max_longs": 1.5}, "max_longs must be .* got 1.5"),
        (LIMITS, {"max_trade_loss": 5}, "max_trade_loss must be .* 0.0001 to 1.* got 5"),
        (LIMITS, {"max_long": 2}, '"perpkit.limits" has no parameter "max_long"'),
    ],
)  # fmt: skip
def test_what_cannot_be_configured(parts, limits, words):
    strategy = SimpleNamespace(config={"perpkit": {"limits": limits}}, order_types={})
    with pytest.raises(ConfigurationError, match=words):
        attached_settings(strategy, parts)


@pytest.mark.parametrize("given", [{"brakes"}, {"limits", 1}, "limits"])
def test_a_class_that_names_another_part(given):
    with pytest.raises(ConfigurationError, match=r"Mine\.perpkit_parts must be a set of .*limits"):
        parts_of(type("Mine", (), {"perpkit_parts": given}))


@pytest.mark.parametrize("given", [{"limits"}, ["limits"], LIMITS])
def test_a_class_may_name_parts_as_the_configuration_does(given):
    assert parts_of(type("Mine", (), {"perpkit_parts": given})) == LIMITS
