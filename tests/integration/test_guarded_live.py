"""Live mode guarded by the base strategy: stops, entries and books through failures and restarts.

The gaps of Freqtrade that are closed by it are in test_gaps.py and at the end of test_live.py.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from unittest import mock
from urllib.parse import urlsplit

import ccxt
import pytest
from freqtrade.enums import State
from freqtrade.exceptions import TemporaryError
from freqtrade.persistence import Trade
from sqlalchemy import text

from perpkit.bot.live.slippage import SLIPPAGE_KEY, EntrySlippage
from perpkit.breakers.breaker import Decision, Trading
from perpkit.venue.engine import AlgoStatus, NewOrder, OrderStatus
from perpkit.venue.faults.faults import FaultKind
from tests.bench.acts import (
    COARSE,
    MINUTE,
    STEP,
    STEP_SIZE,
    add_fault,
    breaches,
    enter,
    fill_share,
    hold,
    live_stops,
    remove_fault,
    take_stops_away,
    wait_in_book,
    warnings,
)
from tests.bench.gap import gap
from tests.bench.in_process import bench
from tests.bench.live import LIVE, SameVenue, differences, live_bench
from tests.bench.scripted_market import scripted_market
from tests.cases import SLOW

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
STILL = scripted_market(START, [(0, 50_000.0)])
ORDER, STOP = "/fapi/v1/order", "/fapi/v1/algoOrder"
GUARDED = "GuardedSteered"


def by_hand(venue, side: str) -> None:
    """Somebody else's order on the same account."""
    engine, now = venue.exchange.engine, venue.exchange.market.now()
    order = NewOrder("BTCUSDT", side, "MARKET", Decimal("0.002"))
    venue.exchange.catch_up("BTCUSDT")
    engine.place_order(venue.account, order, now)


# Entries that are open


@gap("Freqtrade keeps an order whose fills are worth less than an order may be")
def test_a_small_fill_has_its_stop(strategy):
    with live_bench(strategy, STILL, START) as (bot, venue):
        order = wait_in_book(bot, venue)
        fill_share(venue, order, "0.001")
        bot.run(12, STEP)
        assert breaches(venue) == []
        assert order.status is OrderStatus.CANCELED
        (stop,) = live_stops(venue)
        assert stop.quantity == venue.amount == STEP_SIZE
        assert differences(bot.trades(), venue) == []


def test_the_rest_of_a_nearly_filled_entry_is_taken():
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        order = wait_in_book(bot, venue)
        fill_share(venue, order, "0.9")
        bot.run(6, STEP)
        first, second = venue.account.orders.values()
        assert first.status is OrderStatus.CANCELED
        assert second.executed == first.quantity - first.executed
        (stop,) = live_stops(venue)
        assert stop.quantity == venue.amount == order.quantity
        assert breaches(venue) == []
        assert differences(bot.trades(), venue) == []


def test_a_rest_that_nobody_offers_is_done_without():
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        order = wait_in_book(bot, venue)
        fill_share(venue, order, "0.9")
        since = venue.exchange.market.now()
        add_fault(venue, FaultKind.EMPTY_BOOK, since=since, parameters={"side": "asks"})
        bot.run(12, STEP)
        assert list(venue.account.orders) == [order.id]
        assert order.status is OrderStatus.CANCELED
        (stop,) = live_stops(venue)
        assert stop.quantity == venue.amount == order.executed
        assert breaches(venue) == []


def test_an_entry_that_cannot_be_looked_at_ends():
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        order = wait_in_book(bot, venue)
        add_fault(venue, FaultKind.RESET, f"GET {ORDER}")
        fill_share(venue, order, "0.5")
        bot.run(12, STEP)
        assert order.status is OrderStatus.CANCELED
        (stop,) = live_stops(venue)
        assert stop.quantity == venue.amount == order.executed
        assert breaches(venue) == []


@pytest.mark.parametrize("filled", ["0", "0.5", "1"])
def test_one_look_that_fails_ends_no_entry_and_leaves_no_fill_bare(filled):
    """Half of it is kept, with its stop, and the rest given up."""
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        order = wait_in_book(bot, venue)
        bot.run(2, STEP)
        fault = add_fault(venue, FaultKind.RESET, f"GET {ORDER}")
        bot.run(1, STEP)
        if filled != "0":
            fill_share(venue, order, filled)
        remove_fault(venue, fault)
        bot.run(6, STEP)
        assert order.is_open is (filled == "0")
        assert len(live_stops(venue)) == (filled != "0")
        assert venue.amount == order.executed
        assert breaches(venue) == []
        assert differences(bot.trades(), venue) == []


BLOCKED = {
    "reducing": Decision(Trading.REDUCING, 0.5, reason="a test"),
    "halted": Decision(Trading.HALTED, 0.0, reason="a test"),
}


@pytest.mark.parametrize("what", [*BLOCKED, "doubt", "book", "look"])
def test_an_entry_that_waits_is_withdrawn_within_a_cycle(what):
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        order = wait_in_book(bot, venue)
        bot.run(2, STEP)
        assert order.is_open
        strategy = bot.bot.strategy
        if what in BLOCKED:
            told_so = mock.patch.object(strategy.watch, "decision", return_value=BLOCKED[what])
        else:
            told_so = mock.patch.object(
                strategy, "doubt", return_value="a test" if what == "doubt" else None
            )
        if what == "book":
            since = venue.exchange.market.now()
            add_fault(venue, FaultKind.EMPTY_BOOK, since=since, parameters={"side": "asks"})
        if what == "look":
            add_fault(venue, FaultKind.RESET, f"GET {ORDER}")
        with told_so:
            bot.run(2 if what == "look" else 1, STEP)
        assert order.status is OrderStatus.CANCELED
        assert venue.amount == 0


@pytest.mark.parametrize("seconds", [8, 40])
def test_an_entry_of_a_bot_with_slow_cycles_is_waited_for(seconds):
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        order = wait_in_book(bot, venue)
        bot.run(5, timedelta(seconds=seconds))
        assert order.is_open


@gap("Freqtrade looks at nothing while it is stopped")
def test_an_entry_of_a_bot_that_is_stopped_ends(strategy):
    with live_bench(strategy, STILL, START) as (bot, venue):
        order = wait_in_book(bot, venue)
        bot.bot.state = State.STOPPED
        fill_share(venue, order, "0.5")
        bot.run(12, STEP)
        assert order.status is OrderStatus.CANCELED
        assert breaches(venue) == []


# Stops


def test_an_entry_that_fills_at_once_has_its_stop_in_the_same_cycle():
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        enter(bot, venue)
        assert len(live_stops(venue)) == 1


@pytest.mark.parametrize("side", ["long", pytest.param("short", marks=SLOW)])
def test_a_stop_that_trails_is_replaced_without_a_gap(side):
    to = 52_000.0 if side == "long" else 48_000.0
    market = scripted_market(START, [(0, 50_000.0), (2, 50_000.0), (8, to), (11, 50_000.0)])
    with live_bench(GUARDED, market, START) as (bot, venue):
        bot.bot.strategy.trails = True
        enter(bot, venue, side)
        bot.run_until(lambda: not bot.trades()[0].is_open, 40 * MINUTE, COARSE)
        algos = list(venue.account.algos.values())
        assert len(algos) > 5
        assert [algo.status for algo in algos[:-1]] == [AlgoStatus.CANCELED] * (len(algos) - 1)
        assert breaches(venue) == []
        bot.run(15, STEP)
        assert differences(bot.trades(), venue) == []


@pytest.mark.parametrize(
    "kind", [FaultKind.RESET, pytest.param(FaultKind.RATE_LIMITED, marks=SLOW)]
)
def test_a_stop_that_cannot_be_moved_stays_where_it_is(kind):
    """Seen in a run of endurance: cancelled first, with 252 s before the next could be placed."""
    market = scripted_market(START, [(0, 50_000.0), (3, 50_000.0), (30, 53_000.0)])
    with live_bench(GUARDED, market, START) as (bot, venue):
        bot.bot.strategy.trails = True
        hold(bot, venue)
        bot.run_until(lambda: bot.now >= START + 5 * MINUTE, 6 * MINUTE, STEP)
        [before] = live_stops(venue)
        fault = add_fault(venue, kind, f"POST {STOP}")
        until = bot.now + 3 * MINUTE
        while bot.now < until:
            bot.run(1, STEP)
            assert live_stops(venue)
        remove_fault(venue, fault)
        bot.run_until(lambda: not before.is_open, 2 * MINUTE, STEP)
        bot.run(4, STEP)
        assert venue.amount
        [after] = live_stops(venue)
        assert after.trigger_price > before.trigger_price
        assert breaches(venue) == []
        assert differences(bot.trades(), venue) == []


def adds_once(trade, **_) -> float | None:
    """For `adjust_trade_position`."""
    first = trade.nr_of_successful_entries == 1 and not trade.has_open_orders
    return 300.0 if first else None


def test_an_addition_takes_no_stop_away_before_the_next_is_there():
    """Freqtrade cancels it first, and with no answer to the next the whole position is bare."""
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        hold(bot, venue)
        [first], before = live_stops(venue), venue.amount
        fault = add_fault(venue, FaultKind.RESET, f"POST {STOP}")
        bot.bot.strategy.adjust_trade_position = adds_once
        bot.run_until(lambda: venue.amount > before, 2 * MINUTE, STEP)
        assert live_stops(venue) == [first]
        remove_fault(venue, fault)
        bot.run(2, STEP)
        [stop] = live_stops(venue)
        assert stop is not first
        assert stop.quantity == venue.amount
        assert breaches(venue) == []


def coarser(venue, tick: int) -> None:
    """The exchange changes the grid of a contract."""
    exchange = venue.exchange
    pairs = exchange.market._history.pairs
    instrument = replace(pairs["BTCUSDT"].instrument, tick_size=float(tick))
    pairs["BTCUSDT"] = replace(pairs["BTCUSDT"], instrument=instrument)
    contracts = exchange.engine._state.contracts
    contracts["BTCUSDT"] = replace(contracts["BTCUSDT"], tick=Decimal(tick))


def test_a_grid_that_changes_sells_no_position_and_refuses_no_exit():
    market = scripted_market(START, [(0, 50_000.0), (3, 50_000.0), (30, 53_000.0)])
    with live_bench(GUARDED, market, START) as (bot, venue):
        bot.bot.strategy.trails = True
        hold(bot, venue)
        coarser(venue, 10)
        bot.run_until(lambda: bot.now >= START + 12 * MINUTE, 15 * MINUTE, STEP)
        assert venue.amount
        [stop] = live_stops(venue)
        assert stop.trigger_price > 49_100
        coarser(venue, 100)
        bot.bot.strategy.leave = True
        bot.run_until(lambda: not venue.amount, MINUTE, STEP)
        assert breaches(venue) == []


def test_a_position_is_left_in_time_while_requests_about_stops_take_long():
    """Seed 64 of the soak: the time that the tries themselves take counts."""
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        api = bot.bot.exchange._api
        send = api.request

        def timing_out(path, *args, **kwargs):
            if path != "algoOrder":
                return send(path, *args, **kwargs)
            time.sleep(5)  # which moves the clock of the bench
            raise ccxt.RequestTimeout(path)

        with mock.patch.object(api, "request", timing_out):
            bot.bot.strategy.side = "long"
            bot.run_until(bot.trades, 5 * MINUTE, STEP)
            bot.bot.strategy.side = None
            bot.run_until(lambda: not venue.amount, MINUTE, STEP)
        assert breaches(venue) == []


LOSSES = {
    FaultKind.RESPONSE_LOST: f"POST {STOP}",
    FaultKind.TRUNCATED: f"DELETE {STOP}",
    FaultKind.MALFORMED: f"POST {ORDER}",
}
OFTEN = (FaultKind.RESPONSE_LOST, LOSSES[FaultKind.RESPONSE_LOST])


@pytest.mark.parametrize(
    ("kind", "endpoint"),
    [
        pytest.param(kind, endpoint, marks=() if (kind, endpoint) == OFTEN else SLOW)
        for kind, endpoint in product(LOSSES, LOSSES.values())
    ],
)
def test_a_whole_trade_with_lost_answers(kind, endpoint):
    """A lost answer to a stop in every run, the others in `make soak`."""
    market = scripted_market(START, [(0, 50_000.0), (3, 50_000.0), (12, 51_000.0)])
    with live_bench(GUARDED, market, START) as (bot, venue):
        add_fault(venue, kind, endpoint, probability=0.4)
        bot.bot.strategy.trails = True
        enter(bot, venue)
        bot.run_until(lambda: bot.now > START + 10 * MINUTE, 15 * MINUTE, COARSE)
        assert breaches(venue) == []
        assert len(live_stops(venue)) == 1
        bot.bot.strategy.leave = True
        bot.run_until(lambda: not bot.trades()[0].is_open, 3 * MINUTE, STEP)
        bot.run(15, STEP)
        assert venue.amount == 0
        assert live_stops(venue) == []
        assert len(bot.trades()) == 1
        assert differences(bot.trades(), venue) == []


@gap("Freqtrade reads the balance before it leaves")
def test_an_exit_waits_for_no_balance(strategy):
    with live_bench(strategy, STILL, START) as (bot, venue):
        hold(bot, venue)
        for endpoint in ("GET /fapi/*/account", "GET /fapi/*/balance", "GET /fapi/*/positionRisk"):
            add_fault(venue, FaultKind.RESET, endpoint)
        bot.bot.strategy.leave = True
        bot.run(12, STEP)
        assert venue.amount == 0
        assert not bot.trades()[0].is_open


# Restarts


@pytest.fixture
def venue() -> SameVenue:
    return SameVenue()


@pytest.fixture
def start_bot(venue, tmp_path):
    """Starts bots with one database at `venue`."""
    settings = {**LIVE, "db_url": f"sqlite:///{tmp_path}/trades.sqlite"}

    def start(at):
        return bench(GUARDED, STILL, at, serve=venue.serve, userdir=tmp_path, **settings)

    return start


def test_an_entry_is_still_waited_for_after_a_restart(start_bot, venue):
    with start_bot(START) as bot:
        order = wait_in_book(bot, venue)
        now = bot.now
    with start_bot(now + MINUTE) as bot:
        bot.run(6, STEP)
        assert order.is_open
        fill_share(venue, order, "1")
        bot.run(1, STEP)
        assert len(live_stops(venue)) == 1


def test_what_was_filled_before_a_restart_is_not_left_without_a_stop(start_bot, venue):
    with start_bot(START) as bot:
        order = wait_in_book(bot, venue)
        fill_share(venue, order, "0.5")
        now = bot.now
    with start_bot(now + STEP) as bot:
        bot.run(12, STEP)
        assert order.status is OrderStatus.CANCELED
        assert len(live_stops(venue)) == 1
        assert breaches(venue) == []


def test_a_stop_that_was_missing_before_a_restart_is_placed(start_bot, venue):
    with start_bot(START) as bot:
        fault = add_fault(venue, FaultKind.RESET, f"POST {STOP}")
        enter(bot, venue)
        assert live_stops(venue) == []
        now = bot.now
    remove_fault(venue, fault)
    with start_bot(now + STEP) as bot:
        bot.run(1, STEP)
        assert len(live_stops(venue)) == 1
        assert breaches(venue) == []


def test_a_stop_of_a_closed_trade_is_cancelled_after_a_restart(start_bot, venue):
    with start_bot(START) as bot:
        hold(bot, venue)
        fault = add_fault(venue, FaultKind.RESET, f"DELETE {STOP}")
        bot.bot.strategy.leave = True
        bot.run_until(lambda: not bot.trades()[0].is_open, MINUTE, STEP)
        now = bot.now
        assert len(live_stops(venue)) == 1
        remove_fault(venue, fault)
    with start_bot(now + STEP) as bot:
        bot.run(1, STEP)
        assert live_stops(venue) == []


def test_no_entry_while_a_stop_of_a_closed_trade_is_there():
    """It would close the next trade, and the database would not know why."""
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        hold(bot, venue)
        fault = add_fault(venue, FaultKind.RESET, f"DELETE {STOP}")
        bot.bot.strategy.leave = True
        bot.run_until(lambda: not bot.trades()[0].is_open, MINUTE, STEP)
        bot.bot.strategy.leave = False
        bot.bot.strategy.side = "long"
        bot.run(30, STEP)  # Freqtrade locks the pair until the next candle
        assert [trade.is_open for trade in bot.trades()] == [False]
        assert len(live_stops(venue)) == 1
        remove_fault(venue, fault)
        bot.run_until(lambda: venue.amount, MINUTE, STEP)
        assert len(live_stops(venue)) == 1
        assert differences(bot.trades(), venue) == []


# What the database does not know


def test_a_position_that_is_not_the_bots_is_told_of_and_left_alone():
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        bot.run(1, STEP)
        by_hand(venue, "BUY")
        bot.run(15, STEP)
        [message] = warnings(bot)
        assert "BTC/USDT:USDT: the exchange holds 0.002" in message
        bot.bot.strategy.side = "long"
        bot.run(15, STEP)
        assert venue.amount == Decimal("0.002")
        assert bot.trades() == []

        by_hand(venue, "SELL")
        bot.run_until(lambda: venue.amount, 3 * MINUTE, STEP)
        assert len(warnings(bot)) == 1


def test_an_entry_that_cannot_be_read_has_its_stop_and_becomes_a_trade():
    """Its answer is lost, and nobody wants it any more when the exchange can be read again."""
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        add_fault(venue, FaultKind.RESPONSE_LOST, f"POST {ORDER}", times=1)
        fault = add_fault(venue, FaultKind.RESET, f"GET {ORDER}")
        enter(bot, venue)
        bot.run(6, STEP)
        [stop] = live_stops(venue)
        assert stop.quantity == venue.amount > 0
        assert breaches(venue) == []
        assert bot.trades() == []
        remove_fault(venue, fault)
        bot.run(2, STEP)
        [trade] = bot.trades()
        assert trade.amount == float(venue.amount)
        assert live_stops(venue) == [stop]
        assert len([m for m in warnings(bot) if "are now a trade" in m]) == 1
        bot.bot.strategy.leave = True
        bot.run_until(lambda: not bot.trades()[0].is_open, MINUTE, STEP)
        bot.run(1, STEP)
        assert live_stops(venue) == []
        assert differences(bot.trades(), venue) == []


def test_an_entry_that_cannot_be_looked_up_is_not_sent_again():
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        add_fault(venue, FaultKind.RESPONSE_LOST, f"POST {ORDER}", times=1)
        add_fault(venue, FaultKind.RESET, f"GET {ORDER}", times=3)
        bot.bot.strategy.side, bot.bot.strategy.crossing = "long", False
        bot.run(12, STEP)
        (order,) = venue.account.orders.values()
        assert [o.order_id for t in bot.trades() for o in t.orders] == [str(order.id)]


@pytest.mark.parametrize("cycles", [4, 15])
def test_an_entry_in_the_book_that_nobody_knows_is_looked_after(cycles):
    """While it is fresh as any other; later it was meant for another price."""
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        add_fault(venue, FaultKind.RESPONSE_LOST, f"POST {ORDER}", times=1)
        fault = add_fault(venue, FaultKind.RESET, f"GET {ORDER}")
        bot.bot.strategy.side, bot.bot.strategy.crossing = "long", False
        bot.run_until(lambda: venue.account.orders, 2 * MINUTE, STEP)
        bot.bot.strategy.side = None
        bot.run(cycles, STEP)
        remove_fault(venue, fault)
        bot.run(2, STEP)
        (order,) = venue.account.orders.values()
        known = [o.order_id for trade in bot.trades() for o in trade.orders]
        if cycles < 12:
            assert order.is_open
            assert known == [str(order.id)]
        else:
            assert order.status is OrderStatus.CANCELED
            assert known == []
        assert warnings(bot) == []


# Before an entry, and after


@pytest.mark.parametrize(
    ("kind", "where"),
    [
        (FaultKind.WIDE_SPREAD, {"parameters": {"factor": 300}}),
        (FaultKind.STALE_BOOK, {}),
        (FaultKind.EMPTY_BOOK, {"parameters": {"side": "bids"}}),
    ],
)
def test_no_entry_without_a_good_book(kind, where):
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        bot.run(1, STEP)
        fault = add_fault(venue, kind, since=venue.exchange.market.now(), **where)
        bot.run(3, STEP)
        bot.bot.strategy.side = "long"
        bot.run(12, STEP)
        assert venue.account.orders == {}
        remove_fault(venue, fault)
        bot.run_until(lambda: venue.amount, 2 * MINUTE, STEP)


def test_what_an_entry_cost_is_kept(start_bot, venue):
    with start_bot(START) as bot:
        enter(bot, venue)
        [trade] = bot.trades()
        kept = trade.get_custom_data(SLIPPAGE_KEY)
        [fill] = venue.account.fills
        assert kept["actual_bps"] == pytest.approx(kept["estimated_bps"], abs=0.5)
        assert 0 < kept["actual_bps"] < 30
        assert float(fill.price) > 50_000
        now = bot.now
    with start_bot(now) as bot:
        [known] = EntrySlippage(live=True).record.fills
        assert known.actual_bps == kept["actual_bps"]


def test_a_quiet_bot_asks_little():
    """The database is compared with the exchange by three requests a minute, and nothing
    else."""
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        hold(bot, venue)
        with mock.patch.object(bot.wire, "ask", wraps=bot.wire.ask) as ask:
            bot.run(10 * 12, STEP)
        asked = Counter(
            f"{call.args[0]} {urlsplit(call.args[1]).path}" for call in ask.call_args_list
        )
        assert asked["GET /fapi/v3/positionRisk"] <= 12
        assert asked["GET /fapi/v1/openAlgoOrders"] <= 11
        assert asked["GET /fapi/v1/openOrders"] <= 11
        assert asked["GET /fapi/v1/allOrders"] == 0
        assert not [what for what in asked if not what.startswith("GET")]


# Books


@pytest.mark.parametrize("path", ["once", "in parts"])
def test_a_stop_that_triggers_while_the_bot_is_stopped_is_a_stop_out(path):
    market = scripted_market(START, [(0, 50_000.0), (10, 50_000.0), (12, 48_000.0)])
    with live_bench(GUARDED, market, START) as (bot, venue):
        hold(bot, venue)
        if path == "in parts":
            limits = bot.bot.exchange.markets["BTC/USDT:USDT"]["limits"]["market"]
            limits["max"] = 0.005
            take_stops_away(bot)
            bot.run(1, STEP)
            assert len(live_stops(venue)) == 4
        bot.bot.state = State.STOPPED
        bot.run_until(lambda: not venue.amount, 15 * MINUTE, COARSE)
        bot.run(2 * 13 + 2, STEP)
        [trade] = bot.trades()
        assert not trade.is_open
        assert trade.exit_reason == "stoploss_on_exchange"
        assert {o.ft_order_side for o in trade.orders} == {"buy", "stoploss"}
        assert trade.close_rate == pytest.approx(49_000, rel=0.001)
        assert differences(bot.trades(), venue) == []
        assert not [m for m in warnings(bot) if "closed by the exchange" in m]


def test_a_stop_that_triggers_while_there_is_no_bot_is_a_stop_out(venue, tmp_path):
    market = scripted_market(START, [(0, 50_000.0), (10, 50_000.0), (12, 48_000.0)])
    settings = {**LIVE, "db_url": f"sqlite:///{tmp_path}/trades.sqlite"}

    def start(at):
        return bench(GUARDED, market, at, serve=venue.serve, userdir=tmp_path, **settings)

    with start(START) as bot:
        hold(bot, venue)
    with start(START + 20 * MINUTE) as bot:
        bot.run(2, STEP)
        [trade] = bot.trades()
        assert (trade.is_open, trade.exit_reason) == (False, "stoploss_on_exchange")
        assert differences(bot.trades(), venue) == []


def test_an_order_without_its_trade_ends_no_process(start_bot, venue):
    with start_bot(START) as bot:
        hold(bot, venue)
        Trade.session.execute(text("delete from trades"))
        Trade.session.commit()
        bot.run(15, STEP)
        assert len([m for m in warnings(bot) if "without its trade" in m]) == 1
        now = bot.now
        [stop] = live_stops(venue)
    for known in (venue.account.algos, venue.account.algos_by_client_id):
        known.clear()  # the exchange has forgotten it
    venue.exchange.engine._state.holding(venue.account, "BTCUSDT").algos.clear()
    for _ in range(2):
        with start_bot(now) as bot:
            bot.run(3, STEP)
            now = bot.now
    assert stop.id


def test_a_liquidation_price_that_could_not_be_read_is_asked_for_again():
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        lost = TemporaryError("no answer")
        with mock.patch.object(bot.bot.exchange, "get_liquidation_price", side_effect=lost):
            enter(bot, venue)
            bot.run(2, STEP)
        assert bot.trades()[0].liquidation_price is None
        bot.run(15, STEP)
        assert bot.trades()[0].liquidation_price > 0
