"""A `stake_amount` that is a number, on a running bot whose stakes follow from the risk."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from freqtrade.rpc import RPC

from tests.bench.acts import STEP, all_messages
from tests.bench.in_process import bench
from tests.bench.live import LIVE, differences, live_bench
from tests.bench.scripted_market import scripted_market
from tests.cases import SLOW

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
PAIR = "BTC/USDT:USDT"
STILL = scripted_market(START, [(0, 50_000.0)])
# The margin of the smallest amount at 3x, at the price of an entry.
STEP_MARGIN = 50_050.0 * 0.001 / 3


@contextmanager
def staked(mode):
    given = {"breakers": [], "force_entry_enable": True, "stake_amount": 150}
    if mode == "live":
        with live_bench("Braked", STILL, START, **given) as (bot, venue):
            yield bot, venue
    else:
        with bench("Braked", STILL, START, **{**LIVE, "dry_run": True, **given}) as bot:
            yield bot, None


def held(bot) -> float:
    """The margin of the only trade."""
    bot.run_until(
        lambda: [t for t in bot.trades() if not t.has_open_orders], timedelta(minutes=5), STEP
    )
    [trade] = bot.trades()
    return trade.stake_amount


@pytest.mark.parametrize("mode", ["dry_run", pytest.param("live", marks=SLOW)])
def test_it_is_the_most_margin_of_an_entry_and_additions_come_on_top(mode):
    with staked(mode) as (bot, venue):
        bot.bot.strategy.side = "long"
        margin = held(bot)
        assert 150 - STEP_MARGIN < margin <= 150
        [line] = [text for text in all_messages(bot) if text.startswith("Stakes ")]
        assert line.endswith('at most the "stake amount" of 150 USDT.')
        # As in Freqtrade, where `stake_amount` is that of the entry.
        bot.bot.strategy.adjust_trade_position = lambda **_: 200.0
        bot.run(6, STEP)
        assert held(bot) > margin + 200 - STEP_MARGIN
        if venue is not None:
            assert differences(bot.trades(), venue) == []


@pytest.mark.parametrize("stake", [100.0, pytest.param(400.0, marks=SLOW)])
def test_the_stake_of_a_forced_entry_counts_in_its_place(stake):
    with staked("dry_run") as (bot, _):
        bot.run(2, STEP)
        RPC(bot.bot)._rpc_force_entry(PAIR, None, stake_amount=stake)
        assert stake - STEP_MARGIN < held(bot) <= stake
