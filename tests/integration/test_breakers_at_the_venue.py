"""Breakers in live bots: each trouble ends in the state that is documented, and no exit waits.

Outages, slow answers, skewed clocks and maintenance are in test_venue_health.py.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from freqtrade.enums import SignalDirection
from freqtrade.persistence import PairLocks, Trade
from freqtrade.rpc import RPC, RPCException

from perpkit.breakers.breaker import Trading
from perpkit.venue.faults.faults import Fault, FaultKind
from perpkit.venue.http.app import create_app
from perpkit.venue.http.server import running_venue
from perpkit.venue.market.clock import SystemClock
from perpkit.venue.market.market import Market
from perpkit.venue.market.synthetic import generate
from perpkit.venue.overlay import overlay
from tests.bench.acts import COARSE, hold, strategy_messages
from tests.bench.in_process import STRATEGIES
from tests.bench.live import LIVE, Venue, differences, live_bench
from tests.bench.planted import ACCOUNTS
from tests.bench.process import trading
from tests.bench.scripted_market import scripted_market
from tests.cases import SLOW
from tests.conftest import REPOSITORY
from tests.integration.conftest import Bot, milliseconds

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
STEP = timedelta(seconds=5)
MINUTE = timedelta(minutes=1)
PAIR = "BTC/USDT:USDT"
# Small enough to calm down within the test.
CRASH = {
    "method": "FlashCrashBreaker",
    "windows": [[5, 0.04]],
    "cool_down_minutes": 5,
    "calm_minutes": 5,
    "calm_range": 0.01,
}
DRAWDOWN = {"method": "DrawdownBreaker", "open_loss": 0.001, "confirm": 1}


def braked(market, *breakers, strategy="Braked", **settings):
    return live_bench(strategy, market, START, breakers=list(breakers), **settings)


def decision(bot, pair=PAIR):
    return bot.bot.strategy.watch.decision(pair)


def leave(bot, venue) -> datetime:
    """When it was out again, once told."""
    bot.bot.strategy.leave = True
    bot.run_until(lambda: not venue.amount, 2 * MINUTE, STEP)
    return bot.now


@SLOW
def test_a_flash_crash_stops_entries_and_nothing_else():
    """Down 10% in two minutes: the stop at the exchange closes the position, nothing opens while it
    falls, the market calms, and the bot trades again."""
    script = [(0, 50_000.0), (10, 50_000.0), (12, 45_000.0)]
    with braked(scripted_market(START, script), CRASH) as (bot, venue):
        hold(bot, venue)
        bot.run_until(lambda: not bot.trades()[0].is_open, timedelta(minutes=15), STEP)
        (trade,) = bot.trades()
        assert trade.exit_reason == "stoploss_on_exchange"
        bot.run_until(lambda: decision(bot).entries_blocked, timedelta(minutes=3), STEP)
        bot.bot.strategy.side = "long"
        bot.run(24, STEP)
        assert len(bot.trades()) == 1
        assert PairLocks.is_pair_locked(PAIR, bot.now, "long")
        bot.run_until(lambda: len(bot.trades()) == 2, timedelta(minutes=30), STEP)
        assert decision(bot).trading is Trading.ACTIVE
        messages = [text for text in strategy_messages(bot) if "FlashCrashBreaker" in text]
        assert [text.partition(":")[0] for text in messages] == ["REDUCING", "ACTIVE"]
        assert "fell 4." in messages[0]  # and not the 8% at the close of the minute


def test_a_flash_crash_is_seen_long_before_its_hour_has_closed():
    """Down 12% in two minutes of an hour that has 48 left: nothing opens, by force neither."""
    script = [(0, 50_000.0), (10, 50_000.0), (12, 44_000.0)]
    hourly = {"method": "FlashCrashBreaker", "timeframe": "1h"}
    with braked(scripted_market(START, script), hourly, force_entry_enable=True) as (bot, venue):
        hold(bot, venue)
        bot.run_until(lambda: decision(bot).entries_blocked, timedelta(minutes=13), STEP)
        assert bot.now < START + timedelta(minutes=13)
        assert "fell 1" in decision(bot).reason
        bot.run_until(lambda: not bot.trades()[0].is_open, timedelta(minutes=2), STEP)
        with pytest.raises(RPCException, match="Failed to enter"):
            RPC(bot.bot)._rpc_force_entry(PAIR, None, order_side=SignalDirection.LONG)
        bot.bot.strategy.side = "long"
        bot.run(24, STEP)
        assert not venue.amount
        assert PairLocks.is_pair_locked(PAIR, bot.now, "long")
        [message] = [text for text in strategy_messages(bot) if "FlashCrashBreaker" in text]
        assert "Until 2026-03-02 13:00 UTC at the earliest." in message


def test_a_market_that_nobody_makes_stops_entries_until_it_is_made_again():
    """Volume at 1%, spreads fifty times as wide: a halt, told by the book."""
    market = scripted_market(START, [(0, 50_000.0)], hardly_traded=(5, 25))
    halt = {**CRASH, "halted_volume": 0.0, "book_seconds": 10}
    with braked(market, halt) as (bot, venue):
        hold(bot, venue)
        faults = venue.exchange.market.faults
        wide = faults.add(Fault(FaultKind.WIDE_SPREAD, parameters={"factor": 1000.0}))
        bot.run_until(lambda: decision(bot).entries_blocked, timedelta(minutes=15), COARSE)
        assert "spread" in decision(bot).reason
        assert venue.amount > 0
        faults.remove(wide)
        bot.run_until(lambda: not decision(bot).entries_blocked, timedelta(minutes=30), COARSE)
        assert bot.trades()[0].is_open
        leave(bot, venue)
        assert differences(bot.trades(), venue) == []


def test_a_halt_flattens_at_once_and_stays_until_the_operator_clears_it():
    script = [(0, 50_000.0), (10, 50_000.0), (12, 49_000.0)]
    with braked(scripted_market(START, script), DRAWDOWN) as (bot, venue):
        hold(bot, venue)
        bot.run_until(lambda: decision(bot).trading is Trading.HALTED, 15 * MINUTE, COARSE)
        bot.run_until(lambda: not venue.amount, timedelta(minutes=1), STEP)
        bot.run(2, STEP)
        (trade,) = bot.trades()
        assert trade.exit_reason == "halted"
        assert trade.orders[-1].order_type == "market"
        assert venue.exchange.engine.open_algos(venue.account) == []
        assert differences(bot.trades(), venue) == []
        bot.bot.strategy.side = "long"
        bot.run(12, COARSE)
        assert len(bot.trades()) == 1
        halts = [lock for lock in bot.locks() if lock.reason.startswith("DrawdownBreaker halted")]
        (lock,) = halts
        RPC(bot.bot)._rpc_delete_lock(lock.id)
        bot.run_until(lambda: len(bot.trades()) == 2, timedelta(minutes=5), STEP)
        assert [text.partition(":")[0] for text in strategy_messages(bot)] == ["HALTED", "ACTIVE"]


def exit_delay(strategy: str) -> timedelta:
    """How much later than without a breaker the position is left, while entries are blocked."""
    left = []
    for breakers in ((), (CRASH,)):
        script = [(0, 50_000.0), (5, 50_000.0), (6, 52_500.0)]
        with braked(scripted_market(START, script), *breakers, strategy=strategy) as (bot, venue):
            hold(bot, venue)
            bot.run_until(lambda: bot.now >= START + 8 * MINUTE, timedelta(minutes=9), COARSE)
            assert decision(bot).entries_blocked is bool(breakers)
            left.append(leave(bot, venue))
    return left[1] - left[0]


def test_no_exit_waits_for_a_breaker():
    assert exit_delay("Braked") == timedelta(0)


@SLOW
def test_a_breaker_that_vetoes_exits_would_be_noticed():
    with pytest.raises(AssertionError, match="not within"):
        exit_delay("Vetoing")


@pytest.fixture
def venue() -> Venue:
    since = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    since -= timedelta(days=3)
    history = generate(seed=4, start=milliseconds(since), days=5, pairs=(PAIR,), base="1m")
    venue = Venue()
    venue.serve(Market(history, SystemClock(), 4))
    return venue


@pytest.fixture
def live_bot(venue, tmp_path, stored) -> Iterator[Bot]:
    exchange = venue.exchange
    userdir = tmp_path / "user_data"
    userdir.mkdir()
    app = create_app(exchange.market, exchange=exchange)
    with running_venue(exchange.market, tls=True, app=app) as url:
        redirect = tmp_path / "venue.json"
        redirect.write_text(json.dumps(overlay(url, tmp_path / "rehearsal", accounts=ACCOUNTS)))
        yield Bot(userdir, [REPOSITORY / "config.json.example", redirect], stored)


@SLOW
def test_killed_while_halted_it_is_still_halted_when_it_comes_back(live_bot, venue, monkeypatch):
    """The real process, `kill -9`, the real process again."""
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    settings = {
        **LIVE,
        "exchange": {**LIVE["exchange"], "pair_whitelist": [PAIR]},
        "strategy_path": str(STRATEGIES),
        "side": "long",
        "stake_amount": "unlimited",
        # The fees of one position are too much.
        "breakers": [{**DRAWDOWN, "open_loss": 0.0001}],
    }
    with trading(live_bot, "Braked", **settings) as process:
        process.wait_for("HALTED: DrawdownBreaker")
        process.wait_for("'type': exit_fill")
        process.end(signal.SIGKILL)
    orders = len(venue.account.orders)
    assert venue.amount == 0
    with trading(live_bot, "Braked", **settings) as process:
        process.wait_for("HALTED: DrawdownBreaker")
        for _ in range(5):
            process.wait_for("Bot heartbeat")
        process.end()
    assert (venue.amount, len(venue.account.orders)) == (0, orders)
    if hasattr(Trade, "session"):  # another test of this process may have made one
        Trade.session.remove()
