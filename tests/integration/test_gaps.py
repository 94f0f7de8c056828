"""Gaps of Freqtrade that the soak has found, each as small as it gets; see docs/soak.md.

Each is there with `Steered`, which knows nothing of Perpkit, and closed with `GuardedSteered`. Two
more are at the end of test_live.py.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import ccxt
import pytest
from freqtrade.exceptions import FreqtradeException

from perpkit.venue.faults.faults import FaultKind
from tests.bench.acts import (
    STEP,
    add_fault,
    enter,
    fill,
    hold,
    live_stops,
    remove_fault,
    wait_in_book,
)
from tests.bench.gap import gap
from tests.bench.live import differences, live_bench
from tests.bench.scripted_market import scripted_market

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
STILL = scripted_market(START, [(0, 50_000.0)])
ORDER, STOP = "/fapi/v1/order", "/fapi/v1/algoOrder"


def leave(bot, venue) -> None:
    bot.bot.strategy.leave = True
    bot.run_until(lambda: not venue.amount, timedelta(minutes=5), STEP)


@gap("Freqtrade takes an order without an answer for no order")
def test_an_entry_whose_answer_is_lost_is_known(strategy):
    with live_bench(strategy, STILL, START) as (bot, venue):
        add_fault(venue, FaultKind.RESPONSE_LOST, f"POST {ORDER}", times=1)
        enter(bot, venue)
        bot.run(24, STEP)
        assert differences(bot.trades(), venue) == []


@gap("Freqtrade sends the entry again, as often as it is lost")
def test_an_entry_whose_answer_is_lost_is_not_sent_again(strategy):
    with live_bench(strategy, STILL, START) as (bot, venue):
        add_fault(venue, FaultKind.RESPONSE_LOST, f"POST {ORDER}", times=3)
        bot.bot.strategy.side = "long"
        bot.run(10, STEP)
        assert len(venue.account.orders) == 1


@gap("Freqtrade takes an order without an answer for no order")
def test_an_exit_whose_answer_is_lost_closes_the_trade(strategy):
    with live_bench(strategy, STILL, START) as (bot, venue):
        hold(bot, venue)
        add_fault(venue, FaultKind.RESPONSE_LOST, f"POST {ORDER}", times=1)
        leave(bot, venue)
        bot.run(24, STEP)
        assert not bot.trades()[0].is_open


@gap("ccxt gives text that is not JSON for an order without id")
def test_no_order_is_stored_without_an_id(strategy):
    with live_bench(strategy, STILL, START) as (bot, venue):
        hold(bot, venue)
        add_fault(venue, FaultKind.MALFORMED, f"POST {ORDER}", times=1)
        leave(bot, venue)
        bot.run(24, STEP)
        assert "None" not in [order.order_id for order in bot.trades()[0].orders]


@gap("Freqtrade takes a stop without an answer for no stop")
def test_a_stop_whose_answer_is_lost_is_not_placed_again(strategy):
    with live_bench(strategy, STILL, START) as (bot, venue):
        add_fault(venue, FaultKind.RESPONSE_LOST, f"POST {STOP}", times=1)
        hold(bot, venue)
        bot.run(6, STEP)
        assert len(live_stops(venue)) == 1


@gap("Freqtrade tries once to cancel the stop of a closed trade")
def test_no_stop_outlives_its_trade(strategy):
    with live_bench(strategy, STILL, START) as (bot, venue):
        hold(bot, venue)
        add_fault(venue, FaultKind.RESET, f"DELETE {STOP}", times=5)  # ccxt is asked five times
        leave(bot, venue)
        bot.run(24, STEP)
        assert not bot.trades()[0].is_open
        assert live_stops(venue) == []


@gap("Freqtrade leaves only when a stop is refused, not unheard")
def test_a_position_whose_stop_cannot_be_placed_is_left(strategy):
    with live_bench(strategy, STILL, START) as (bot, venue):
        add_fault(venue, FaultKind.RESET, f"POST {STOP}")
        enter(bot, venue)
        bot.run(24, STEP)
        assert venue.amount == 0


@gap("Freqtrade ends its cycle at the first read that fails")
def test_a_read_that_fails_does_not_delay_the_stop(strategy):
    with live_bench(strategy, STILL, START) as (bot, venue):
        order = wait_in_book(bot, venue)
        add_fault(venue, FaultKind.RESET, "GET /fapi/*/positionRisk")
        fill(venue, order, order.quantity)
        bot.run(12, STEP)
        assert venue.exchange.checker.breaches == []


def test_garbled_answers_are_errors_of_the_exchange(caplog):
    """ccxt returns what is not JSON as text, whose fields nothing can read."""
    with live_bench("GuardedSteered", STILL, START) as (bot, venue):
        hold(bot, venue)
        name = add_fault(venue, FaultKind.MALFORMED)
        bot.bot.exchange._last_markets_refresh = 1  # markets are loaded, too
        bot.run(24, STEP)  # two comparisons with the exchange are within
        assert list(bot.bot.exchange._api.markets) == ["BTC/USDT:USDT"]
        remove_fault(venue, name)
        bot.run(12, STEP)
        raised = [record.exc_info[1] for record in caplog.records if record.exc_info]
        assert [e for e in raised if not isinstance(e, ccxt.BaseError | FreqtradeException)] == []
        assert bot.trades()[0].is_open
        assert len(live_stops(venue)) == 1


@gap("Freqtrade learns of a liquidation from no order of its own")
def test_a_liquidated_position_is_closed_in_the_database(strategy):
    with live_bench(strategy, STILL, START) as (bot, venue):
        hold(bot, venue)
        now = venue.exchange.market.now()
        add_fault(venue, FaultKind.LIQUIDATION, "*", since=now, times=1)
        bot.run(24, STEP)
        assert venue.amount == 0
        assert not bot.trades()[0].is_open


@gap("Freqtrade takes the plain mean of the rates of the fills")
def test_an_order_that_fills_at_two_commissions_is_accounted_for(strategy):
    with live_bench(strategy, STILL, START) as (bot, venue):
        order = wait_in_book(bot, venue)
        fill(venue, order, Decimal("0.001"))
        venue.account.maker = venue.account.taker
        fill(venue, order, order.remaining)
        bot.run(2, STEP)
        leave(bot, venue)
        bot.run_until(lambda: not bot.trades()[0].is_open, timedelta(minutes=1), STEP)
        assert differences(bot.trades(), venue) == []
