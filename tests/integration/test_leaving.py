"""What must get out gets out: in dry-run and live, whatever options and callbacks say."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
from freqtrade.persistence import Trade

from perpkit.breakers.breaker import Decision, Trading
from tests.bench.acts import COARSE
from tests.bench.in_process import bench
from tests.bench.live import LIVE, live_bench
from tests.bench.scripted_market import scripted_market
from tests.cases import SLOW

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
STEP = timedelta(seconds=5)
MINUTE = timedelta(minutes=1)
FALLING = scripted_market(START, [(0, 50_000.0), (3, 50_000.0), (10, 49_000.0)])
HALT = Decision(Trading.HALTED, 0.0, reason="a test")
DRY = {**LIVE, "dry_run": True, "dry_run_wallet": 10_000}


@contextmanager
def trading(mode, market=FALLING, strategy="Braked", **settings):
    if mode == "live":
        with live_bench(strategy, market, START, breakers=[], **settings) as (bot, _):
            yield bot
    else:
        with bench(strategy, market, START, breakers=[], **DRY, **settings) as bot:
            yield bot


def hold(bot, within=2 * MINUTE) -> Trade:
    bot.bot.strategy.side = "long"
    bot.run_until(lambda: any(t.has_open_position for t in bot.trades()), within, STEP)
    bot.bot.strategy.side = None
    return bot.trades()[0]


@pytest.mark.parametrize(
    ("mode", "option"),
    [
        pytest.param("dry_run", {"use_exit_signal": False}, marks=SLOW),
        ("live", {"exit_profit_only": True}),
        pytest.param("live", {"use_exit_signal": False}, marks=SLOW),
        pytest.param("dry_run", {"exit_profit_only": True}, marks=SLOW),
    ],
)
def test_a_halt_flattens_a_losing_trade_past_options(mode, option):
    with trading(mode, **option) as bot:
        hold(bot)
        bot.run_until(lambda: bot.now > START + 9 * MINUTE, 10 * MINUTE, COARSE)
        strategy = bot.bot.strategy
        # A signal that Freqtrade holds back while the trade is losing hides `custom_exit`.
        signal = mock.patch.object(
            type(strategy), "get_exit_signal", return_value=(False, True, None)
        )
        with signal:
            bot.run(2, STEP)
            assert bot.trades()[0].is_open
            with mock.patch.object(strategy.watch, "decision", return_value=HALT):
                bot.run(2, STEP)
        (trade,) = bot.trades()
        assert not trade.is_open
        assert trade.exit_reason == "halted"


@pytest.mark.parametrize("mode", ["dry_run", "live"])
def test_a_halt_flattens_past_a_veto(mode):
    with trading(mode) as bot:
        hold(bot)
        strategy = bot.bot.strategy
        own = type("Own", (type(strategy),), {"confirm_trade_exit": lambda *_, **__: False})
        strategy.__class__ = own
        strategy.leave = True
        bot.run(2, STEP)
        assert bot.trades()[0].is_open
        with mock.patch.object(strategy.watch, "decision", return_value=HALT):
            bot.run(2, STEP)
        assert not bot.trades()[0].is_open


@pytest.mark.parametrize("reason", ["halted", "stop_overtaken"])
@pytest.mark.parametrize("resting", [False, True])
def test_what_is_urgent_leaves_at_the_market(reason, resting):
    """Of one pair alone, beside an exit that rests in the book at the same price."""
    still = scripted_market(START, [(0, 50_000.0)])
    with live_bench("Braked", still, START, breakers=[]) as (bot, venue):
        hold(bot)
        bot.run(2, STEP)
        strategy = bot.bot.strategy

        def far(self, pair, trade, current_time, proposed_rate, **kwargs):
            return proposed_rate

        with mock.patch.object(type(strategy), "custom_exit_price", far):
            if resting:
                strategy.leave = True
                bot.run(1, STEP)
                (waiting,) = [o for o in venue.account.orders.values() if o.is_open]
                assert waiting.type == "LIMIT"
                strategy.leave = False
            urgent = mock.patch(
                "perpkit.bot.callbacks.safe_answers.urgent_reason", return_value=reason
            )
            with urgent:
                bot.run(2, STEP)
        assert venue.amount == 0
        last = list(venue.account.orders.values())[-1]
        assert last.type == "MARKET"
        assert bot.trades()[0].exit_reason == reason
