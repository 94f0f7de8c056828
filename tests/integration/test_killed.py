"""`kill -9` before and after every request, commit and journal write, and a start on what is left.

Beside the bot there is a trader on the account, with a position, a stop and an order of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from perpkit.venue.history import History
from perpkit.venue.instruments import Instrument
from tests.bench.killed import Point
from tests.bench.restarts import (
    BTC,
    STEP,
    Scenario,
    held,
    live_stops,
    record,
    what_is_wrong,
)
from tests.bench.scripted_market import scripted_market

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SOON, LATE = timedelta(seconds=5), timedelta(days=2)
ETHER = Instrument("ETH", tick_size=0.01, step_size=0.001)
DAY, END = 24 * 60, 3 * 24 * 60  # minutes


def market(*path: tuple[float, float]) -> History:
    """BTC along the path, 3% down a day later; the trader's coin stands still."""
    last = path[-1][1]
    bitcoin = scripted_market(
        START, [*path, (DAY, last), (DAY + 10, 0.97 * last), (END, 0.97 * last)]
    )
    ether = scripted_market(START, [(0, 2_000.0), (END, 2_000.0)], instrument=ETHER)
    return History({**bitcoin.pairs, **ether.pairs})


STILL = market((0, 50_000.0))


def hold(bot, venue) -> None:
    bot.bot.strategy.side = "long"
    bot.run_until(lambda: live_stops(venue), 5 * MINUTE, STEP)
    bot.bot.strategy.side = None
    bot.run(2, STEP)


def enter(bot, venue) -> None:
    bot.run_until(lambda: live_stops(venue), 5 * MINUTE, STEP)
    bot.run(2, STEP)


def leave(bot, venue) -> None:
    bot.run_until(lambda: not held(venue.exchange, BTC), MINUTE, STEP)
    bot.run(2, STEP)


def replace_stop(bot, venue) -> None:
    [first] = live_stops(venue)
    bot.run_until(lambda: not first.is_open, 3 * MINUTE, STEP)
    bot.run(1, STEP)


def hold_trailing(bot, venue) -> None:
    bot.bot.strategy.trails = True
    hold(bot, venue)
    replace_stop(bot, venue)
    bot.run(9, STEP)  # it is replaced once a minute


def until_price(price: float) -> Callable:
    def prepare(bot, venue) -> None:
        hold(bot, venue)
        bot.run_until(lambda: venue.exchange.market.price(BTC) > price, 20 * MINUTE, STEP)

    return prepare


def sell_a_part(bot, venue) -> None:
    whole = held(venue.exchange, BTC)
    bot.run_until(lambda: held(venue.exchange, BTC) < whole, 3 * MINUTE, STEP)
    bot.run(2, STEP)


SCENARIOS = {
    "entry": Scenario(STILL, enter, 100, flags={"side": "long"}),
    "exit": Scenario(STILL, leave, 60, prepare=hold, flags={"leave": True}),
    "stop replacement": Scenario(
        market((0, 50_000.0), (3, 50_000.0), (30, 53_000.0)),
        replace_stop,
        60,
        prepare=hold_trailing,
        flags={"trails": True},
    ),
    "partial exit": Scenario(
        market((0, 50_000.0), (3, 50_000.0), (13, 53_000.0)),
        sell_a_part,
        60,
        prepare=until_price(52_450),
        settings={"perpkit": {"use": {"refresh": False, "scale_out": True}}},
    ),
}


def all_wrong(name: str, folder, delay: timedelta, some: Callable[[Point], bool]) -> dict:
    scenario = SCENARIOS[name]
    recorded = record(scenario, folder, START)
    assert recorded.count >= scenario.points
    chosen = [point for point in recorded.points if some(point)]
    assert len(chosen) > 1
    found = {}
    for point in chosen:
        if wrong := what_is_wrong(scenario, recorded, point.left, folder, delay):
            found[str(point)] = wrong
    print(
        f"KILL {name}, {delay}: {recorded.count} points, {len(recorded.points)} states, "
        f"{len(chosen)} tried, {len(found)} wrong"
    )
    for point, wrong in found.items():
        print(f"  WRONG {point[:200]}: {wrong}")
    return found


def every(point: Point) -> bool:
    return True


def at_the_exchange(point: Point) -> bool:
    """The exchange has just done what the database does not know yet."""
    return point.names[0].startswith(("after POST", "after DELETE"))


MAIN = ["entry", "exit", "stop replacement", "partial exit"]


@pytest.mark.parametrize("name", MAIN)
def test_started_again_soon(name, tmp_path):
    assert all_wrong(name, tmp_path, SOON, every) == {}


@pytest.mark.parametrize("name", MAIN)
def test_started_again_after_two_days(name, tmp_path):
    assert all_wrong(name, tmp_path, LATE, at_the_exchange) == {}
