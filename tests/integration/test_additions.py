"""Additions to open trades, of every kind: asked about like a new entry, in dry-run and live."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
from freqtrade.enums import SignalDirection
from freqtrade.rpc import RPC, RPCException

from perpkit.bot.live.stop_guard import StopGuard
from perpkit.bot.refusals import RefusalKind
from perpkit.breakers.breaker import Decision, Trading
from perpkit.venue.faults.faults import Fault, FaultKind
from tests.bench.acts import fill_share, live_stops, wait_in_book
from tests.bench.by_hand import trade_by_hand
from tests.bench.live import live_bench
from tests.bench.scripted_market import scripted_market
from tests.cases import SLOW

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
STEP = timedelta(seconds=5)
PAIR = "BTC/USDT:USDT"
PRICE = 50_000.0
STILL = scripted_market(START, [(0, PRICE)])
REDUCING = Decision(Trading.REDUCING, 0.5, reason="a test")


@pytest.fixture
def running():
    """A live bot that holds a position of full size: 1% of 10,000 is lost at a stop 5% away."""
    settings = {"breakers": [], "force_entry_enable": True, "stake_amount": "unlimited"}
    with live_bench("Braked", STILL, START, **settings) as (bot, venue):
        bot.bot.strategy.side = "long"
        bot.run_until(lambda: live_stops(venue), timedelta(minutes=5), STEP)
        bot.bot.strategy.side = None
        yield bot, venue


def exposure(venue) -> float:
    return float(venue.amount) * PRICE


@pytest.mark.parametrize(("factor", "added"), [(0.5, 500), (1.0, 1_000)])
def test_the_breakers_cut_a_forced_addition(running, factor, added):
    bot, venue = running
    before = exposure(venue)
    decision = Decision(Trading.ACTIVE, factor, reason="a test")
    with mock.patch.object(bot.bot.strategy.watch, "decision", return_value=decision):
        force_entry(bot, 1_000 / 3)
        bot.run(1, STEP)
    assert exposure(venue) - before == pytest.approx(added, abs=60)


def force_entry(bot, stake: float):
    return RPC(bot.bot)._rpc_force_entry(
        PAIR, None, order_side=SignalDirection.LONG, stake_amount=stake
    )


def test_a_forced_addition_gets_what_the_limits_leave(running):
    bot, venue = running
    assert exposure(venue) == pytest.approx(2_000, rel=0.05)
    force_entry(bot, 5_000)  # 1.5 times the account, at 3x
    bot.run(2, STEP)
    assert 3_000 < exposure(venue) < 4_200
    (stop,) = live_stops(venue)
    assert stop.quantity == venue.amount
    with pytest.raises(RPCException, match="Failed to enter"):
        force_entry(bot, 5_000)


def unhealthy(bot, venue, what):
    """Each speaks against entries, for the time of the block."""
    if what == "breaker":
        return mock.patch.object(bot.bot.strategy.watch, "decision", return_value=REDUCING)
    if what == "guard":
        return mock.patch.object(StopGuard, "refusal", return_value="unknown position")
    if what == "error":
        return mock.patch.object(
            bot.bot.strategy._managed.additions, "allowed", side_effect=KeyError(PAIR)
        )
    if what == "doubt":
        return mock.patch.object(bot.bot.strategy, "doubt", return_value="a callback has failed")
    since = venue.exchange.market.now()
    book = Fault(FaultKind.EMPTY_BOOK, endpoint="*", since=since, parameters={"side": "bids"})
    venue.exchange.market.faults.add(book)
    return mock.patch.object(venue, "unused", create=True)


KINDS = {
    "breaker": RefusalKind.BREAKER,
    "guard": RefusalKind.EXCHANGE,
    "error": RefusalKind.UNCHECKED,
    "doubt": RefusalKind.CALLBACK,
    "book": RefusalKind.UNCHECKED,  # there is no rate for it, either
}


@pytest.mark.parametrize("what", KINDS)
def test_a_forced_addition_is_asked_about(running, what):
    bot, venue = running
    before = venue.amount
    with unhealthy(bot, venue, what), pytest.raises(RPCException):
        force_entry(bot, 300)
    newest = bot.bot.strategy.refusals.newest[0]
    assert (newest.kind, newest.pair, newest.count) == (KINDS[what], PAIR, 1)
    bot.run(2, STEP)
    assert venue.amount == before


@pytest.mark.parametrize("part", [2, pytest.param(1, marks=SLOW)], ids=["reversed", "closed"])
def test_nothing_is_added_to_a_position_that_was_just_left_by_hand(running, part):
    """The last comparison is seconds old, and the next one most of a minute away."""
    bot, venue = running
    bot.run(1, STEP)
    theirs = venue.amount * (1 - part)
    trade_by_hand(venue, -venue.amount * part)
    with pytest.raises(RPCException):
        force_entry(bot, 300)
    assert venue.amount == theirs
    assert "and trade 1 has" in bot.bot.strategy.refusals.newest[0].reason
    bot.run(15, STEP)
    [trade] = bot.trades()
    assert (trade.is_open, trade.exit_reason) == (False, "sold_on_exchange")
    assert venue.amount == theirs


def test_a_strategys_own_addition_is_asked_about(running):
    bot, venue = running
    strategy, before = bot.bot.strategy, venue.amount
    own = {"adjust_trade_position": lambda *_, **__: 5_000.0}
    strategy.__class__ = type("Own", (type(strategy),), own)
    with unhealthy(bot, venue, "guard"):
        bot.run(2, STEP)
    assert venue.amount == before
    bot.run(4, STEP)
    assert before < venue.amount
    assert exposure(venue) < 4_200


def test_where_positions_are_not_adjusted_a_pair_is_entered_once(caplog):
    """And the rest of a nearly filled entry is given up."""
    given = {"position_adjustment_enable": False, "force_entry_enable": True}
    caplog.set_level("INFO")
    with live_bench("GuardedSteered", STILL, START, **given) as (bot, venue):
        order = wait_in_book(bot, venue)
        fill_share(venue, order, "0.9")
        bot.run(6, STEP)
        assert list(venue.account.orders) == [order.id]
        (stop,) = live_stops(venue)
        assert stop.quantity == venue.amount == order.executed
        assert "the rest is given up" in caplog.text
        with pytest.raises(RPCException, match="already open"):
            force_entry(bot, 300)
