"""The part `limits` in a running bot whose strategy is not the package's."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from freqtrade.enums import SignalDirection
from freqtrade.rpc import RPC, RPCException

from tests.bench.acts import COARSE, STEP, strategy_messages
from tests.bench.in_process import bench
from tests.bench.live import LIVE, differences, live_bench
from tests.bench.scripted_market import scripted_market
from tests.cases import SLOW

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PAIR = "BTC/USDT:USDT"
FALL = [(0, 50_000.0), (10, 50_000.0), (12, 49_300.0)]
MODES = ["dry_run", pytest.param("live", marks=SLOW)]


@contextmanager
def limited(mode, strategy="StubbornSteered", **limits):
    perpkit = {"attach": ["limits"], "limits": limits}
    config = {"perpkit": perpkit, "force_entry_enable": True}
    market = scripted_market(START, FALL)
    if mode == "live":
        with live_bench(strategy, market, START, **config) as (bot, venue):
            yield bot, venue
    else:
        with bench(strategy, market, START, **{**LIVE, "dry_run": True}, **config) as bot:
            yield bot, None


def hold(bot) -> None:
    bot.bot.strategy.side = "long"
    bot.run_until(lambda: [t for t in bot.trades() if not t.has_open_orders], 5 * MINUTE, STEP)
    bot.bot.strategy.side = None


def force_entry(bot, side=SignalDirection.LONG) -> None:
    RPC(bot.bot)._rpc_force_entry(PAIR, None, order_side=side, stake_amount=300)


def refusals(bot):
    return bot.bot.strategy._perpkit.refusals


@pytest.mark.parametrize("mode", MODES)
def test_a_loss_closes_the_most_stubborn_at_the_market(mode):
    # 2,000 of exposure lose 1.4%, which is 28 of an account of 10,000.
    with limited(mode, max_trade_loss=0.0008, max_pair=0.2) as (bot, venue):
        hold(bot)
        [trade] = bot.trades()
        bot.bot.strategy.adds = True
        bot.run(6, STEP)
        [trade] = bot.trades()
        # To what the limit of the pair leaves.
        assert trade.nr_of_successful_entries > 1
        assert trade.amount * 50_000 <= 0.2 * 10_000 * 1.001
        bot.run_until(lambda: not bot.trades()[0].is_open, 15 * MINUTE, COARSE)
        [trade] = bot.trades()
        assert trade.exit_reason == "max_trade_loss"
        assert trade.orders[-1].order_type == "market"
        bot.run(2, STEP)
        [said] = [text for text in strategy_messages(bot) if "has lost" in text]
        assert said.startswith("BTC/USDT:USDT long is closed at the market: the trade has lost 0.")
        if venue is not None:
            assert differences(bot.trades(), venue) == []


@pytest.mark.parametrize("mode", MODES)
def test_a_forced_entry_is_refused_as_any_other(mode):
    with limited(mode, max_longs=0, max_side=0.05) as (bot, _):
        bot.run(2, STEP)
        with pytest.raises(RPCException, match="Failed to enter"):
            force_entry(bot)
        [refused] = refusals(bot).newest
        assert (refused.kind, refused.reason) == ("size", "open longs 0 of 0")
        force_entry(bot, SignalDirection.SHORT)
        [trade] = bot.trades()
        cost = trade.amount_requested * trade.open_rate
        assert 0.045 * 10_000 < cost <= 0.05 * 10_000 * 1.001


@pytest.mark.parametrize("mode", [pytest.param("live", marks=SLOW)])
def test_a_tag_stays_out_after_its_loss(mode):
    with limited(mode, max_tag_loss=0.0008) as (bot, _):
        hold(bot)
        bot.run_until(lambda: not bot.trades()[0].is_open, 15 * MINUTE, STEP)
        assert bot.trades()[0].exit_reason == "max_tag_loss"
        bot.bot.strategy.side = "long"
        bot.run(24, STEP)
        assert len(bot.trades()) == 1
        assert refusals(bot).by_kind["loss"] > 10
