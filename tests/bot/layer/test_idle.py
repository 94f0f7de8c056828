"""A layer rests in a backtest only if nothing of it can act."""

from __future__ import annotations

import pytest

from perpkit.bot.layer import layer
from perpkit.breakers.breaker import Decision, Trading
from tests.bench.backtests import backtest, write_candles

FLASH = {"method": "FlashCrashBreaker", "windows": [[60, 0.15]]}
LIMITS = {"attach": ["limits"], "limits": {"max_trade_loss": 0.001}}


@pytest.fixture
def config(offline_markets, default_futures_config):
    write_candles(default_futures_config["datadir"], rows=400)
    return default_futures_config


@pytest.mark.parametrize(
    ("strategy", "perpkit", "protections", "idle"),
    [
        ("PlainTrend", {"attach": True, "protections": [FLASH]}, False, True),
        ("PlainTrend", {"attach": ["breakers", "guard"]}, False, True),
        ("PlainTrend", {"attach": True, "protections": [FLASH]}, True, False),
        ("PlainTrend", LIMITS, False, False),
        ("PlainTrend", {"attach": ["sizing"]}, False, False),
        ("PlainTrend", {"attach": ["leverage"]}, False, False),
        ("PlainTrend", {"attach": True, "decisions": True}, False, False),
        ("BasedTrend", {}, False, False),
    ],
)
def test_it_rests_only_if_nothing_of_it_can_act(config, strategy, perpkit, protections, idle):
    run = backtest(config, strategy, perpkit=perpkit, enable_protections=protections)
    assert run.trades
    assert run.strategy._perpkit.idle is idle


def test_a_restriction_of_the_start_is_kept(config, monkeypatch):
    """One that no breaker of the watch has made, as for options that are refused."""
    look = layer.act_on_options

    def restrict(config, strategy, of):
        look(config, strategy, of)
        of.watch.restrict("Options", Decision(Trading.REDUCING, 0.0, reason="refused"))

    monkeypatch.setattr(layer, "act_on_options", restrict)
    run = backtest(config, "PlainTrend", perpkit={"attach": True})
    assert not run.trades
    assert run.strategy._perpkit.idle is False


def test_a_loss_ends_a_trade_though_no_breaker_is_enabled(config):
    run = backtest(config, "PlainAveraging", perpkit=LIMITS)
    assert "max_trade_loss" in {trade["exit_reason"] for trade in run.trades}
