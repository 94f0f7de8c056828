"""Stakes by the risk, by a fixed `stake_amount` and by strategies; what the start says of them."""

from __future__ import annotations

import logging

import pytest

from perpkit.bot.watching.unwatched import _log_once
from tests.bench.backtests import backtest, write_candles
from tests.bench.in_process import STRATEGIES
from tests.bot.started import started

RISK = "Stakes follow from the risk: a stop costs 1% of the equity"
CUT = "at most what follows from the risk: a stop costs 1% of the equity"
TWICE = {"sizing": {"risk_per_trade": 0.02}}


@pytest.fixture
def config(offline_markets, default_futures_config):
    write_candles(default_futures_config["datadir"], rows=500)
    return default_futures_config


def said(caplog):
    return [text for text in caplog.messages if text.startswith("Stakes ")]


# (the strategy, `stake_amount`, "perpkit", the line)
LINES = [
    # PerpStrategy's
    ("RsiSmaSwing", "unlimited", {}, f"{RISK}."),
    ("RsiSmaSwing", 300, {}, f'{RISK}, and are at most the "stake_amount" of 300 USDT.'),
    ("FundingTide", 0.5, TWICE, "Stakes follow from the risk: a stop costs 2% of the equity, and "
     'are at most the "stake_amount" of 0.5 USDT.'),
    ("RsiSmaSwing", "unlimited", {"sizing": {"basis": "volatility"}},
     "Stakes follow from the volatility: each may move the account by 12% a year."),
    ("RsiSmaSwing", 300, {"use": {"sizing": False}},
     'Stakes are the "stake_amount" of 300 USDT, as "perpkit.use.sizing" is false.'),
    ("RsiSmaSwing", "unlimited", {"use": {"sizing": False}},
     'Stakes are the "stake_amount" of "unlimited", as "perpkit.use.sizing" is false.'),
    ("TargetBasket", "unlimited", {}, "Stakes follow from the weights of the basket."),
    ("TargetBasket", 300, {}, "Stakes follow from the weights of the basket, and the "
     '"stake_amount" of 300 USDT does not limit them.'),
    ("GuardedSteered", 300, {}, "Stakes are what custom_stake_amount of GuardedSteered returns."),
    # attached, with the part `sizing` and without
    ("PlainTrend", 300, {"attach": True}, 'Stakes are the "stake_amount" of 300 USDT.'),
    ("PlainTrend", "unlimited", {"attach": ["guard"]},
     'Stakes are the "stake_amount" of "unlimited".'),
    ("PlainTrend", 300, {"attach": ["sizing"]},
     f'Stakes are the "stake_amount" of 300 USDT, {CUT}.'),
    ("PlainTrend", 300, {"attach": ["sizing"], "use": {"sizing": False}},
     'Stakes are the "stake_amount" of 300 USDT.'),
    ("PlainSteep", 300, {"attach": True},
     "Stakes are what custom_stake_amount of PlainSteep returns."),
    ("PlainSteep", "unlimited", {"attach": ["sizing"]},
     f"Stakes are what custom_stake_amount of PlainSteep returns, {CUT}."),
    ("MySteep", 300, {}, f"Stakes are what custom_stake_amount of MySteep returns, {CUT}."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "amount", "perpkit", "line"), LINES)
def test_the_start_says_once_how_stakes_are_made(
    default_futures_config, caplog, name, amount, perpkit, line
):
    _log_once.cache_clear()
    caplog.set_level(logging.INFO)
    given = {"stake_amount": amount, "perpkit": perpkit, "max_open_trades": 5}
    started(default_futures_config, name, strategy_path=str(STRATEGIES), **given)
    assert said(caplog) == [line]


def margins(run):
    """Of the entries; what has been sold on the way included."""
    return [trade["max_stake_amount"] for trade in run.trades]


def test_a_fixed_stake_caps_those_of_a_backtest(config):
    free, small, large = (
        backtest(config, "BasedTrend", stake_amount=amount, max_open_trades=1)
        for amount in ("unlimited", 100, 5_000)
    )
    # 1% of 10,000 is lost at a stop 5% away: a fifth of the account at 3x.
    assert len(free.trades) > 20
    assert max(margins(free)) > 500
    assert len(small.trades) > 20
    # But for the rounding to the step.
    assert all(90 < margin <= 100 for margin in margins(small))
    assert large.trades == free.trades


def test_a_strategy_behind_the_layer_may_stake_more_than_the_fixed_stake(config):
    """As without the layer: what its custom_stake_amount returns counts."""
    named = {"attach": ["sizing"], "sizing": {"risk_per_trade": 0.04}}
    layered = backtest(config, "PlainSteep", stake_amount=1_000, perpkit=named)
    assert len(layered.trades) > 20
    assert margins(layered) == pytest.approx([1_500] * len(layered.trades), rel=0.03)
