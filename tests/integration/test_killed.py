"""`kill -9` before and after every request, commit and journal write, and a start on what is left.

Beside the bot there is a trader on the account, with a position, a stop and an order of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from freqtrade.rpc import RPC

from perpkit.venue.market.history import History
from perpkit.venue.market.instruments import Instrument
from tests.bench.killed import Point, live_bot
from tests.bench.live import SameVenue, differences
from tests.bench.restarts import (
    BTC,
    STEP,
    Scenario,
    held,
    interrupted,
    live_stops,
    own_orders,
    record,
    record_recovery,
    what_is_wrong,
)
from tests.bench.scripted_market import scripted_market
from tests.cases import SLOW

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SOON, LATE = timedelta(seconds=5), timedelta(days=2)
ETHER = Instrument("ETH", tick_size=0.01, step_size=0.001)
DAY, END = 24 * 60, 3 * 24 * 60  # minutes


def market(*path: tuple[float, float], fall: float = 0.97) -> History:
    """BTC along the path, and down a day later; the trader's coin stands still."""
    last, fallen = path[-1][1], fall * path[-1][1]
    bitcoin = scripted_market(START, [*path, (DAY, last), (DAY + 10, fallen), (END, fallen)])
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


TARGETS = {"perpkit": {"use": {"refresh": False, "scale_out": True, "targets": True}}}
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
    "target placed": Scenario(STILL, enter, 100, flags={"side": "long"}, settings=TARGETS),
    "target filled": Scenario(
        market((0, 50_000.0), (3, 50_000.0), (13, 53_000.0)),
        sell_a_part,
        40,
        prepare=until_price(52_450),
        settings=TARGETS,
    ),
    "exit beside a target": Scenario(
        STILL, leave, 60, prepare=hold, flags={"leave": True}, settings=TARGETS
    ),
}


def all_wrong(name: str, folder, delay: timedelta, tried: Callable[[Point], bool]) -> dict:
    scenario = SCENARIOS[name]
    recorded = record(scenario, folder, START)
    assert recorded.count >= scenario.points
    chosen = [point for point in recorded.points if tried(point)]
    assert len(chosen) > 1
    found = {}
    for point in chosen:
        if wrong := what_is_wrong(scenario, recorded, point.left, folder, delay):
            found[str(point)] = wrong
    return found


def every(point: Point) -> bool:
    return True


def at_the_exchange(point: Point) -> bool:
    """The exchange has just done what the database does not know yet."""
    return point.names[0].startswith(("after POST", "after DELETE"))


def some(point: Point) -> bool:
    return at_the_exchange(point) or point.number % 8 == 0


def third(point: Point) -> bool:
    return at_the_exchange(point) or point.number % 3 == 0


MAIN = ["entry", "exit", "stop replacement", "partial exit"]


@pytest.mark.parametrize(
    ("name", "tried"),
    [
        ("entry", some),
        *(pytest.param(name, third, marks=SLOW) for name in MAIN),
        *(pytest.param(name, every, marks=SLOW) for name in MAIN),
    ],
)
def test_started_again_soon(name, tried, tmp_path):
    assert all_wrong(name, tmp_path, SOON, tried) == {}


@pytest.mark.parametrize(
    ("name", "tried"),
    [
        ("target filled", at_the_exchange),
        *(
            pytest.param(name, every, marks=SLOW)
            for name in ("target placed", "target filled", "exit beside a target")
        ),
    ],
)
def test_started_again_with_targets(name, tried, tmp_path):
    assert all_wrong(name, tmp_path, SOON, tried) == {}


@SLOW
def test_both_orders_filled_before_it_is_started_again(tmp_path):
    """The price has been at the target, and a day later at the stop."""
    assert all_wrong("target filled", tmp_path, LATE, some) == {}


@pytest.mark.parametrize(
    ("name", "tried"),
    [("entry", at_the_exchange), *(pytest.param(name, some, marks=SLOW) for name in MAIN)],
)
def test_started_again_after_two_days(name, tried, tmp_path):
    assert all_wrong(name, tmp_path, LATE, tried) == {}


# Rarer things that a bot does


def add_once(trade, current_time, **_):
    """For `adjust_trade_position`; not to what was lost as an addition, and is a trade later."""
    due = trade.nr_of_successful_entries == 1 and not trade.has_open_orders
    return 300.0 if due and current_time - trade.open_date_utc < 10 * MINUTE else None


def add(bot, venue) -> None:
    whole = held(venue.exchange, BTC)
    bot.run_until(lambda: held(venue.exchange, BTC) > whole, MINUTE, STEP)
    bot.run(3, STEP)


def add_below_the_price(bot, venue) -> None:
    bot.bot.strategy.adjust_trade_position = add_once
    bot.bot.strategy.crossing = False
    bot.run_until(lambda: len(own_orders(venue.account)) > 1, MINUTE, STEP)


def test_an_addition_and_the_stop_filled_while_it_was_down(tmp_path):
    """The price falls through both: what was added has neither a trade nor a stop."""
    venue = SameVenue()
    with live_bot("GuardedSteered", STILL, START, tmp_path, venue) as bot:
        bot.run(1, STEP)
        hold(bot, venue)
        add_below_the_price(bot, venue)
        [first, addition] = own_orders(venue.account)
        assert (first.is_open, addition.is_open) == (False, True)
        at = bot.now
    with live_bot("GuardedSteered", STILL, at + LATE, tmp_path, venue) as bot:
        assert held(venue.exchange, BTC) == addition.executed > 0
        bot.run(2, STEP)
        [trade] = bot.trades()
        # It is below its stop by now.
        assert (trade.is_open, held(venue.exchange, BTC)) == (False, 0)
        assert [o.safe_filled for o in trade.orders if o.ft_order_side == trade.exit_side] == [
            float(addition.executed)
        ]


def test_a_stop_that_filled_while_it_was_down_is_said_and_locks_its_pair(tmp_path):
    venue = SameVenue()
    with live_bot("GuardedSteered", STILL, START, tmp_path, venue) as bot:
        bot.run(1, STEP)
        hold(bot, venue)
        at = bot.now
    with live_bot("GuardedSteered", STILL, at + LATE, tmp_path, venue) as bot:
        bot.run(1, STEP)
        [trade] = bot.trades()
        assert (trade.is_open, trade.exit_reason) == (False, "stoploss_on_exchange")
        [said] = [m for m in bot.messages if str(m["type"]) == "exit_fill"]
        assert (said["pair"], said["sub_trade"]) == (trade.pair, False)
        assert [lock.pair for lock in bot.locks()] == [trade.pair]


@pytest.mark.parametrize("hours", [0, 9])
def test_funding_around_a_target_that_filled_while_it_was_down(hours, tmp_path):
    """What was charged before it is of the target, and what came later of the exit."""
    minutes = 60 * hours + 13
    path = [(0, 50_000.0), (minutes - 10, 50_000.0), (minutes, 53_000.0), (END, 53_000.0)]
    rising = scripted_market(START, path, funding_rate=0.001)
    venue = SameVenue()
    with live_bot("GuardedSteered", rising, START, tmp_path, venue, **TARGETS) as bot:
        bot.run(1, STEP)
        hold(bot, venue)
        at = bot.now
    with live_bot("GuardedSteered", rising, at + LATE, tmp_path, venue, **TARGETS) as bot:
        bot.run(2, STEP)
        [part] = [o for trade in bot.trades() for o in trade.orders if o.ft_order_side == "sell"]
        assert (part.funding_fee < 0) == (hours > 0)
        bot.bot.strategy.leave = True
        leave(bot, venue)
        bot.run(14, STEP)
        [trade] = bot.trades()
        charged = [i.amount for i in venue.account.incomes if i.kind == "FUNDING_FEE"]
        assert len(charged) == 6
        assert trade.funding_fees == pytest.approx(float(sum(charged)))
        assert not [each for each in differences([trade], venue) if "profit" in each]


def be_stopped_out(bot, venue) -> None:
    bot.run_until(lambda: not held(venue.exchange, BTC), 3 * MINUTE, STEP)
    bot.run(2, STEP)


def hold_until_below(price: float) -> Callable:
    def prepare(bot, venue) -> None:
        hold(bot, venue)
        bot.run_until(lambda: venue.exchange.market.price(BTC) < price, 20 * MINUTE, STEP)

    return prepare


def fill_a_part(bot, venue) -> None:
    """Half of an entry that waits, of which the rest is withdrawn."""
    bot.bot.strategy.side = "long"
    bot.run_until(lambda: own_orders(venue.account), 5 * MINUTE, STEP)
    bot.bot.strategy.side = None
    [order] = own_orders(venue.account)
    exchange = venue.exchange
    exchange.engine.fill_order(venue.account, order.id, Decimal("0.008"), exchange.market.now())
    bot.run_until(lambda: not order.is_open, 3 * MINUTE, STEP)
    bot.run(2, STEP)


def market_exits(bot) -> None:
    bot.bot.strategy.order_types["exit"] = "market"
    bot.bot.strategy._exit_order_type = "market"


def smaller_lots(venue) -> None:
    contracts = venue.exchange.engine._state.contracts
    contracts[BTC] = replace(contracts[BTC], max_market_quantity=Decimal("0.005"))


def lots_smaller_than_the_position(bot, venue) -> None:
    market_exits(bot)
    smaller_lots(venue)
    bot.bot.exchange.markets["BTC/USDT:USDT"]["limits"]["market"]["max"] = 0.005


def lots_smaller_than_the_exchange_says(bot, venue) -> None:
    market_exits(bot)
    smaller_lots(venue)


def force_exit(bot, venue) -> None:
    [trade] = bot.trades()
    RPC(bot.bot)._rpc_force_exit(str(trade.id), "market")
    bot.run(2, STEP)


SCENARIOS |= {
    "addition": Scenario(STILL, add, 60, prepare=hold, flags={"adjust_trade_position": add_once}),
    "stop out": Scenario(
        market((0, 50_000.0), (6, 50_000.0), (10, 48_800.0), fall=1.0),
        be_stopped_out,
        60,
        prepare=hold_until_below(49_150),
    ),
    "partly filled entry": Scenario(STILL, fill_a_part, 60, flags={"crossing": False}, same=False),
    "split exit": Scenario(
        STILL,
        leave,
        60,
        prepare=hold,
        renew=lots_smaller_than_the_position,
        flags={"leave": True},
    ),
    "crossing exit": Scenario(
        STILL,
        leave,
        60,
        prepare=hold,
        renew=lots_smaller_than_the_exchange_says,
        flags={"leave": True},
    ),
    "forced exit": Scenario(STILL, force_exit, 40, prepare=hold, same=False),
}
RARE = [name for name in SCENARIOS if name not in MAIN]


@SLOW
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", RARE)
def test_rarer_things_started_again_soon(name, tmp_path):
    assert all_wrong(name, tmp_path, SOON, every) == {}


@SLOW
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", SCENARIOS)
def test_started_again_after_two_days_from_everywhere(name, tmp_path):
    assert all_wrong(name, tmp_path, LATE, every) == {}


@SLOW
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", MAIN)
def test_killed_again_while_it_recovers(name, tmp_path):
    scenario = SCENARIOS[name]
    recorded = record(scenario, tmp_path, START)
    found = {}
    for first in filter(at_the_exchange, recorded.points):
        again = record_recovery(scenario, recorded, first.left, tmp_path, SOON)
        assert again.count > 40
        for point in again.points:
            if wrong := what_is_wrong(scenario, again, point.left, tmp_path, SOON):
                found[f"{first}, {point}"] = wrong
    assert found == {}


# Signals


def all_wrong_after_signals(name: str, folder, step: int) -> dict:
    scenario = replace(
        SCENARIOS[name], settings={**SCENARIOS[name].settings, "cancel_open_orders_on_exit": True}
    )
    recorded = record(scenario, folder / "undisturbed", START)
    found, number = {}, 0
    while left := interrupted(scenario, folder / str(number), START, number):
        if wrong := what_is_wrong(scenario, recorded, left, folder / str(number), SOON):
            found[number] = wrong
        number += step
    assert number > 40
    return found


@SLOW
def test_a_signal_while_a_stop_is_replaced(tmp_path):
    assert all_wrong_after_signals("stop replacement", tmp_path, 90) == {}


@SLOW
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", MAIN)
def test_a_signal_at_many_points(name, tmp_path):
    assert all_wrong_after_signals(name, tmp_path, 3) == {}
