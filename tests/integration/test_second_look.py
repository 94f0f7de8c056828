"""A bot that is started again, or has slept, on a position that was closed meanwhile.

`perpkit stop` closes at the exchange, and so may the trader: the first look shows no position where
the database has a trade. Nothing is tried for it until a second look has decided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from unittest import mock

import pytest
import time_machine
from freqtrade.exceptions import TemporaryError
from freqtrade.rpc import RPC

from perpkit.bot.live import reconciliation
from perpkit.record.latch import LatchState, latch_of, write
from tests.bench.acts import STEP, asked, breaches, hold, live_stops
from tests.bench.by_hand import cancel_stops, trade_by_hand
from tests.bench.in_process import bench
from tests.bench.live import LIVE, SameVenue, differences
from tests.bench.scripted_market import scripted_market
from tests.cases import SLOW

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
STILL = scripted_market(START, [(0, 50_000.0)])
DOWN = timedelta(minutes=1)
ORDER, STOP = "POST /fapi/v1/order", "POST /fapi/v1/algoOrder"


@pytest.fixture
def venue() -> SameVenue:
    return SameVenue()


@pytest.fixture
def start_bot(venue, tmp_path):
    """Starts bots with one database at `venue`."""
    settings = {**LIVE, "db_url": f"sqlite:///{tmp_path}/trades.sqlite"}

    def start(at):
        return bench("GuardedSteered", STILL, at, serve=venue.serve, userdir=tmp_path, **settings)

    return start


def close_outside(venue, *, stops: bool) -> None:
    """As `perpkit stop` does, or the trader.

    :param stops: they are cancelled, too
    """
    trade_by_hand(venue, -venue.amount, reduce_only=True)
    if stops:
        cancel_stops(venue)


def wants(bot, aim: str) -> None:
    """:param aim: `halted` by the stop latch; `leave`, as the strategy says; or `stay`"""
    if aim == "halted":
        write(latch_of(bot.bot.config), LatchState.HALTED, "me@here", "a test")
    bot.bot.strategy.leave = aim == "leave"


@contextmanager
def started_again(
    venue, start_bot, aim: str, meanwhile: Callable[[], None], side: str = "long"
) -> Iterator:
    with start_bot(START) as bot:
        hold(bot, venue, side)
        bot.run(2, STEP)
        at = bot.now + DOWN
    with time_machine.travel(at - DOWN / 2, tick=False):
        meanwhile()
    with start_bot(at) as bot:
        wants(bot, aim)
        yield bot


@contextmanager
def looks(*how: str) -> Iterator[None]:
    """Those to come: a `stale` one shows no position; after these they are as they are."""
    left, look = [*how], reconciliation.take_snapshot

    def looked(*args):
        this = left.pop(0) if left else ""
        if this == "fails":
            raise TemporaryError("no answer")
        seen = look(*args)
        return replace(seen, held={}, positions=()) if this == "stale" else seen

    with mock.patch.object(reconciliation, "take_snapshot", looked):
        yield


def check_is_closed(bot, venue, sent: list[str]) -> None:
    """Booked as what had closed it, and nothing was sent for it."""
    assert [each for each in sent if each in (ORDER, STOP)] == []
    [trade] = bot.trades()
    assert not trade.is_open
    assert trade.exit_reason == "sold_on_exchange"
    assert venue.amount == 0
    assert live_stops(venue) == []
    assert differences(bot.trades(), venue) == []


@pytest.mark.parametrize(
    ("aim", "stops", "side"),
    [
        row
        if row in {("halted", True, "long"), ("leave", False, "short")}
        else pytest.param(*row, marks=SLOW)
        for row in product(["halted", "leave", "stay"], [True, False], ["long", "short"])
    ],
)
def test_nothing_is_tried_for_a_position_that_is_gone(venue, start_bot, aim, stops, side):
    def close() -> None:
        close_outside(venue, stops=stops)

    with started_again(venue, start_bot, aim, close, side) as bot, asked(bot) as sent:
        bot.run(1, STEP)
        assert bot.trades()[0].is_open  # the second look has to show it, too
        bot.run(1, STEP)
        check_is_closed(bot, venue, sent)


@pytest.mark.parametrize("aim", ["halted", pytest.param("leave", marks=SLOW)])
def test_nor_by_a_bot_that_has_slept(venue, start_bot, aim):
    with start_bot(START) as bot:
        hold(bot, venue)
        bot.run(2, STEP)
        wants(bot, aim)
        close_outside(venue, stops=True)
        bot.sleep(600)
        with asked(bot) as sent:
            bot.run(2, STEP)
            check_is_closed(bot, venue, sent)


@pytest.mark.parametrize("aim", ["halted", pytest.param("leave", marks=SLOW), "stay"])
def test_a_position_that_is_seen_waits_for_nothing(venue, start_bot, aim):
    with started_again(venue, start_bot, aim, lambda: cancel_stops(venue)) as bot:
        amount = venue.amount
        bot.run(1, STEP)
        assert venue.amount == (amount if aim == "stay" else 0)
        assert len(live_stops(venue)) == (aim == "stay")


@pytest.mark.parametrize(
    ("aim", "seen", "cycles"),
    [
        ("halted", ["stale"], 2),
        pytest.param("leave", ["stale"], 2, marks=SLOW),
        ("stay", ["stale"], 2),
        ("halted", ["fails"], 1),
        pytest.param("stay", ["fails"], 1, marks=SLOW),
        # No second look in ten seconds.
        ("halted", ["stale", "fails", "fails", "fails"], 3),
        pytest.param("stay", ["stale", "fails", "fails", "fails"], 3, marks=SLOW),
    ],
)
def test_a_position_that_only_the_looks_do_not_show(venue, start_bot, aim, seen, cycles):
    with started_again(venue, start_bot, aim, lambda: cancel_stops(venue)) as bot:
        amount = venue.amount
        with looks(*seen):
            bot.run(cycles - 1, STEP)
            assert venue.amount == amount
            assert live_stops(venue) == []
            bot.run(1, STEP)
        assert venue.amount == (amount if aim == "stay" else 0)
        assert len(live_stops(venue)) == (aim == "stay")
        bot.run(2, STEP)
        assert differences(bot.trades(), venue) == []


def test_its_stop_stays_where_it_is_while_it_waits(venue, start_bot):
    with started_again(venue, start_bot, "stay", lambda: None) as bot:
        [stop] = live_stops(venue)
        with looks("stale"):
            bot.run(4, STEP)
        assert [each.id for each in live_stops(venue)] == [stop.id]
        assert breaches(venue) == []


def test_an_exit_that_is_forced_is_tried_at_once(venue, start_bot):
    with started_again(venue, start_bot, "stay", lambda: None) as bot, looks("stale"):
        bot.run(1, STEP)
        RPC(bot.bot)._rpc_force_exit("all", ordertype="market")
        assert venue.amount == 0
