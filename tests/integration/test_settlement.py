"""Orders that are open in the journal, after a kill or while the exchange does not answer.

Every point at which a bot can be killed is in test_killed.py; here are the situations that take
more than a kill.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from unittest import mock

import pytest
from freqtrade.enums import State
from freqtrade.exceptions import ExchangeError
from freqtrade.freqtradebot import FreqtradeBot

from perpkit.bot.live.market_exits import MarketExits
from perpkit.bot.live.order_purposes import orders_are
from perpkit.record.journal import Journal, JournalError, Outcome
from perpkit.record.order_ids import Purpose
from perpkit.venue.engine import NewOrder, OrderStatus
from perpkit.venue.faults.faults import FaultKind
from tests.bench.acts import (
    add_fault,
    enter,
    live_stops,
    remove_fault,
    take_stops_away,
    wait_in_book,
    warnings,
)
from tests.bench.killed import Left, live_bot, put_back, recording
from tests.bench.live import LIVE, SameVenue, differences
from tests.bench.scripted_market import scripted_market
from tests.cases import SLOW

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
STEP = timedelta(seconds=5)
MINUTE = timedelta(minutes=1)
SOON, LATE = timedelta(seconds=5), timedelta(days=2)
END = 200 * 24 * 60  # minutes
STILL = scripted_market(START, [(0, 50_000.0), (3 * 24 * 60, 50_000.0)])
ORDER, STOP, POSITIONS = "/fapi/v1/order", "/fapi/v1/algoOrder", "GET /fapi/*/positionRisk"
GUARDED = "GuardedSteered"


def leave(bot, venue) -> None:
    bot.bot.strategy.leave = True
    bot.run_until(lambda: not venue.amount, MINUTE, STEP)
    bot.bot.strategy.leave = False


def outcomes(folder) -> list[tuple[str, str]]:
    """Purpose and outcome of every order in the journal."""
    with sqlite3.connect(folder / "books" / "trades.journal.sqlite") as journal:
        return journal.execute("SELECT purpose, outcome FROM orders ORDER BY rowid").fetchall()


def nothing(bot, venue) -> None: ...


def killed(folder, act, *, at: str, first=nothing, market=STILL) -> Left:
    """What is left of a bot that is killed at the first point of `act` with this name."""
    venue = SameVenue()
    with (
        recording(folder / "books") as recorder,
        live_bot(GUARDED, market, START, folder, venue) as bot,
    ):
        recorder.exchange = venue.exchange
        bot.run(1, STEP)
        first(bot, venue)
        recorder.on = True
        act(bot, venue)
    return next(point.left for point in recorder.points if at in point.names)


@contextmanager
def restarted(folder, left: Left, delay: timedelta, market=STILL):
    put_back(left, folder / "books")
    venue = SameVenue()
    venue.exchange = left.exchange_again()
    with live_bot(GUARDED, market, left.at + delay, folder, venue) as bot:
        yield bot, venue


CARRIED_OUT = f"after POST {ORDER}"


@pytest.mark.parametrize("delay", [SOON, LATE])
def test_a_position_without_a_trade_has_its_stop_and_becomes_one(tmp_path, delay):
    left = killed(tmp_path, enter, at=CARRIED_OUT)
    with restarted(tmp_path, left, delay) as (bot, venue):
        assert bot.trades() == []
        bot.run(1, STEP)
        [trade], [stop] = bot.trades(), live_stops(venue)
        assert trade.amount == float(venue.amount) == float(stop.quantity)
        # As the strategy would have placed it, and as large.
        assert float(stop.trigger_price) == pytest.approx(0.98 * trade.open_rate, abs=0.2)
        assert trade.stop_loss == float(stop.trigger_price)
        assert trade.stake_amount == pytest.approx(trade.amount * trade.open_rate / 3)
        assert trade.leverage == 3
        assert abs(trade.open_date_utc - left.at) < timedelta(seconds=2)
        [message] = warnings(bot)
        assert "are now a trade" in message
        assert outcomes(tmp_path) == [("E", Outcome.ADOPTED), ("S", Outcome.ADOPTED)]
        bot.run(13, STEP)
        assert differences(bot.trades(), venue) == []
        assert live_stops(venue) == [stop]
        leave(bot, venue)
        bot.run(13, STEP)
        assert differences(bot.trades(), venue) == []


def test_a_position_of_another_size_than_wanted_now_is_adopted_as_it_is(tmp_path):
    left = killed(tmp_path, enter, at=CARRIED_OUT)
    with restarted(tmp_path, left, SOON) as (bot, venue):
        strategy = bot.bot.strategy
        refuse = {"custom_stake_amount": 0.0, "leverage": 1.0, "confirm_trade_entry": False}
        with mock.patch.multiple(
            strategy, **{n: mock.Mock(return_value=v) for n, v in refuse.items()}
        ):
            bot.run(1, STEP)
        [trade] = bot.trades()
        assert (trade.amount, trade.leverage) == (float(venue.amount), 3)


def test_what_cannot_become_a_trade_is_closed(tmp_path):
    left = killed(tmp_path, enter, at=CARRIED_OUT)
    with restarted(tmp_path, left, SOON) as (bot, venue):
        with mock.patch.object(FreqtradeBot, "execute_entry", side_effect=RuntimeError("no trade")):
            bot.run(1, STEP)
            assert len(live_stops(venue)) == 1
            bot.run(4, STEP)
        assert venue.amount == 0
        assert live_stops(venue) == []
        [message] = warnings(bot)
        assert "they are closed at the market" in message
        assert bot.trades() == []
        assert [outcome for _, outcome in outcomes(tmp_path)].count(Outcome.CLOSED) == 2


def test_no_more_is_closed_than_was_the_bots(tmp_path):
    left = killed(tmp_path, enter, at=CARRIED_OUT)
    with restarted(tmp_path, left, SOON) as (bot, venue):
        ours, exchange = venue.amount, venue.exchange
        order = NewOrder("BTCUSDT", "BUY", "MARKET", Decimal("0.005"))
        exchange.engine.place_order(venue.account, order, exchange.market.now())
        with mock.patch.object(FreqtradeBot, "execute_entry", side_effect=RuntimeError("no trade")):
            bot.run(5, STEP)
        assert venue.amount == Decimal("0.005")
        assert ours > 0


def test_the_stop_of_a_position_closed_before_it_was_a_trade_is_withdrawn(tmp_path):
    left = killed(tmp_path, enter, at=CARRIED_OUT)
    with restarted(tmp_path, left, SOON) as (bot, venue):
        with mock.patch.object(FreqtradeBot, "execute_entry", side_effect=RuntimeError("no trade")):
            bot.run(1, STEP)
        assert len(live_stops(venue)) == 1
        exchange = venue.exchange
        order = NewOrder("BTCUSDT", "SELL", "MARKET", venue.amount)
        exchange.engine.place_order(venue.account, order, exchange.market.now())
        bot.run(1, STEP)
        assert live_stops(venue) == []
        assert outcomes(tmp_path) == [("E", Outcome.CLOSED), ("S", Outcome.CANCELLED)]


def test_a_position_that_was_closed_meanwhile_becomes_no_trade(tmp_path):
    left = killed(tmp_path, enter, at=CARRIED_OUT)
    with restarted(tmp_path, left, SOON) as (bot, venue):
        exchange = venue.exchange
        order = NewOrder("BTCUSDT", "SELL", "MARKET", venue.amount)
        exchange.engine.place_order(venue.account, order, exchange.market.now())
        bot.run(5, STEP)
        assert bot.trades() == []
        assert live_stops(venue) == []
        assert outcomes(tmp_path) == [("E", Outcome.CLOSED)]


def forget_orders(venue) -> None:
    """As the exchange does after 90 days."""
    for known in (venue.account.orders, venue.account.orders_by_client_id):
        known.clear()


@pytest.mark.parametrize("point", [CARRIED_OUT, "before INSERT INTO trades"])
def test_the_position_decides_where_the_exchange_has_forgotten_the_order(tmp_path, point):
    left = killed(tmp_path, enter, at=point)
    with restarted(tmp_path, left, timedelta(days=3, hours=1)) as (bot, venue):
        forget_orders(venue)
        bot.run(1, STEP)
        [trade], [stop] = bot.trades(), live_stops(venue)
        assert trade.amount == float(venue.amount) == float(stop.quantity)
        bot.run(13, STEP)
        assert live_stops(venue) == [stop]
        assert len(warnings(bot)) == 1


def test_a_larger_position_than_a_forgotten_order_explains_is_not_taken(tmp_path):
    left = killed(tmp_path, enter, at=CARRIED_OUT)
    with restarted(tmp_path, left, timedelta(days=3, hours=1)) as (bot, venue):
        exchange = venue.exchange
        order = NewOrder("BTCUSDT", "BUY", "MARKET", Decimal("0.005"))
        exchange.engine.place_order(venue.account, order, exchange.market.now())
        forget_orders(venue)
        before = venue.amount
        bot.run(4, STEP)
        assert bot.trades() == []
        assert venue.amount == before
        [message] = warnings(bot)
        assert "that the database does not know" in message


def test_a_stop_is_placed_and_nothing_entered_while_the_order_is_unread(tmp_path):
    left = killed(tmp_path, enter, at=CARRIED_OUT)
    with restarted(tmp_path, left, SOON) as (bot, venue):
        fault = add_fault(venue, FaultKind.RESET, f"GET {ORDER}")
        bot.bot.strategy.side = "long"
        bot.run(1, STEP)
        [stop] = live_stops(venue)
        bot.run(20, STEP)
        assert live_stops(venue) == [stop]
        assert bot.trades() == []
        assert stop.quantity == venue.amount
        bot.bot.strategy.side = None
        remove_fault(venue, fault)
        bot.run(2, STEP)
        [trade] = bot.trades()
        assert trade.amount == float(venue.amount)
        assert live_stops(venue) == [stop]


def test_a_stop_is_placed_while_positions_cannot_be_read(tmp_path):
    left = killed(tmp_path, enter, at=CARRIED_OUT)
    with restarted(tmp_path, left, SOON) as (bot, venue):
        fault = add_fault(venue, FaultKind.RESET, POSITIONS)
        bot.run(2, STEP)
        [stop] = live_stops(venue)
        remove_fault(venue, fault)
        bot.run(2, STEP)
        assert [trade.amount for trade in bot.trades()] == [float(venue.amount)]
        assert live_stops(venue) == [stop]


@pytest.mark.parametrize(
    ("delay", "stays"), [(SOON, True), (2 * MINUTE, False), pytest.param(LATE, False, marks=SLOW)]
)
def test_an_entry_that_waits_without_a_trade(tmp_path, delay, stays):
    left = killed(tmp_path, wait_in_book, at=CARRIED_OUT)
    with restarted(tmp_path, left, delay) as (bot, venue):
        bot.run(1, STEP)
        [order] = venue.account.orders.values()
        assert order.is_open is stays
        assert [o.order_id for t in bot.trades() for o in t.orders] == [str(order.id)] * stays
        assert outcomes(tmp_path) == [("E", Outcome.ADOPTED if stays else Outcome.CANCELLED)]
        if stays:
            exchange = venue.exchange
            exchange.engine.fill_order(
                venue.account, order.id, order.quantity, exchange.market.now()
            )
            bot.run(1, STEP)
            assert len(live_stops(venue)) == 1
            assert differences(bot.trades(), venue) == []


def test_what_has_filled_of_an_entry_that_waited_too_long_is_adopted(tmp_path):
    left = killed(tmp_path, wait_in_book, at=CARRIED_OUT)
    with restarted(tmp_path, left, 2 * MINUTE) as (bot, venue):
        [order], exchange = venue.account.orders.values(), venue.exchange
        part = Decimal("0.004")
        exchange.engine.fill_order(venue.account, order.id, part, exchange.market.now())
        bot.run(1, STEP)
        assert order.status is OrderStatus.CANCELED
        assert [t.amount for t in bot.trades()] == [float(part)]
        [stop] = live_stops(venue)
        assert stop.quantity == part
        bot.run(13, STEP)
        assert differences(bot.trades(), venue) == []


# Of a trade


def hold(bot, venue) -> None:
    enter(bot, venue)
    bot.run(1, STEP)


def add(bot, venue) -> None:
    with bot.bot._exit_lock:
        [trade] = bot.trades()
        assert bot.bot.execute_entry(
            trade.pair, 200.0, 50_100.0, trade=trade, mode="pos_adjust", enter_tag="more"
        )


def test_an_addition_that_its_trade_lacks_becomes_one_of_it(tmp_path):
    left = killed(tmp_path, add, at=CARRIED_OUT, first=hold)
    with restarted(tmp_path, left, LATE) as (bot, venue):
        [before] = [trade.amount for trade in bot.trades()]
        bot.run(1, STEP)
        [trade], [stop] = bot.trades(), live_stops(venue)
        assert trade.amount == float(venue.amount) == float(stop.quantity) > before
        assert [o.ft_order_tag for o in trade.orders if o.ft_order_side == "buy"][1:] == ["more"]
        bot.run(13, STEP)
        assert differences(bot.trades(), venue) == []


def test_an_exit_that_its_trade_lacks_closes_it(tmp_path):
    left = killed(tmp_path, leave, at=CARRIED_OUT, first=hold)
    with restarted(tmp_path, left, LATE) as (bot, venue):
        assert [trade.is_open for trade in bot.trades()] == [True]
        bot.run(1, STEP)
        [trade] = bot.trades()
        assert (trade.is_open, trade.exit_reason) == (False, "told")
        assert live_stops(venue) == []
        bot.run(13, STEP)
        assert differences(bot.trades(), venue) == []


def test_a_stop_that_triggered_before_its_trade_knew_of_it_is_a_stop_out(tmp_path):
    market = scripted_market(
        START, [(0, 50_000.0), (60, 50_000.0), (70, 48_000.0), (200, 48_000.0)]
    )
    left = killed(tmp_path, hold, at=f"after POST {STOP}", market=market)
    with restarted(tmp_path, left, timedelta(hours=2), market) as (bot, venue):
        bot.run(1, STEP)
        [trade] = bot.trades()
        assert (trade.is_open, trade.exit_reason) == (False, "stoploss_on_exchange")
        bot.run(13, STEP)
        assert differences(bot.trades(), venue) == []


def test_the_rest_of_a_split_exit_is_sent_after_a_restart(tmp_path):
    venue = SameVenue()
    with live_bot(GUARDED, STILL, START, tmp_path, venue) as bot:
        hold(bot, venue)
        whole = venue.amount
        bot.bot.exchange.markets["BTC/USDT:USDT"]["limits"]["market"]["max"] = 0.005
        lost = ExchangeError("no answer")
        with mock.patch.object(MarketExits, "_next", side_effect=lost), bot.bot._exit_lock:
            bot.bot.emergency_exit(bot.trades()[0], 50_000.0)
        assert venue.amount == whole - Decimal("0.005")
        now = bot.now
    with live_bot(GUARDED, STILL, now + STEP, tmp_path, venue) as bot:
        bot.run(1, STEP)
        assert venue.amount == 0
        [trade] = bot.trades()
        assert (trade.is_open, trade.exit_reason) == (False, "emergency_exit")
        assert differences(bot.trades(), venue) == []


def test_a_limit_that_crosses_is_known_as_one_after_a_restart(tmp_path):
    venue = SameVenue()
    with live_bot(GUARDED, STILL, START, tmp_path, venue) as bot:
        hold(bot, venue)
        with bot.bot._exit_lock, orders_are(Purpose.CROSSING, "halted"):
            trade, exchange = bot.trades()[0], bot.bot.exchange
            order = exchange.create_order(
                pair=trade.pair, ordertype="limit", side="sell", amount=trade.amount,
                rate=60_000.0, leverage=3.0, reduceOnly=True, initial_order=False,
            )  # fmt: skip
        now = bot.now
    with live_bot(GUARDED, STILL, now + STEP, tmp_path, venue) as bot:
        bot.run(1, STEP)
        [trade] = bot.trades()
        assert trade.open_orders_ids == [order["id"]]
        assert bot.bot.strategy._running._guard._exits.leaves(trade)


def test_reload_config_settles_as_a_restart_does(tmp_path):
    venue = SameVenue()
    with live_bot(GUARDED, STILL, START, tmp_path, venue) as bot:
        bot.run(1, STEP)
        add_fault(venue, FaultKind.RESPONSE_LOST, f"POST {ORDER}", times=1)
        fault = add_fault(venue, FaultKind.RESET, f"GET {ORDER}")
        enter(bot, venue)
        bot.run(1, STEP)
        remove_fault(venue, fault)
        [stop] = live_stops(venue)
        bot.bot.cleanup()  # as Freqtrade's worker does, but for reading the configuration
        bot._worker._config["exchange"] |= LIVE["exchange"]  # which are forgotten once used
        bot._worker._init(False)
        bot._worker.freqtrade.state, bot._state = State.RUNNING, None
        bot.run(2, STEP)
        assert [trade.amount for trade in bot.trades()] == [float(venue.amount)]
        assert live_stops(venue) == [stop]


def test_a_full_disk_stops_entries_and_nothing_else(tmp_path):
    venue = SameVenue()
    with live_bot(GUARDED, STILL, START, tmp_path, venue) as bot:
        enter(bot, venue)
        full = JournalError("The journal fails: database or disk is full")
        with mock.patch.object(Journal, "_write", side_effect=full):
            take_stops_away(bot)
            bot.run(2, STEP)
            assert len(live_stops(venue)) == 1
            leave(bot, venue)
            bot.bot.strategy.side = "long"
            bot.run(20, STEP)
            assert venue.amount == 0
        assert len([m for m in warnings(bot) if "cannot be written" in m]) == 1
        bot.run_until(lambda: venue.amount, 3 * MINUTE, STEP)
        assert len([m for m in warnings(bot) if "written again" in m]) == 1
        assert {outcome for _, outcome in outcomes(tmp_path)} == {Outcome.BOOKED}
