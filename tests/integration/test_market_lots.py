"""Sizes, stops and exits within what the exchange takes as one market order."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from unittest import mock

import pytest
from freqtrade.rpc import RPC

from perpkit.venue.errors import VenueError
from perpkit.venue.faults.faults import Fault, FaultKind
from tests.bench.acts import (
    add_fault,
    breaches,
    enter,
    hold,
    live_stops,
    remove_fault,
    take_stops_away,
    warnings,
)
from tests.bench.live import differences, live_bench
from tests.bench.scripted_market import BTC, scripted_market

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
STEP = timedelta(seconds=5)
MINUTE = timedelta(minutes=1)
GUARDED = "GuardedSteered"
# An entry of the bench is 0.017.
SMALL_LOTS = replace(BTC, max_market_quantity=0.01)
STILL = scripted_market(START, [(0, 50_000.0)], instrument=SMALL_LOTS)


# Sizes


def test_an_entry_is_no_larger_than_one_market_order():
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        enter(bot, venue)
        bot.run(6, STEP)
        (stop,) = live_stops(venue)
        assert stop.quantity == venue.amount == Decimal("0.01")
        assert breaches(venue) == []
        bot.bot.strategy.leave = True
        bot.run_until(lambda: not venue.amount, MINUTE, STEP)


def test_an_addition_counts_what_is_held():
    with live_bench(GUARDED, STILL, START, stake_amount=100) as (bot, venue):
        enter(bot, venue)
        assert venue.amount == Decimal("0.005")
        bot.bot.strategy.adjust_trade_position = lambda **_: 300.0
        bot.run(12, STEP)
        assert Decimal("0.008") < venue.amount <= Decimal("0.01")
        assert breaches(venue) == []


# Positions that are larger all the same


def set_contract(venue, **given) -> None:
    """What the exchange changes of it while bots trade."""
    contracts = venue.exchange.engine._state.contracts
    contracts["BTCUSDT"] = replace(contracts["BTCUSDT"], **given)


def shrink_lot(bot, venue, lot: str) -> None:
    """The exchange takes smaller market orders from now on, and says so."""
    set_contract(venue, max_market_quantity=Decimal(lot))
    limits = bot.bot.exchange.markets["BTC/USDT:USDT"]["limits"]
    limits["market"]["max"] = float(lot)


@contextmanager
def larger_than_a_lot(told: bool = True, lot: str = "0.005", **settings):
    """A position of 0.017 whose stop has just been lost, with a lot of 0.005."""
    market = scripted_market(START, settings.pop("path", [(0, 50_000.0)]))
    with live_bench(GUARDED, market, START, **settings) as (bot, venue):
        enter(bot, venue, settings.get("side", "long"))
        bot.run(2, STEP)
        limits = bot.bot.exchange.markets["BTC/USDT:USDT"]["limits"]["market"]
        before = limits["max"]
        shrink_lot(bot, venue, lot)
        if not told:
            limits["max"] = before
        assert venue.amount == Decimal("0.017")
        yield bot, venue


def force_exit(bot, **given) -> None:
    """As an operator does."""
    [trade] = bot.trades()
    RPC(bot.bot)._rpc_force_exit(str(trade.id), "market", **given)


def cancel(venue, algo) -> None:
    exchange = venue.exchange
    exchange.engine.cancel_algo(venue.account, exchange.market.now(), algo_id=algo.id)


def lose_stops(bot, venue) -> None:
    """Somebody cancels them at the exchange."""
    for algo in live_stops(venue):
        venue.exchange.engine.cancel_algo(
            venue.account, venue.exchange.market.now(), algo_id=algo.id
        )


@pytest.mark.parametrize("told", [True, False])
def test_stops_are_split_into_lots(told):
    with larger_than_a_lot(told) as (bot, venue):
        lose_stops(bot, venue)
        bot.run(12, STEP)
        stops = live_stops(venue)
        assert sum(stop.quantity for stop in stops) == venue.amount == Decimal("0.017")
        assert max(stop.quantity for stop in stops) <= Decimal("0.005")
        assert {stop.trigger_price for stop in stops} == {Decimal("49001.2")}
        assert breaches(venue) == []
        assert differences(bot.trades(), venue) == []


def test_a_part_of_the_stop_that_is_missing_is_placed_alone():
    with larger_than_a_lot() as (bot, venue):
        lose_stops(bot, venue)
        bot.run(2, STEP)
        kept = live_stops(venue)
        gone = kept.pop()
        venue.exchange.engine.cancel_algo(
            venue.account, venue.exchange.market.now(), algo_id=gone.id
        )
        bot.run(3, STEP)
        stops = live_stops(venue)
        assert {stop.id for stop in kept} < {stop.id for stop in stops}
        assert sum(stop.quantity for stop in stops) == venue.amount
        assert breaches(venue) == []


def test_stops_that_all_trigger_close_the_trade():
    path = [(0, 50_000.0), (3, 50_000.0), (5, 48_000.0)]
    with larger_than_a_lot(path=path) as (bot, venue):
        lose_stops(bot, venue)
        bot.run_until(lambda: not venue.amount, 15 * MINUTE, STEP)
        bot.run(2, STEP)
        [trade] = bot.trades()
        assert not trade.is_open
        assert trade.exit_reason == "stoploss_on_exchange"
        assert len([order for order in trade.orders if order.ft_order_side == "stoploss"]) > 3
        assert live_stops(venue) == []
        assert breaches(venue) == []


@pytest.mark.parametrize("slow", [False, True])
def test_an_exit_is_split_into_lots(slow):
    with larger_than_a_lot() as (bot, venue):
        if slow:  # orders are answered before they have filled
            venue.exchange.market.faults.add(
                Fault(FaultKind.STUCK_ORDERS, until=venue.exchange.market.now() + 20_000)
            )
        bot.bot.strategy.order_types["exit"] = "market"
        bot.bot.strategy._exit_order_type = "market"
        bot.bot.strategy.leave = True
        bot.run_until(lambda: not bot.trades()[0].is_open, 2 * MINUTE, STEP)
        assert venue.amount == 0
        sold = [order for order in venue.account.orders.values() if order.side == "SELL"]
        assert max(order.quantity for order in sold) <= Decimal("0.005")
        assert sum(order.executed for order in sold) == Decimal("0.017")
        assert live_stops(venue) == []
        assert differences(bot.trades(), venue) == []
        assert warnings(bot) == []


def test_an_emergency_exit_is_split_into_lots():
    with larger_than_a_lot() as (bot, venue):
        venue.exchange.market.faults.add(Fault(FaultKind.RESET, endpoint="POST /fapi/v1/algoOrder"))
        lose_stops(bot, venue)
        bot.run(12, STEP)
        assert venue.amount == 0
        assert not bot.trades()[0].is_open
        assert differences(bot.trades(), venue) == []
        assert breaches(venue) == []


def test_the_rest_of_an_exit_that_failed_between_two_orders_follows():
    with larger_than_a_lot() as (bot, venue):
        sent = iter([None, -1001, -1001])
        with refusing(venue, lambda _: next(sent, None)):
            force_exit(bot)
            assert 0 < venue.amount < Decimal("0.017")
            bot.run(4, STEP)
        assert venue.amount == 0
        assert not bot.trades()[0].is_open


def test_stops_that_are_not_needed_any_more_go():
    with larger_than_a_lot(lot="0.010") as (bot, venue):
        lose_stops(bot, venue)
        bot.run(2, STEP)
        assert len(live_stops(venue)) == 2
        force_exit(bot, amount=0.012)
        bot.run(8, STEP)
        [stop] = live_stops(venue)
        assert venue.amount == Decimal("0.005") <= stop.quantity
        assert breaches(venue) == []


# Market orders that the exchange refuses


@contextmanager
def refusing(venue, which):
    """Orders for which `which` has a code."""
    engine = venue.exchange.engine
    place = engine.place_order

    def refuse(account, new, now):
        if (code := which(new)) is not None:
            raise VenueError(code, "no")
        return place(account, new, now)

    with mock.patch.object(engine, "place_order", refuse):
        yield


@pytest.mark.parametrize("code", [-4005, -4131, -4400])
@pytest.mark.parametrize("side", ["long", "short"])
def test_a_market_exit_that_is_refused_crosses_with_a_limit(code, side):
    with live_bench(GUARDED, scripted_market(START, [(0, 50_000.0)]), START) as (bot, venue):
        enter(bot, venue, side)
        bot.run(2, STEP)
        with refusing(venue, lambda new: code if new.type == "MARKET" else None):
            force_exit(bot)
            bot.run(4, STEP)
        assert venue.amount == 0
        newest = list(venue.account.orders.values())[-1]
        assert (newest.type, newest.reduce_only) == ("LIMIT", True)
        bound = 50_000 * (0.95 if side == "long" else 1.05)
        assert float(newest.price) == pytest.approx(bound, rel=0.002)
        [message] = warnings(bot)
        assert str(code) in message
        assert not bot.trades()[0].is_open
        assert differences(bot.trades(), venue) == []


@pytest.mark.parametrize("side", ["long", "short"])
def test_an_exit_at_the_bound_stays_until_the_bound_has_passed_it(side):
    """The last price leaves the band around mark, and mark follows later."""
    change = -0.08 if side == "long" else 0.08
    with live_bench(GUARDED, scripted_market(START, [(0, 50_000.0)]), START) as (bot, venue):
        hold(bot, venue, side)
        take_stops_away(bot)
        gap = {"symbol": "BTCUSDT", "since": venue.exchange.market.now()}
        apart = {"change": change, "mark_share": 0.0}
        name = add_fault(venue, FaultKind.PRICE_GAP, **gap, parameters=apart)
        bot.run(40, STEP)
        [resting] = [o for o in venue.account.orders.values() if o.reduce_only]
        assert (resting.type, resting.is_open) == ("LIMIT", True)
        assert len([m for m in bot.messages if m["type"] == "exit"]) == 1

        remove_fault(venue, name)
        add_fault(venue, FaultKind.PRICE_GAP, **gap, parameters={"change": change})
        bot.run(4, STEP)
        assert venue.amount == 0
        assert differences(bot.trades(), venue) == []


def test_an_error_in_looking_at_the_bound_holds_no_exit_back():
    with live_bench(GUARDED, scripted_market(START, [(0, 50_000.0)]), START) as (bot, venue):
        hold(bot, venue)
        exits = bot.bot.strategy._running._guard._exits
        with mock.patch.object(exits, "rests_at_the_bound", side_effect=RuntimeError("ours")):
            take_stops_away(bot)
            with mock.patch.object(
                venue.exchange.engine, "place_algo", side_effect=VenueError(-2021, "no")
            ):
                bot.run(4, STEP)
        assert venue.amount == 0
        assert not bot.trades()[0].is_open


# Stops whose price the exchange does not take


def least_price(bot, venue, price: str) -> None:
    """PRICE_FILTER, as the exchange has it and says it."""
    filters = bot.bot.exchange.markets["BTC/USDT:USDT"]["info"]["filters"]
    [told] = [f for f in filters if f["filterType"] == "PRICE_FILTER"]
    told["minPrice"] = price
    set_contract(venue, min_price=Decimal(price))


def test_a_stop_out_of_the_band_is_at_its_bound_and_moved_on():
    with live_bench(GUARDED, scripted_market(START, [(0, 50_000.0)]), START) as (bot, venue):
        bot.run(1, STEP)
        least_price(bot, venue, "49500")
        enter(bot, venue)
        bot.run(3, STEP)
        [stop] = live_stops(venue)
        assert stop.trigger_price == 49_500
        assert stop.quantity == venue.amount
        bot.run(15, STEP)
        assert live_stops(venue) == [stop]

        least_price(bot, venue, "49200")
        bot.run(15, STEP)
        [stop] = live_stops(venue)
        assert stop.trigger_price == 49_200
        least_price(bot, venue, "1")
        bot.run(15, STEP)
        [stop] = live_stops(venue)
        assert stop.trigger_price == Decimal("49001.2")
        assert breaches(venue) == []
        assert warnings(bot) == []
        assert differences(bot.trades(), venue) == []


@pytest.mark.parametrize(
    ("code", "msg"),
    [(-4024, "Limit price can't be lower than 49300.0."), (-4131, ""), (-4016, "")],
)
@pytest.mark.parametrize("side", ["long", "short"])
def test_a_stop_too_far_from_mark_is_placed_nearer(code, msg, side):
    with live_bench(GUARDED, scripted_market(START, [(0, 50_000.0)]), START) as (bot, venue):
        bot.run(1, STEP)
        filters = bot.bot.exchange.markets["BTC/USDT:USDT"]["info"]["filters"]
        [percent] = [f for f in filters if f["filterType"] == "PERCENT_PRICE"]
        percent.update(multiplierDown="0.99", multiplierUp="1.01")
        engine = venue.exchange.engine
        place = engine.place_algo

        def refuse(account, new, now):
            if abs(new.trigger_price / 50_000 - 1) > Decimal("0.015"):
                raise VenueError(code, msg if side == "long" else "")
            return place(account, new, now)

        with mock.patch.object(engine, "place_algo", refuse):
            enter(bot, venue, side)
            bot.run(15, STEP)
            [stop] = live_stops(venue)
            away = 1 - float(stop.trigger_price) / 50_000
            assert 0.009 < abs(away) < 0.0145
            assert breaches(venue) == []
        assert venue.amount


@pytest.mark.parametrize("kind", ["market", "limit"])
def test_an_exit_that_is_rounded_to_a_step_is_one_order(kind):
    with live_bench(GUARDED, scripted_market(START, [(0, 50_000.0)]), START) as (bot, venue):
        enter(bot, venue)
        bot.run(2, STEP)
        [trade] = bot.trades()
        RPC(bot.bot)._rpc_force_exit(str(trade.id), kind, amount=0.0075)
        bot.run(2, STEP)
        [_, sold] = venue.account.orders.values()
        assert sold.quantity == Decimal("0.007")
        assert warnings(bot) == []
