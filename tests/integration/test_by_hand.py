"""What a trader does by hand beside the bot, while it runs, is paused, and is stopped.

The table of outcomes and messages: docs/reconciliation.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product

import pytest
from freqtrade.enums import State
from freqtrade.rpc import RPCException

from perpkit.venue.engine import OrderStatus
from tests.bench.by_hand import (
    MINUTE,
    STEP,
    breaches,
    cancel_stops,
    forget_stops,
    hold,
    live_stops,
    rest_by_hand,
    stop_by_hand,
    trade_by_hand,
    warnings,
)
from tests.bench.in_process import bench
from tests.bench.live import LIVE, SameVenue, differences, live_bench
from tests.bench.scripted_market import scripted_market
from tests.cases import SLOW

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
STILL = scripted_market(START, [(0, 50_000.0)])
GUARDED = "GuardedSteered"
BTC = "BTC/USDT:USDT"
# The first of a row is in every run of the tests, the rest in long ones.
STATES = [State.RUNNING, State.PAUSED, State.STOPPED]


@pytest.fixture
def venue() -> SameVenue:
    return SameVenue()


@pytest.fixture
def start_bot(venue, tmp_path):
    """Starts bots with one database at `venue`."""
    settings = {**LIVE, "db_url": f"sqlite:///{tmp_path}/trades.sqlite"}

    def start(at, **given):
        return bench(
            GUARDED, STILL, at, serve=venue.serve, userdir=tmp_path, **{**settings, **given}
        )

    return start


@dataclass(frozen=True)
class Outcome:
    """Of what was done by hand; parts of the bot's position, which is 1.

    :param trades: what the trade has left, 0 for one that is closed
    :param stop: for so much
    :param held: at the exchange, negative for the other side
    :param said: what is in each of the messages
    """

    act: float
    trade: float
    stop: float
    held: float
    said: tuple[str, ...]
    refused: str | None


HOLDS = "that the database does not know"
TABLE = {
    "halved": Outcome(-0.5, 0.5, 0.5, 0.5, ("of the trade are closed: order",), None),
    "doubled": Outcome(1, 1, 1, 2, (f"{HOLDS} beside trade 1, which keeps its stop",), HOLDS),
    "closed": Outcome(-1, 0, 0, 0, ("the trade is closed: order",), None),
    "reversed": Outcome(-2, 0, 0, -1, ("the trade is closed: order", HOLDS), HOLDS),
}


def part_of(venue, amount: Decimal, part: float) -> Decimal:
    return (amount * Decimal(str(part))).quantize(Decimal("0.001"))


def lean(rows):
    """Every action once, and every state; the rest of the table in long runs."""
    chosen = {
        ("halved", State.RUNNING, "long"),
        ("doubled", State.STOPPED, "long"),
        ("closed", State.PAUSED, "short"),
        ("reversed", State.RUNNING, "long"),
        ("reversed", State.STOPPED, "short"),
    }
    return [row if row in chosen else pytest.param(*row, marks=SLOW) for row in rows]


@pytest.mark.parametrize(
    ("action", "state", "side"), lean(product(TABLE, STATES, ["long", "short"]))
)
def test_a_position_is_changed_by_hand(action, state, side):
    expected = TABLE[action]
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        hold(bot, venue, side)
        whole = venue.amount
        bot.run(3, STEP)
        bot.bot.state = state
        bot.run(2, STEP)
        own_orders = len(venue.account.orders)
        trade_by_hand(venue, part_of(venue, whole, expected.act))
        bot.run(36, STEP)

        [trade] = bot.trades()
        half = part_of(venue, whole, 0.5)
        sizes = {0: 0, 0.5: whole + part_of(venue, whole, -0.5), 1: whole, 2: 2 * whole, -1: -whole}
        assert half
        assert venue.amount == sizes[expected.held]
        assert trade.is_open is bool(expected.trade)
        if trade.is_open:
            assert Decimal(str(trade.amount)) == abs(sizes[expected.trade])
        assert sum(stop.quantity for stop in live_stops(venue)) == abs(sizes[expected.stop])
        assert len(live_stops(venue)) == bool(expected.stop)
        said = warnings(bot)
        assert len(said) == len(expected.said)
        for words, message in zip(expected.said, said, strict=True):
            assert words in message
        assert len(venue.account.orders) == own_orders + 1  # the trader's; none of the bot
        refused = bot.bot.strategy._running.refusal(BTC, "long", 0.01, bot.now, None)
        assert (refused is None) if expected.refused is None else (expected.refused in refused)
        foreign = sizes[expected.held] - (whole if action == "doubled" else venue.amount)
        if action in ("halved", "closed"):
            assert differences(bot.trades(), venue) == []
            assert breaches(venue) == []
        assert foreign in (0, whole)
