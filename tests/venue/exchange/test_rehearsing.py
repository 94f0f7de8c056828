"""The record of a rehearsal: what a run of the venue counts, and what it takes from its bot."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from freqtrade.persistence import PairLocks

from perpkit.bot.watching.breaker_locks import BreakerLocks
from perpkit.breakers.breaker import Decision, Trading
from perpkit.venue.engine import Fill, PositionSide, Side
from perpkit.venue.exchange.rehearsing import rehearsal, round_trips
from tests.bench.acts import MINUTE, STEP, hold
from tests.bench.live import live_bench
from tests.bench.scripted_market import scripted_market

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
STILL = scripted_market(START, [(0, 50_000.0)])


def fills(*amounts, symbol="BTCUSDT"):
    """Amounts bought, negative if sold."""
    for number, amount in enumerate(amounts):
        side = Side.BUY if amount > 0 else Side.SELL
        yield Fill(
            number, number, symbol, side, PositionSide.BOTH, Decimal(1), abs(Decimal(amount)),
            Decimal(0), Decimal(0), False, number,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("amounts", "closed"),
    [
        ((), 0),
        ((1,), 0),
        ((1, -1), 1),
        ((-1, 1), 1),
        ((2, -1), 0),
        ((1, 1, -1, -1), 1),
        ((1, -3, 2), 2),  # turned, then closed
        ((1, -1, 1, -1, 1), 2),
    ],
)
def test_a_position_that_is_closed_or_turned_counts(amounts, closed):
    assert round_trips(fills(*amounts)) == closed


def test_symbols_are_counted_apart():
    assert round_trips([*fills(1), *fills(-1, symbol="ETHUSDT")]) == 0


def test_what_a_run_shows(tmp_path):
    database = tmp_path / "live.sqlite"
    with live_bench("GuardedSteered", STILL, START, db_url=f"sqlite:///{database}") as (bot, venue):
        PairLocks.lock_pair("*", bot.now, "DrawdownBreaker halted: too early", now=bot.now)
        since = bot.now + timedelta(seconds=1)
        hold(bot, venue)
        bot.bot.strategy.leave = True
        bot.run_until(lambda: not venue.amount, 2 * MINUTE, STEP)
        bot.bot.strategy.leave = False
        hold(bot, venue, "short")
        held = Decision(Trading.REDUCING, 0.0, bot.now + timedelta(hours=1), reason="a test")
        BreakerLocks("FundingBreaker", simulated=False).hold(held, bot.now)
        PairLocks.lock_pair("*", bot.now + timedelta(hours=1), "Stop latch halted: by me")
        found = rehearsal(venue.exchange, database, since)
        assert (found.trades, found.breaches) == (1, {})
        assert found.strategies == ("GuardedSteered",)
        assert found.breakers == {"FundingBreaker": 1}
        assert (found.since, found.until) == (since, bot.now)

        # Its stops are gone.
        now = venue.exchange.market.now()
        venue.exchange.engine.cancel_all_algos(venue.account, "BTCUSDT", now)
        venue.exchange.catch_up()
        bot.sleep(20)
        assert rehearsal(venue.exchange, database, since).breaches == {"protected": 1}


def test_without_its_bots_database_there_is_no_strategy(tmp_path):
    with live_bench("GuardedSteered", STILL, START) as (_, venue):
        found = rehearsal(venue.exchange, tmp_path / "none.sqlite", START)
        assert (found.trades, found.strategies, found.breakers) == (0, (), {})
