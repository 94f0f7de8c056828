"""Settings of the account that somebody changes while a guarded bot has a position, or has none."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from unittest import mock
from urllib.parse import urlsplit

import pytest
from freqtrade.enums import State
from freqtrade.exceptions import TemporaryError

from perpkit.venue.engine import NewOrder
from perpkit.venue.exchange.account_settings import SettingsChange, change
from perpkit.venue.faults.faults import Fault, FaultKind
from tests.bench.acts import breaches, hold, live_stops, take_stops_away, warnings
from tests.bench.in_process import bench
from tests.bench.live import LIVE, SameVenue, live_bench, stops
from tests.bench.scripted_market import scripted_market
from tests.cases import SLOW

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
STEP = timedelta(seconds=5)
MINUTE = timedelta(minutes=1)
STILL = scripted_market(START, [(0, 50_000.0)])
BTC = "BTC/USDT:USDT"
GUARDED = "GuardedSteered"
LOOK = 14  # cycles in which the settings are compared


def set_by_hand(venue, **settings) -> None:
    # The exchange changes the asset mode without open orders only: taken away for it, and back.
    venue.account.multi_assets = settings.pop("multi_assets", venue.account.multi_assets)
    venue.exchange.catch_up("BTCUSDT")
    exchange = venue.exchange
    change(
        exchange.engine,
        venue.account,
        "BTCUSDT",
        SettingsChange(**settings),
        exchange.market.now(),
    )


def told(bot) -> list[str]:
    return [message for message in warnings(bot) if message.startswith("Settings of")]


def refused(bot) -> bool:
    return bot.bot.strategy._running._guard.refusal(BTC) is not None


@pytest.mark.parametrize(
    "state", [State.RUNNING, pytest.param(State.PAUSED, marks=SLOW), State.STOPPED]
)
def test_leverage_with_liquidation_near_moves_the_stop_and_sells_nothing(state):
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        hold(bot, venue)
        bot.run(LOOK, STEP)
        amount, [first] = venue.amount, bot.trades()
        far, stop = first.liquidation_price, first.stop_loss
        bot.bot.state = state
        set_by_hand(venue, leverage=50)
        bot.run(2 * LOOK, STEP)

        [trade] = bot.trades()
        assert venue.amount == amount
        assert far < stop < trade.liquidation_price < trade.open_rate
        [live] = live_stops(venue)
        [view] = venue.exchange.engine.positions(venue.account)
        assert live.trigger_price >= Decimal(str(trade.liquidation_price)) > view.liquidation_price
        assert trade.leverage == 3
        assert trade.stake_amount == pytest.approx(first.stake_amount)
        [message] = told(bot)
        assert "BTC/USDT:USDT" in message
        assert "leverage is 50 there, 3 in the bot" in message
        assert refused(bot)
        assert breaches(venue) == []


def test_a_stop_is_placed_though_the_leverage_cannot_be_set_back():
    """Freqtrade sets it before each stop; with isolated margin it cannot be lowered (-4161)."""
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        hold(bot, venue)
        set_by_hand(venue, leverage=10)
        take_stops_away(bot)
        bot.run(2, STEP)
        assert len(live_stops(venue)) == 1
        assert venue.amount > 0
        assert len(stops(bot.trades()[0])) == 2
        assert breaches(venue) == []


def test_margin_that_is_taken_out_moves_the_stop():
    """The same of what changes liquidation alone."""
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        hold(bot, venue)
        [position] = venue.account.holdings["BTCUSDT"].held()
        position.isolated_wallet /= 20
        bot.run(2 * LOOK, STEP)
        [trade] = bot.trades()
        [live] = live_stops(venue)
        assert live.trigger_price >= Decimal(str(trade.liquidation_price)) > 49_100
        assert told(bot) == []


@pytest.mark.parametrize("state", [State.RUNNING, State.STOPPED, "restart"])
def test_a_liquidation_price_never_read_is_found_and_the_stop_moved(state, tmp_path):
    """Freqtrade asks once, after the fill."""
    venue = SameVenue()
    settings = {**LIVE, "db_url": f"sqlite:///{tmp_path}/trades.sqlite"}

    def start(at):
        return bench(GUARDED, STILL, at, serve=venue.serve, userdir=tmp_path, **settings)

    def assert_it_is_found(bot) -> None:
        bot.run(2 * LOOK, STEP)
        [trade], [live] = bot.trades(), live_stops(venue)
        assert live.trigger_price >= Decimal(str(trade.liquidation_price)) > 49_100

    with start(START) as bot:
        lost = TemporaryError("no answer")
        with mock.patch.object(bot.bot.exchange, "get_liquidation_price", side_effect=lost):
            hold(bot, venue)
        assert bot.trades()[0].liquidation_price is None
        set_by_hand(venue, leverage=50)
        if state != "restart":
            bot.bot.state = state
            assert_it_is_found(bot)
        now = bot.now
    if state == "restart":
        with start(now + MINUTE) as bot:
            assert_it_is_found(bot)


CHANGES = {
    "leverage": ({"margin_mode": "cross"}, {"leverage": 10}, {"leverage": 3}),
    "multi-assets": ({"margin_mode": "cross"}, {"multi_assets": True}, {"multi_assets": False}),
}


@pytest.mark.parametrize("what", CHANGES)
def test_it_is_said_once_and_once_when_it_is_resolved(what):
    settings, changed, back = CHANGES[what]
    with live_bench(GUARDED, STILL, START, **settings) as (bot, venue):
        hold(bot, venue)
        bot.run(LOOK, STEP)
        assert not refused(bot)
        set_by_hand(venue, **changed)
        bot.run(3 * LOOK, STEP)
        assert len(told(bot)) == 1
        assert refused(bot)
        amount = venue.amount
        bot.bot.strategy.leave = True
        if what == "multi-assets":  # of all pairs, also when flat
            bot.run_until(lambda: not venue.amount, MINUTE, STEP)
            bot.bot.strategy.leave, bot.bot.strategy.side = False, "long"
            bot.run(LOOK, STEP)
            assert venue.amount == 0
            set_by_hand(venue, **back)
            bot.run_until(lambda: venue.amount, 5 * MINUTE, STEP)
        else:
            bot.bot.strategy.leave = False
            set_by_hand(venue, **back)
            bot.run(LOOK, STEP)
            assert venue.amount == amount
        assert not refused(bot)
        assert len(told(bot)) == 2
        assert "It no longer blocks entries" in told(bot)[1]


def test_multi_assets_that_the_configuration_means_are_no_difference():
    settings = {"margin_mode": "cross", "proxy_coin": "USDT"}
    with live_bench(GUARDED, STILL, START, **settings) as (bot, venue):
        set_by_hand(venue, multi_assets=True)
        hold(bot, venue)
        bot.run(LOOK, STEP)
        assert told(bot) == []
        assert not refused(bot)


def test_an_entry_that_waits_is_withdrawn():
    with live_bench(GUARDED, STILL, START, margin_mode="cross") as (bot, venue):
        bot.bot.strategy.side, bot.bot.strategy.crossing = "long", False
        bot.run_until(lambda: venue.account.orders, 2 * MINUTE, STEP)
        bot.bot.strategy.side = None
        [order] = venue.account.orders.values()
        set_by_hand(venue, multi_assets=True)
        bot.run(LOOK + 1, STEP)
        assert not order.is_open
        assert venue.amount == 0


def test_hedge_mode_blocks_entries_and_what_is_held_keeps_stop_and_exit():
    """The exchange changes the mode of a flat account only: the position is opened again by hand,
    as the bot has it in its books."""
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        hold(bot, venue)
        engine, now, amount = venue.exchange.engine, venue.exchange.market.now(), venue.amount
        for algo in live_stops(venue):
            engine.cancel_algo(venue.account, now, algo_id=algo.id)
        engine.place_order(venue.account, NewOrder("BTCUSDT", "SELL", "MARKET", amount), now)
        set_by_hand(venue, hedge=True)
        again = NewOrder("BTCUSDT", "BUY", "MARKET", amount, position_side="LONG")
        engine.place_order(venue.account, again, now)
        bot.run(2 * LOOK, STEP)
        [message] = told(bot)
        assert "hedge mode" in message
        assert bot.bot.strategy._running._guard.refusal("ETH/USDT:USDT")
        assert venue.amount == amount
        [stop] = live_stops(venue)
        assert stop.position_side == "LONG"
        bot.bot.strategy.leave = True
        bot.run(4, STEP)
        assert venue.amount == 0
        assert live_stops(venue) == []


def test_settings_that_cannot_be_read_refuse_entries_until_they_can():
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        fault = venue.exchange.market.faults.add(
            Fault(FaultKind.RESET, endpoint="GET /fapi/v1/accountConfig")
        )
        bot.bot.strategy.side = "long"
        bot.run(2 * LOOK, STEP)
        assert venue.amount == 0
        venue.exchange.market.faults.remove(fault)
        bot.run_until(lambda: venue.amount, 5 * MINUTE, STEP)


def test_it_costs_two_requests_a_minute():
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        hold(bot, venue)
        with mock.patch.object(bot.wire, "ask", wraps=bot.wire.ask) as ask:
            bot.run(10 * 12, STEP)
        asked = Counter(urlsplit(call.args[1]).path for call in ask.call_args_list)
        assert 8 <= asked["/fapi/v1/accountConfig"] <= 11
        assert asked["/fapi/v1/symbolConfig"] == asked["/fapi/v1/accountConfig"]
