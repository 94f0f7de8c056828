"""Exits at a venue that refuses reduce-only orders beside targets which rest for the position."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from freqtrade.exceptions import ExchangeError
from freqtrade.rpc import RPC

from perpkit.record.journal import Outcome
from perpkit.venue.faults.faults import FaultKind
from tests.bench.acts import STEP, add_fault, breaches, fill, hold, remove_fault
from tests.bench.in_process import MINUTE
from tests.bench.live import differences, live_bench
from tests.bench.scripted_market import scripted_market
from tests.bench.whole_trade import is_target
from tests.targets.rehearsal import SETTINGS

pytestmark = pytest.mark.integration

PAIR, ORDER = "BTC/USDT:USDT", "/fapi/v1/order"
START = datetime(2026, 3, 2, 10, 0, 40, tzinfo=UTC)
STILL = scripted_market(START.replace(second=0), [(1, 50_000.0), (2, 50_000.0)], turnover=1e10)


@contextmanager
def strictly_held():
    """A position with its stop and two targets."""
    with live_bench("WholeTrade", STILL, START, **SETTINGS) as (bot, venue):
        bot.run(2, STEP)
        hold(bot, venue)
        bot.run(1, STEP)
        venue.account.strict_reduce_only = True
        assert len(targets(venue)) == 2
        yield bot, venue


def targets(venue):
    venue.exchange.catch_up()
    return [order for order in venue.account.orders.values() if is_target(order) and order.is_open]


def unequal(bot, venue):
    """What differs, but for orders that have ended without a fill."""
    orders = venue.account.orders.values()
    empty = {f"order {o.id} is not in the database" for o in orders if not o.executed}
    return [each for each in differences(bot.trades(), venue) if each not in empty]


def fails_to_cancel(venue, times):
    return add_fault(venue, FaultKind.RESET, f"DELETE {ORDER}", times=times)


def leave(bot, kind="limit"):
    (trade,) = bot.trades()
    RPC(bot.bot)._rpc_force_exit(str(trade.id), kind)


def all_is_well(bot, venue):
    return (targets(venue), unequal(bot, venue), breaches(venue)) == ([], [], [])


def test_an_exit_that_is_refused_for_its_targets_is_sent_again():
    """Each cancellation fails once: before the exit, and not after its refusal."""
    with strictly_held() as (bot, venue):
        fails_to_cancel(venue, times=2)
        leave(bot)
        assert targets(venue) == []
        bot.run_until(lambda: not venue.amount, MINUTE, STEP)
        bot.run(15, STEP)
        assert not any(trade.is_open for trade in bot.trades())
        assert all_is_well(bot, venue)


def test_so_is_a_part_of_a_market_exit():
    with strictly_held() as (bot, venue):
        bot.bot.exchange.markets[PAIR]["limits"]["market"]["max"] = 0.01
        assert venue.amount > Decimal("0.01")
        fails_to_cancel(venue, times=2)
        leave(bot, "market")
        assert not venue.amount
        bot.run(15, STEP)
        assert all_is_well(bot, venue)


def test_while_a_target_stays_the_exit_is_tried_with_each_cycle():
    with strictly_held() as (bot, venue):
        fault = fails_to_cancel(venue, times=None)
        with pytest.raises(ExchangeError, match="-4118"):
            leave(bot)
        assert venue.amount
        assert len(targets(venue)) == 2
        bot.bot.strategy.leave = True
        bot.run(2, STEP)
        remove_fault(venue, fault)
        bot.run(2, STEP)
        bot.run_until(lambda: not venue.amount, MINUTE, STEP)
        bot.run(15, STEP)
        assert all_is_well(bot, venue)


def test_what_the_target_has_sold_is_not_sold_again():
    """Its fill becomes known by the second cancellation: the exit is decided on afresh."""
    with strictly_held() as (bot, venue):
        first, _ = targets(venue)
        fill(venue, first, Decimal("0.005"))
        fails_to_cancel(venue, times=2)
        with pytest.raises(ExchangeError):
            leave(bot)
        (trade,) = bot.trades()
        assert trade.is_open
        assert trade.amount == float(venue.amount)
        leave(bot)
        bot.run_until(lambda: not venue.amount, MINUTE, STEP)
        bot.run(15, STEP)
        assert all_is_well(bot, venue)


def test_a_target_that_the_journal_does_not_know_is_looked_for_at_once():
    """The exchange has answered once that there was none; a comparison is due in a minute."""
    with strictly_held() as (bot, venue):
        guard = bot.bot.strategy._running._guard
        bot.run(26, STEP)
        for entry in guard._intents.targets(PAIR):
            guard._intents.settle(entry.intent.client_id, Outcome.MISSING, note="lost")
        guard._targets._refused[PAIR] = bot.now  # or it would place others at once
        guard._compared_at = bot.now
        bot.bot.strategy.leave = True
        bot.run(4, STEP)
        assert targets(venue) == []
        bot.run_until(lambda: not venue.amount, MINUTE, STEP)
