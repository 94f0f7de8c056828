"""Live mode at the venue: every kind of round trip, and nothing left that the two do not agree on.

In-process on the virtual clock; `test_live_process.py` has the real process over TLS.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from perpkit.venue.engine import AlgoStatus, OrderStatus
from tests.bench.acts import COARSE
from tests.bench.gap import gap
from tests.bench.live import differences, live_bench, stops
from tests.bench.scripted_market import scripted_market
from tests.cases import SLOW

pytestmark = pytest.mark.integration

# Not at a settlement of funding, which is at 00:00, 08:00 and 16:00.
START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
STEP = timedelta(seconds=5)
STILL = [(0, 50_000.0)]


@pytest.mark.parametrize("side", ["long", "short"])
def test_in_and_out(side):
    with live_bench("Steered", scripted_market(START, STILL), START) as (bot, venue):
        strategy = bot.bot.strategy
        strategy.side = side
        bot.run_until(lambda: venue.amount, timedelta(minutes=2), STEP)
        strategy.side = None
        assert (venue.amount > 0) is (side == "long")
        (trade,) = bot.trades()
        assert trade.leverage == 3.0
        bot.run(2, STEP)
        assert differences(bot.trades(), venue) == []
        (stop,) = venue.exchange.engine.open_algos(venue.account)
        assert stop.reduce_only
        # 6% of the margin at 3x is 2% of the price
        away = float(stop.trigger_price) / trade.open_rate - 1
        assert away == pytest.approx(-0.02 if side == "long" else 0.02, abs=1e-4)

        strategy.leave = True
        bot.run_until(lambda: not bot.trades()[0].is_open, timedelta(minutes=5), STEP)
        assert venue.amount == 0
        assert stop.status is AlgoStatus.CANCELED
        assert differences(bot.trades(), venue) == []
        assert venue.exchange.checker.breaches == []


@pytest.mark.parametrize(
    ("side", "to"), [("long", 48_500.0), pytest.param("short", 51_500.0, marks=SLOW)]
)
def test_the_stop_at_the_exchange_triggers(side, to):
    market = scripted_market(START, [(0, 50_000.0), (5, 50_000.0), (8, to)])
    with live_bench("Steered", market, START) as (bot, venue):
        bot.bot.strategy.side = side
        bot.run_until(lambda: venue.amount, timedelta(minutes=2), STEP)
        bot.bot.strategy.side = None
        bot.run_until(lambda: not bot.trades()[0].is_open, timedelta(minutes=10), COARSE)
        (trade,) = bot.trades()
        (algo,) = venue.account.algos.values()
        assert algo.status is AlgoStatus.FINISHED
        assert trade.exit_reason == "stoploss_on_exchange"
        assert trade.close_rate == pytest.approx(float(algo.trigger_price), rel=2e-3)
        assert differences(bot.trades(), venue) == []


def test_an_entry_that_nobody_takes_is_cancelled_in_time():
    settings = {"unfilledtimeout": {"entry": 2, "exit": 2, "unit": "minutes"}}
    with live_bench("Steered", scripted_market(START, STILL), START, **settings) as (bot, venue):
        strategy = bot.bot.strategy
        strategy.side, strategy.crossing = "long", False
        bot.run_until(lambda: venue.account.orders, timedelta(minutes=2), STEP)
        strategy.side = None
        (order,) = venue.account.orders.values()
        assert order.status is OrderStatus.NEW
        bot.run_until(lambda: not order.is_open, timedelta(minutes=4), STEP)
        assert order.status is OrderStatus.CANCELED
        bot.run(1, STEP)
        assert venue.amount == 0
        assert differences([t for t in bot.trades() if t.is_open], venue) == [
            f"order {order.id} is not in the database"  # Freqtrade deletes a trade without fills
        ]


def test_a_stop_that_trails_is_replaced_at_the_exchange():
    market = scripted_market(START, [(0, 50_000.0), (2, 50_000.0), (8, 52_000.0), (11, 50_500.0)])
    settings = {"trailing_stop": True}
    with live_bench("Steered", market, START, **settings) as (bot, venue):
        bot.bot.strategy.side = "long"
        bot.run_until(lambda: venue.amount, timedelta(minutes=2), STEP)
        bot.bot.strategy.side = None
        bot.run_until(lambda: not bot.trades()[0].is_open, timedelta(minutes=60), COARSE)
        (trade,) = bot.trades()
        algos = list(venue.account.algos.values())
        assert len(algos) > 5
        triggers = [algo.trigger_price for algo in algos]
        assert triggers == sorted(triggers)
        assert [algo.status for algo in algos[:-1]] == [AlgoStatus.CANCELED] * (len(algos) - 1)
        assert len(stops(trade)) == len(algos)
        assert trade.close_rate > 50_500
        assert differences(bot.trades(), venue) == []
        assert venue.exchange.checker.breaches == []


@pytest.mark.parametrize("side", ["long", pytest.param("short", marks=SLOW)])
def test_funding_across_a_settlement_is_accounted_for(side):
    start = datetime(2026, 3, 2, 15, 50, 20, tzinfo=UTC)
    market = scripted_market(start, STILL, funding_rate=0.001)
    with live_bench("Steered", market, start) as (bot, venue):
        bot.bot.strategy.side = side
        bot.run_until(lambda: venue.amount, timedelta(minutes=2), STEP)
        bot.bot.strategy.side = None
        bot.run_until(lambda: bot.now.hour == 16 and bot.now.minute > 5, timedelta(hours=1), COARSE)
        bot.bot.strategy.leave = True
        bot.run_until(lambda: not bot.trades()[0].is_open, timedelta(minutes=5), STEP)
        (trade,) = bot.trades()
        # 0.1% of the position: longs pay, shorts are paid
        expected = trade.amount * 50_000 * 0.001 * (-1 if side == "long" else 1)
        assert trade.funding_fees == pytest.approx(expected, rel=1e-3)
        assert differences(bot.trades(), venue) == []


def test_a_reduce_only_exit_cannot_open_the_other_side():
    """The conditional stop stays live while the exit order rests: only one of them may close."""
    points = [(0, 50_000.0), (5, 50_000.0), (6, 48_900.0), (7, 48_900.0), (9, 50_400.0)]
    market = scripted_market(START, points)
    with live_bench("Steered", market, START) as (bot, venue):
        bot.bot.strategy.side = "long"
        bot.run_until(lambda: venue.amount, timedelta(minutes=2), STEP)
        bot.bot.strategy.side = None
        bot.run_until(lambda: not bot.trades()[0].is_open, timedelta(minutes=20), STEP)
        bot.run(20, STEP)
        assert venue.amount == 0
        assert all(o.reduce_only for o in venue.account.orders.values() if o.side == "SELL")


def half_filled(bot, venue) -> None:
    """An entry that waits below the market, and of which somebody took half."""
    strategy = bot.bot.strategy
    strategy.side, strategy.crossing = "long", False
    bot.run_until(lambda: venue.account.orders, timedelta(minutes=2), STEP)
    strategy.side = None
    (order,) = venue.account.orders.values()
    venue.exchange.engine.fill_order(
        venue.account, order.id, order.quantity / 2 // Decimal("0.001") * Decimal("0.001"),
        venue.exchange.market.now(),
    )  # fmt: skip


def test_a_partly_filled_entry_ends_with_what_was_filled():
    settings = {"unfilledtimeout": {"entry": 2, "exit": 2, "unit": "minutes"}}
    with live_bench("Steered", scripted_market(START, STILL), START, **settings) as (bot, venue):
        half_filled(bot, venue)
        (entry,) = venue.account.orders.values()
        bot.run_until(lambda: not entry.is_open, timedelta(minutes=5), STEP)
        bot.run(3, STEP)
        (trade,) = bot.trades()
        assert trade.amount == pytest.approx(float(entry.executed))
        assert 0 < entry.executed < entry.quantity
        assert differences(bot.trades(), venue) == []
        (stop,) = venue.exchange.engine.open_algos(venue.account)
        assert stop.quantity == entry.executed


# Freqtrade's own gaps, brought to light by the venue, and closed by the base strategy.


@gap("Freqtrade places no stop before an entry has ended")
def test_a_partly_filled_entry_is_not_left_without_a_stop(strategy):
    with live_bench(strategy, scripted_market(START, STILL), START) as (bot, venue):
        half_filled(bot, venue)
        bot.run(12, STEP)
        assert venue.exchange.checker.breaches == []


@gap("Freqtrade closes a trade at its stop without asking")
def test_funding_of_a_trade_that_is_stopped_out_is_accounted_for(strategy):
    start = datetime(2026, 3, 2, 15, 50, 20, tzinfo=UTC)
    points = [(0, 50_000.0), (10.2, 50_000.0), (10.4, 48_500.0)]
    market = scripted_market(start, points, funding_rate=0.001)
    with live_bench(strategy, market, start) as (bot, venue):
        bot.bot.strategy.side = "long"
        bot.run_until(lambda: venue.amount, timedelta(minutes=2), STEP)
        bot.bot.strategy.side = None
        bot.run_until(lambda: not bot.trades()[0].is_open, timedelta(minutes=20), COARSE)
        assert [i.kind for i in venue.account.incomes].count("FUNDING_FEE") == 1
        bot.run(15, STEP)  # the exchange has a minute to book it
        assert differences(bot.trades(), venue) == []
