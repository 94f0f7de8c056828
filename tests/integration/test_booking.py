"""What a live bot books for a trade that has closed, against what the exchange has charged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from freqtrade.rpc import RPC

from tests.bench.acts import STEP, fill, hold
from tests.bench.live import differences, live_bench
from tests.bench.scripted_market import scripted_market

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MARKET = scripted_market(START, [(0, 50_000.0), (8, 50_000.0), (9, 47_000.0)])


def add_resting(bot, venue) -> None:
    [trade] = bot.trades()
    with bot.bot._exit_lock:
        assert bot.bot.execute_entry(
            trade.pair, 200.0, 49_950.0, trade=trade, mode="pos_adjust", enter_tag="more"
        )
    fill_newest(venue)
    bot.run(2, STEP)


def sell_resting(bot, venue) -> None:
    """Half of it."""
    [trade] = bot.trades()
    RPC(bot.bot)._rpc_force_exit(str(trade.id), "limit", amount=trade.amount / 2, price=50_050.0)
    fill_newest(venue)
    bot.run(2, STEP)


def fill_newest(venue) -> None:
    order = max(venue.account.orders.values(), key=lambda each: each.id)
    assert order.is_open
    fill(venue, order, order.quantity)


def leave(bot, venue) -> None:
    bot.bot.strategy.leave = True
    bot.run_until(lambda: not venue.amount, MINUTE, STEP)
    bot.bot.strategy.leave = False


def be_stopped(bot, venue) -> None:
    bot.run_until(lambda: not venue.amount, 10 * MINUTE, STEP)


@pytest.mark.parametrize(
    "acts",
    [
        pytest.param([add_resting, leave], id="entries"),
        pytest.param([sell_resting, leave], id="exits"),
        pytest.param([sell_resting, add_resting, sell_resting, leave], id="both"),
        pytest.param([sell_resting, be_stopped], id="a stop"),
    ],
)
def test_commissions_of_orders_that_rest_and_that_take(acts):
    """Freqtrade has the rate of the first entry for all of them, and of the first exit."""
    with live_bench("GuardedSteered", MARKET, START) as (bot, venue):
        hold(bot, venue)
        for act in acts:
            act(bot, venue)
        bot.run(2, STEP)
        [trade] = bot.trades()
        assert len({fill.maker for fill in venue.account.fills}) == 2
        assert differences(bot.trades(), venue) != []
        bot.run(14, STEP)
        assert differences(bot.trades(), venue) == []
        assert not trade.is_open
