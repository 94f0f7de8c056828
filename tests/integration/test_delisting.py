"""Contracts that end while a guarded bot has a position in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from unittest import mock

import ccxt
import pytest
from freqtrade.enums import State

from perpkit.venue.faults.faults import Fault, FaultKind
from tests.bench.acts import warnings
from tests.bench.in_process import bench
from tests.bench.live import LIVE, Venue, differences, live_bench
from tests.bench.scripted_market import scripted_market
from tests.cases import SLOW

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
STEP = timedelta(seconds=5)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
STILL = scripted_market(START, [(0, 50_000.0)])
# Within the stop, 2% away.
MOVING = scripted_market(START, [(0, 50_000.0), (10, 50_000.0), (100, 50_700.0)], funding_rate=1e-3)
GUARDED = "GuardedSteered"
SETTINGS = {"exchange": LIVE["exchange"] | {"markets_refresh_interval": 1}}


def hold(bot, side="long") -> None:
    bot.bot.strategy.side = side
    bot.run_until(lambda: any(t.has_open_position for t in bot.trades()), 5 * MINUTE, STEP)
    bot.bot.strategy.side = None


def announce(exchange, bot, end: datetime) -> str:
    since, until = (int(at.timestamp() * 1000) for at in (bot.now, end))
    fault = Fault(FaultKind.DELISTING, symbol="BTCUSDT", since=since, until=until)
    return exchange.market.faults.add(fault)


def told(bot) -> list[str]:
    return [message for message in warnings(bot) if "end" in message]


def leaving_hours(hours: float) -> dict:
    return {"perpkit": {"guard": {"leave_before_delisting_hours": hours}}}


@pytest.mark.parametrize("state", [State.RUNNING, State.PAUSED])
@pytest.mark.parametrize("option", [{}, {"use_exit_signal": False}])
def test_it_is_told_of_once_and_left_at_the_market_in_time(state, option):
    with live_bench(GUARDED, STILL, START, **SETTINGS, **option, **leaving_hours(2)) as (
        bot,
        venue,
    ):
        hold(bot)
        end = (bot.now + 2 * HOUR + 10 * MINUTE).replace(second=0, microsecond=0)
        announce(venue.exchange, bot, end)
        bot.bot.state = state
        bot.run(5)
        assert venue.amount > 0
        [message] = told(bot)
        assert f"BTC/USDT:USDT ends on {end:%Y-%m-%d %H:%M} UTC" in message
        bot.run(8)
        assert venue.amount == 0
        [trade] = bot.trades()
        assert trade.exit_reason == "delisting"
        assert trade.orders[-1].order_type == "market"
        assert end - 2 * HOUR <= trade.close_date_utc < end - 2 * HOUR + 2 * MINUTE
        assert differences(bot.trades(), venue) == []

        bot.bot.strategy.side = "long"
        bot.run(5)
        assert venue.amount == 0
        assert len(bot.trades()) == 1
        assert len(told(bot)) == 1


def test_one_that_is_taken_back_is_told_of_and_entered_again():
    with live_bench(GUARDED, STILL, START, **SETTINGS) as (bot, venue):
        hold(bot)
        fault = announce(venue.exchange, bot, START + 72 * HOUR)
        bot.run(4)
        running = bot.bot.strategy._running
        assert running._delistings.refusal("BTC/USDT:USDT")
        venue.exchange.market.faults.remove(fault)
        bot.run(4)
        assert running._delistings.refusal("BTC/USDT:USDT") is None
        assert len(told(bot)) == 2
        assert venue.amount > 0


def test_an_entry_that_waits_is_withdrawn():
    with live_bench(GUARDED, STILL, START, **SETTINGS) as (bot, venue):
        bot.bot.strategy.side, bot.bot.strategy.crossing = "long", False
        bot.run_until(lambda: venue.account.orders, 2 * MINUTE, STEP)
        bot.bot.strategy.side = None
        [order] = venue.account.orders.values()
        announce(venue.exchange, bot, START + 72 * HOUR)
        bot.run(4)
        assert not order.is_open
        assert venue.amount == 0


def test_a_dry_run_leaves_too():
    dry = {**LIVE, **SETTINGS, "dry_run": True, "dry_run_wallet": 10_000}
    venue = Venue()
    with bench(GUARDED, STILL, START, serve=venue.serve, **dry) as bot:
        hold(bot)
        announce(venue.exchange, bot, START + 12 * HOUR)
        bot.run(4)
        [trade] = bot.trades()
        assert trade.exit_reason == "delisting"


def test_a_bot_that_is_stopped_says_that_it_does_not_leave():
    with live_bench(GUARDED, STILL, START, **SETTINGS) as (bot, venue):
        hold(bot)
        bot.bot.state = State.STOPPED
        announce(venue.exchange, bot, START + 12 * HOUR)
        bot.run(6)
        assert venue.amount > 0
        [_, kept] = told(bot)
        assert "the bot is stopped: its position is not closed" in kept
        bot.bot.state = State.RUNNING
        bot.run(2)
        assert venue.amount == 0


@pytest.mark.parametrize(
    ("side", "gone"),
    [
        ("long", False),
        pytest.param("short", False, marks=SLOW),
        ("short", True),
        pytest.param("long", True, marks=SLOW),
    ],
)
def test_what_was_settled_all_the_same_is_booked_from_its_incomes(side, gone):
    """Also where the exchange does not list the contract any more, nor tell of its orders."""
    with live_bench(GUARDED, MOVING, START, **SETTINGS) as (bot, venue):
        hold(bot, side)
        bot.run(1)
        bot.bot.state = State.STOPPED
        engine, now = venue.exchange.engine, venue.exchange.market.now()
        engine.on_funding("BTCUSDT", Decimal("0.001"), Decimal(50_000), now)
        end = START + 100 * MINUTE
        announce(venue.exchange, bot, end)
        bot.run_until(lambda: bot.now > end + MINUTE, 3 * HOUR, 5 * MINUTE)
        assert venue.amount == 0
        exchange = bot.bot.exchange
        if gone:
            del exchange._markets["BTC/USDT:USDT"]
            lost = mock.patch.object(
                exchange._api, "fapiPrivateGetUserTrades", side_effect=ccxt.BadSymbol("-1121")
            )
            listed = mock.patch.object(exchange, "reload_markets")
        else:
            lost = listed = mock.MagicMock()
        with lost, listed:
            bot.run(30, STEP)
        [trade] = bot.trades()
        assert not trade.is_open
        assert trade.exit_reason == "settled"
        assert trade.open_sl_orders == []
        assert abs(trade.close_date_utc - end) < 5 * MINUTE
        paid = sum((income.amount for income in venue.account.incomes), Decimal(0))
        assert trade.close_profit_abs == pytest.approx(float(paid), abs=1e-6)
        if not gone:
            assert differences(bot.trades(), venue) == []
        settled = [message for message in told(bot) if "has settled" in message]
        assert len(settled) == 1
        bot.bot.state = State.RUNNING
        bot.run(3)
        assert len(bot.trades()) == 1


def test_a_stop_that_triggered_before_the_end_is_a_stop_out():
    falling = scripted_market(START, [(0, 50_000.0), (10, 50_000.0), (20, 48_000.0)])
    with live_bench(GUARDED, falling, START, **SETTINGS) as (bot, venue):
        hold(bot)
        bot.run(1)
        bot.bot.state = State.STOPPED
        end = START + 60 * MINUTE
        announce(venue.exchange, bot, end)
        bot.run(2)  # told of, and then nothing is looked at until the contract has ended
        with mock.patch.object(type(bot.bot), "process_stopped"):
            guard = bot.bot.strategy._running._guard
            with mock.patch.object(guard, "_end"):
                bot.run_until(lambda: bot.now > end + MINUTE, 2 * HOUR, 5 * MINUTE)
        bot.run(30, STEP)
        [trade] = bot.trades()
        assert trade.exit_reason == "stoploss_on_exchange"
