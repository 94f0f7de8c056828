"""Sizes, stops and exits within what the exchange takes as one market order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.bench.live import differences, live_bench
from tests.bench.scripted_market import BTC, scripted_market

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
STEP = timedelta(seconds=5)
MINUTE = timedelta(minutes=1)
GUARDED = "GuardedSteered"
# An entry of the bench is 0.018.
SMALL_LOTS = replace(BTC, max_market_quantity=0.01)
STILL = scripted_market(START, [(0, 50_000.0)], instrument=SMALL_LOTS)


def enter(bot, venue, side="long") -> None:
    bot.bot.strategy.side = side
    bot.run_until(lambda: venue.amount, 5 * MINUTE, STEP)
    bot.bot.strategy.side = None


def live_stops(venue):
    return venue.exchange.engine.open_algos(venue.account)


def breaches(venue):
    venue.exchange.catch_up()
    return venue.exchange.checker.breaches


def warnings(bot) -> list[str]:
    return [m["status"] for m in bot.messages if str(m["type"]) == "warning"]


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
