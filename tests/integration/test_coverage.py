"""Stops at the exchange and in the database that have come apart, in every state of the bot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
from freqtrade.enums import State
from freqtrade.persistence import Trade
from sqlalchemy import text

from tests.bench.acts import MINUTE, STEP, breaches, hold, live_stops, warnings
from tests.bench.by_hand import cancel_stops, forget_stops, trade_by_hand
from tests.bench.in_process import bench
from tests.bench.live import LIVE, SameVenue, differences, live_bench
from tests.bench.scripted_market import scripted_market
from tests.cases import SLOW

pytestmark = pytest.mark.integration


@pytest.fixture
def venue() -> SameVenue:
    return SameVenue()


@pytest.fixture
def start_bot(venue, tmp_path):
    """Starts bots with one database at `venue`."""
    settings = {**LIVE, "db_url": f"sqlite:///{tmp_path}/trades.sqlite"}

    def start(at, market=STILL):
        return bench("GuardedSteered", market, at, serve=venue.serve, userdir=tmp_path, **settings)

    return start


START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
STILL = scripted_market(START, [(0, 50_000.0)])
FALLING = scripted_market(START, [(0, 50_000.0), (2, 50_000.0), (4, 48_500.0)])
STATES = [State.STOPPED, pytest.param(State.PAUSED, marks=SLOW)]


@pytest.mark.parametrize(
    ("state", "step"),
    [
        (State.RUNNING, 40),
        (State.PAUSED, 5),
        (State.STOPPED, 5),
        pytest.param(State.STOPPED, 40, marks=SLOW),
    ],
)
def test_a_stop_that_is_missing_is_placed_again_within_a_minute(state, step):
    with live_bench("GuardedSteered", STILL, START) as (bot, venue):
        hold(bot, venue)
        price = live_stops(venue)[0].trigger_price
        bot.bot.state = state
        bot.run(3, STEP)
        cancel_stops(venue)
        missed = bot.now
        bot.run_until(lambda: live_stops(venue), 2 * MINUTE, timedelta(seconds=step))
        assert bot.now - missed <= timedelta(minutes=1, seconds=step)
        [stop] = live_stops(venue)
        assert (stop.quantity, stop.trigger_price) == (venue.amount, price)
        bot.run(15, STEP)
        assert live_stops(venue) == [stop]
        assert differences(bot.trades(), venue) == []


@pytest.mark.parametrize("state", [State.RUNNING, pytest.param(State.STOPPED, marks=SLOW)])
def test_a_stop_out_is_booked_after_a_kill_before_its_trade_was_closed(start_bot, venue, state):
    """The database has the order by then, and that it has filled."""

    class KilledError(BaseException): ...

    def be_killed(_trade, order, told) -> None:
        if order.ft_order_side == "stoploss" and told["status"] == "closed":
            raise KilledError

    with start_bot(START, FALLING) as bot:
        hold(bot, venue)
        with (
            mock.patch.object(bot.bot, "handle_order_fee", side_effect=be_killed),
            pytest.raises(KilledError),
        ):
            bot.run(12 * 5, STEP)
        now = bot.now
    with start_bot(now + STEP, FALLING) as bot:
        [trade] = bot.trades()
        assert trade.is_open
        assert [order.ft_is_open for order in trade.sl_orders] == [False]
        bot.bot.state = state
        bot.run(15, STEP)
        [trade] = bot.trades()
        assert trade.exit_reason == "stoploss_on_exchange"
        assert differences([trade], venue) == []
        assert [text for text in warnings(bot) if "open trades" not in text] == []


@pytest.mark.parametrize("state", [State.RUNNING, State.STOPPED])
def test_a_stop_that_the_exchange_has_forgotten_slows_no_cycle(state):
    with live_bench("GuardedSteered", STILL, START) as (bot, venue):
        hold(bot, venue)
        bot.run(15, STEP)
        bot.bot.state = state
        forget_stops(venue)
        took = []
        for _ in range(15):
            began = bot.now
            bot.run(1, STEP)
            took.append((bot.now - began).total_seconds())
        assert max(took) <= 6
        [stop] = live_stops(venue)
        assert stop.quantity == venue.amount
        [trade] = bot.trades()
        assert [order.order_id for order in trade.open_sl_orders] == [str(stop.id)]


def without_stops_in_the_database() -> None:
    Trade.session.execute(text("delete from orders where ft_order_side = 'stoploss'"))
    Trade.session.commit()


@pytest.mark.parametrize("state", [State.RUNNING, *STATES])
def test_an_unknown_stop_is_cancelled_only_when_another_covers(state):
    """The trade is there, its newest stop is not, and another is placed."""
    with live_bench("GuardedSteered", STILL, START) as (bot, venue):
        hold(bot, venue)
        [old] = live_stops(venue)
        without_stops_in_the_database()
        bot.bot.state = state
        bot.run(1, STEP)
        assert len(live_stops(venue)) == 2
        bot.run_until(lambda: not old.is_open, MINUTE, STEP)
        [new] = live_stops(venue)
        assert (new.quantity, new.trigger_price) == (old.quantity, old.trigger_price)


def test_a_stop_that_the_database_lacks_at_the_start_is_taken_over(start_bot, venue):
    with start_bot(START) as bot:
        hold(bot, venue)
        [old] = live_stops(venue)
        without_stops_in_the_database()
        now = bot.now
    with start_bot(now + 10 * MINUTE) as bot:
        bot.run(15, STEP)
        assert live_stops(venue) == [old]
        [trade] = bot.trades()
        assert [order.order_id for order in trade.open_sl_orders] == [str(old.id)]
        assert differences(bot.trades(), venue) == []
        assert breaches(venue) == []


@pytest.mark.parametrize("state", [State.RUNNING, *STATES])
def test_an_unknown_stop_of_a_position_without_a_trade_stays(state):
    with live_bench("GuardedSteered", STILL, START) as (bot, venue):
        hold(bot, venue)
        [stop] = live_stops(venue)
        for table in ("orders", "trades"):
            Trade.session.execute(text(f"delete from {table}"))
        Trade.session.commit()
        held = venue.amount
        bot.bot.state = state
        bot.run(40, STEP)
        assert live_stops(venue) == [stop]
        assert venue.amount == held
        assert breaches(venue) == []


def test_an_unknown_stop_is_cancelled_once_the_pair_is_flat():
    with live_bench("GuardedSteered", STILL, START) as (bot, venue):
        hold(bot, venue)
        for table in ("orders", "trades"):
            Trade.session.execute(text(f"delete from {table}"))
        Trade.session.commit()
        bot.run(15, STEP)
        trade_by_hand(venue, -venue.amount)
        assert live_stops(venue) != []
        bot.run(15, STEP)
        assert live_stops(venue) == []
