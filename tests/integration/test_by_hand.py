"""What a trader does by hand beside the bot, while it runs, is paused, and is stopped.

The table of outcomes and messages: docs/reconciliation.md.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal
from itertools import product
from unittest import mock

import pytest
from freqtrade.enums import State
from freqtrade.exceptions import TemporaryError
from freqtrade.persistence import Trade
from freqtrade.rpc import RPC, RPCException
from sqlalchemy import text

from perpkit.venue.engine import OrderStatus
from perpkit.venue.faults.faults import FaultKind
from tests.bench.acts import (
    MINUTE,
    STEP,
    add_fault,
    asked,
    breaches,
    fill,
    hold,
    live_stops,
    remove_fault,
    take_stops_away,
    wait_in_book,
    warnings,
)
from tests.bench.by_hand import cancel_stops, rest_by_hand, stop_by_hand, trade_by_hand
from tests.bench.in_process import bench
from tests.bench.live import LIVE, SameVenue, differences, live_bench
from tests.bench.rest import rest_api
from tests.bench.scripted_market import scripted_market
from tests.bench.telegram import CONFIG as TELEGRAM
from tests.bench.telegram import telegram
from tests.cases import SLOW

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
STILL = scripted_market(START, [(0, 50_000.0)])
GUARDED = "GuardedSteered"
STEP_SIZE = Decimal("0.001")
BTC = "BTC/USDT:USDT"
POST = "POST /fapi/v1/order"
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
    :param said: what is in each of the messages
    """

    act: float
    trade: float
    stop: float
    said: tuple[str, ...]
    refused: str | None


HOLDS = "that the database does not know"
TABLE = {
    "halved": Outcome(-0.5, 0.5, 0.5, ("of the trade are closed: order",), None),
    "doubled": Outcome(1, 1, 1, (f"{HOLDS} next to trade 1, which keeps its stop",), HOLDS),
    "closed": Outcome(-1, 0, 0, ("the trade is closed: order",), None),
    "reversed": Outcome(-2, 0, 0, ("the trade is closed: order", HOLDS), HOLDS),
}


def size(whole: Decimal, part: float) -> Decimal:
    """The exchange's step in mind."""
    return (whole * Decimal(str(part))).quantize(STEP_SIZE, ROUND_DOWN)


def refusal(bot) -> str | None:
    return bot.bot.strategy._running._guard.refusal(BTC)


def lean(rows):
    """Every action once, and every state; the rest of the table in long runs."""
    chosen = {
        ("halved", State.RUNNING, "long"),
        ("doubled", State.STOPPED, "long"),
        ("closed", State.PAUSED, "short"),
        ("reversed", State.RUNNING, "long"),
        ("reversed", State.STOPPED, "short"),
        (State.RUNNING, "-0.002"),
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
        own_orders, earlier = len(venue.account.orders), len(warnings(bot))
        act = size(whole, expected.act)
        trade_by_hand(venue, act)
        bot.run(36, STEP)

        [trade] = bot.trades()
        left = whole + act if action == "halved" else size(whole, expected.trade)
        assert venue.amount == whole + act
        assert trade.is_open is bool(expected.trade)
        if trade.is_open:
            assert Decimal(str(trade.amount)) == abs(left)
        assert [stop.quantity for stop in live_stops(venue)] == [abs(left)] * bool(expected.stop)
        said = warnings(bot)[earlier:]
        assert len(said) == len(expected.said)
        for words, message in zip(expected.said, said, strict=True):
            assert words in message
        assert len(venue.account.orders) == own_orders + 1  # the trader's; none of the bot
        refused = refusal(bot)
        assert refused is None if expected.refused is None else expected.refused in refused
        assert breaches(venue) == [] or action in ("doubled", "reversed")  # the trader's own part
        if action in ("halved", "closed"):
            assert differences(bot.trades(), venue) == []


@pytest.mark.parametrize("side", ["long", pytest.param("short", marks=SLOW)])
def test_a_bot_that_leaves_right_after_a_reversal_sends_next_to_nothing(side):
    """Each exit that is refused (-2022) asks for a comparison, which explains it."""
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        hold(bot, venue, side)
        bot.run(2, STEP)
        whole = venue.amount
        with asked(bot) as sent:
            trade_by_hand(venue, -2 * whole)
            bot.bot.strategy.leave = True
            bot.run(36, STEP)  # three minutes
        posts = [each for each in sent if each.startswith("POST /fapi/v1/") and "rder" in each]
        assert len(posts) <= 2, posts
        [trade] = bot.trades()
        assert (trade.is_open, trade.exit_reason) == (False, "sold_on_exchange")
        assert venue.amount == -whole
        assert live_stops(venue) == []
        assert HOLDS in refusal(bot)


# Exits beside a position of the trader


@contextmanager
def doubled(side: str):
    """A bot whose position was doubled by hand, and what was added."""
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        hold(bot, venue, side)
        theirs = venue.amount
        trade_by_hand(venue, theirs)
        bot.run(13, STEP)
        assert HOLDS in refusal(bot)
        yield bot, venue, theirs


def check_sold_its_own(bot, venue, theirs, orders=2) -> None:
    [trade] = bot.trades()
    assert not trade.is_open
    assert venue.amount == theirs
    assert live_stops(venue) == []
    assert len([order for order in trade.orders if order.safe_filled]) == orders


@pytest.mark.parametrize("side", ["long", pytest.param("short", marks=SLOW)])
def test_an_exit_that_arrives_late_sells_the_bots_part_only(side):
    """A second one, reduce-only like the first, would sell the trader's. After an outage Freqtrade
    waits for half a minute, its user does not."""
    with doubled(side) as (bot, venue, theirs):
        add_fault(venue, FaultKind.RESPONSE_LOST, "POST /fapi/v1/order", times=1)
        late = {"since": venue.exchange.market.now(), "parameters": {"ms": 12_000}}
        add_fault(venue, FaultKind.LATE_ORDERS, **late, times=1)
        rpc = RPC(bot.bot)
        with pytest.raises(TemporaryError):
            rpc._rpc_force_exit("1")
        bot.run(1, STEP)
        with pytest.raises(RPCException, match="had no answer and may still be carried out"):
            rpc._rpc_force_exit("1")
        bot.run(5, STEP)
        check_sold_its_own(bot, venue, theirs)


def test_so_does_a_part_of_an_exit_that_arrives_late():
    """The position is larger than one market order, and the second part has no answer."""
    with doubled("long") as (bot, venue, theirs):
        bot.bot.exchange.markets[BTC]["limits"]["market"]["max"] = 0.006
        engine, lost = venue.exchange.engine, []
        place = engine.place_order

        def placed(account, new, now):
            order = place(account, new, now)
            if lost:
                late = {"since": now, "parameters": {"ms": 12_000}}
                add_fault(venue, FaultKind.LATE_ORDERS, **late, times=1)
                engine.place_order = place
            else:
                lost.append(add_fault(venue, FaultKind.RESPONSE_LOST, POST, times=1))
            return order

        engine.place_order = placed
        RPC(bot.bot)._rpc_force_exit("1")
        bot.run(6, STEP)
        check_sold_its_own(bot, venue, theirs, orders=4)


@pytest.mark.parametrize("side", ["long", pytest.param("short", marks=SLOW)])
def test_an_exit_that_rests_does_not_stay_beside_the_stop(side):
    """Both would fill, one after the other, while the bot is down."""
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        hold(bot, venue, side)
        strategy, theirs = bot.bot.strategy, venue.amount
        away = 1.01 if side == "long" else 0.99
        with mock.patch.object(strategy, "custom_exit_price", return_value=50_000.0 * away):
            strategy.leave = True
            bot.run(2, STEP)
            strategy.leave = False
            assert any(order.is_open for order in venue.account.orders.values())
            trade_by_hand(venue, theirs)
            bot.run(15, STEP)
        check_sold_its_own(bot, venue, theirs)


def test_an_exit_that_has_filled_in_part_does_not_stay_beside_the_stop():
    """Freqtrade cancels none whose rest is worth less than a stake may be."""
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        hold(bot, venue)
        theirs = venue.amount
        bot.bot.exchange.get_min_pair_stake_amount = lambda *_: 1_000.0
        RPC(bot.bot)._rpc_force_exit("1", "limit", price=50_500.0)
        [resting] = [order for order in venue.account.orders.values() if order.is_open]
        fill(venue, resting, STEP_SIZE)
        trade_by_hand(venue, theirs)
        bot.run(15, STEP)
        assert not resting.is_open
        [trade] = bot.trades()
        assert not trade.is_open
        assert (venue.amount, live_stops(venue)) == (theirs, [])
        fills = [m["amount"] for m in bot.messages if str(m["type"]) == "exit_fill"]
        assert fills == pytest.approx([float(STEP_SIZE), float(theirs - STEP_SIZE)])


# Opened, before there is a trade


def test_a_position_that_was_opened_by_hand_a_moment_ago_refuses_an_entry():
    """The last comparison is seconds old, and the next one most of a minute away."""
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        bot.run(1, STEP)
        assert refusal(bot) is None
        trade_by_hand(venue, Decimal("0.002"))
        bot.bot.strategy.side = "long"
        bot.run(1, STEP)
        assert (venue.amount, bot.trades()) == (Decimal("0.002"), [])
        [refused] = bot.bot.strategy.refusals.newest
        assert "the exchange holds 0.002 that no trade has" in refused.reason


@pytest.mark.parametrize(
    "state",
    [
        State.STOPPED,
        pytest.param(State.RUNNING, marks=SLOW),
        pytest.param(State.PAUSED, marks=SLOW),
    ],
    ids=["stopped", "running", "paused"],
)
def test_a_position_that_is_opened_by_hand_is_left_alone(state):
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        bot.run(1, STEP)
        bot.bot.state = state
        bot.run(1, STEP)
        earlier = len(warnings(bot))
        trade_by_hand(venue, Decimal("0.002"))
        bot.run(15, STEP)
        assert "holds 0.002 that" in refusal(bot)
        bot.bot.state, bot.bot.strategy.side = State.RUNNING, "long"
        bot.run(15, STEP)
        assert (venue.amount, bot.trades()) == (Decimal("0.002"), [])
        [message] = [m for m in warnings(bot)[earlier:] if "open trades" not in m]
        assert "Entries into this pair are refused until it is closed" in message


@pytest.mark.parametrize(
    ("state", "amount"),
    lean(product(STATES, ["-0.002", "0.002"])),
)
def test_an_entry_that_waits_ends_where_a_position_is_opened_by_hand(state, amount):
    """Its fills would be netted with the trader's position."""
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        order = wait_in_book(bot, venue)
        bot.bot.state = state
        trade_by_hand(venue, Decimal(amount))
        bot.run(13, STEP)
        assert not order.is_open
        assert (venue.amount, bot.trades()) == (Decimal(amount), [])
        [message] = [m for m in warnings(bot) if "open trades" not in m]
        assert f"holds {float(amount):g} that" in message


def test_a_fill_between_the_requests_of_a_comparison_ends_no_entry():
    """Its position is shown, and the order still without it; the next comparison shows both."""
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        order, api = wait_in_book(bot, venue), bot.bot.exchange._api
        open_orders = api.fapiPrivateGetOpenOrders

        def filled_after():
            seen = open_orders()
            if not order.executed:
                fill(venue, order, STEP_SIZE)
            return seen

        api.fapiPrivateGetOpenOrders = filled_after
        bot.run_until(lambda: venue.amount, 2 * MINUTE, STEP)
        assert "holds 0.001 that" in refusal(bot)
        bot.run(1, STEP)
        assert refusal(bot) is None
        assert order.is_open


# Orders that rest, and orders that close


def test_resting_orders_of_the_trader_are_neither_adopted_nor_cancelled():
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        hold(bot, venue)
        amount = venue.amount
        resting = [
            rest_by_hand(venue, -amount, Decimal(55_000), reduce_only=True),
            rest_by_hand(venue, -amount, Decimal(56_000)),
            rest_by_hand(venue, amount, Decimal(45_000)),
        ]
        conditional = [
            stop_by_hand(venue, -amount, Decimal(47_000)),
            stop_by_hand(venue, -amount, Decimal(54_000), "TAKE_PROFIT_MARKET"),
        ]
        bot.run(30, STEP)
        bot.bot.strategy.leave = True
        bot.run(30, STEP)
        [trade] = bot.trades()
        assert not trade.is_open
        # The exchange itself ends what would reduce a position that is gone.
        assert [order.status for order in resting if not order.is_open] in ([], ["EXPIRED"])
        assert all(order.is_open for order in conditional)
        known = {order.order_id for order in trade.orders}
        assert known.isdisjoint({str(order.id) for order in resting + conditional})
        assert warnings(bot) == []


@SLOW
def test_a_filled_limit_of_the_trader_closes_the_trade_by_its_own_part():
    """It rests already when the bot enters, and is twice as large as its position."""
    market = scripted_market(START, [(0, 50_000.0), (10, 50_000.0), (12, 50_600.0)])
    with live_bench(GUARDED, market, START) as (bot, venue):
        bot.run(1, STEP)
        # As the bot wants it: the exchange does not change it while there are orders.
        venue.exchange.engine._state.holding(venue.account, "BTCUSDT").isolated = True
        order = rest_by_hand(venue, Decimal("-0.036"), Decimal(50_500))
        hold(bot, venue)
        own = venue.amount
        bot.run_until(lambda: order.status is OrderStatus.FILLED, 15 * MINUTE, STEP)
        bot.run(15, STEP)
        [trade] = bot.trades()
        assert not trade.is_open
        assert (trade.exit_reason, trade.close_rate) == ("sold_on_exchange", 50_500.0)
        assert trade.close_profit_abs == pytest.approx(
            float(own) * (50_500 - trade.open_rate)
            - float(own) * (trade.open_rate * trade.fee_open + 50_500 * trade.fee_close)
        )
        assert venue.amount == own - Decimal("0.036")
        assert live_stops(venue) == []


@pytest.mark.parametrize("first", ["hand", pytest.param("stop", marks=SLOW)])
def test_what_a_stop_has_become_is_not_booked_twice(first):
    """Of two stops one triggers; the rest is closed by hand. Freqtrade takes the market order that
    its stop has become for an unknown one as well."""
    market = scripted_market(START, [(0, 50_000.0), (10, 50_000.0), (12, 49_400.0)])
    with live_bench(GUARDED, market, START) as (bot, venue):
        hold(bot, venue)
        whole = venue.amount
        bot.run(2, STEP)
        half = size(whole, 0.5)
        [trade] = bot.trades()
        take_stops_away(bot)
        guard = bot.bot.strategy._running._guard
        guard._stop_orders.place(trade, 49_500.0, float(half))
        guard._stop_orders.place(trade, 49_000.0, float(whole - half))
        bot.bot.state = State.STOPPED
        if first == "hand":
            trade_by_hand(venue, half - whole)
        bot.sleep(12 * 60)
        venue.exchange.catch_up()
        assert len(live_stops(venue)) <= 1
        if first == "stop":
            trade_by_hand(venue, -venue.amount)
        assert venue.amount == 0
        bot.run(30, STEP)
        [trade] = bot.trades()
        assert not trade.is_open
        closing = [
            order for order in trade.orders if order.safe_filled and order.ft_order_side != "buy"
        ]
        assert sorted(order.ft_order_side for order in closing) == ["sell", "stoploss"]
        assert differences(bot.trades(), venue) == []
        bot.bot.handle_onexchange_order(trade)
        assert len(bot.trades()[0].orders) == len(trade.orders)


@pytest.mark.parametrize("how", ["liquidated", "deleveraged"])
def test_orders_of_the_exchange_close_a_trade(how):
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        hold(bot, venue)
        exchange = venue.exchange
        bot.bot.state = State.STOPPED
        engine, now = exchange.engine, exchange.market.now()
        if how == "liquidated":
            engine.force_liquidation(venue.account, "BTCUSDT", now)
        else:
            engine.force_adl(venue.account, "BTCUSDT", now, price=Decimal(50_100))
        assert venue.amount == 0
        bot.run(15, STEP)
        [trade] = bot.trades()
        assert (trade.is_open, trade.exit_reason) == (False, "liquidation")
        assert any(f"the exchange has {how} it" in message for message in warnings(bot))
        assert differences(bot.trades(), venue) == []


# A trade without a position


@pytest.mark.parametrize("state", [State.RUNNING, pytest.param(State.STOPPED, marks=SLOW)])
def test_nothing_is_placed_for_a_trade_without_a_position(state):
    """As of a database from dry-run, or an older one: no order says what has become of it."""
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        bot.run(1, STEP)
        for amount in ("0.018", "-0.018"):  # before the entry: that explains nothing
            trade_by_hand(venue, Decimal(amount))
        bot.run(1, STEP)
        hold(bot, venue)
        gone = trade_by_hand(venue, -venue.amount)
        del venue.account.orders[gone.id]
        bot.bot.strategy.leave = True
        bot.bot.state = state
        earlier = len(warnings(bot))
        sent = mock.patch.object(bot.wire, "ask", wraps=bot.wire.ask)
        bot.run(3, STEP)
        with sent as ask:
            bot.run(36, STEP)
        posted = [c.args[1] for c in ask.call_args_list if c.args[0] == "POST"]
        assert [path for path in posted if "rder" in path] == []
        [trade] = bot.trades()
        assert trade.is_open
        [message] = [m for m in warnings(bot)[earlier:] if "open trades" not in m]
        assert f"/delete {trade.id} removes the trade" in message
        assert live_stops(venue) == []
        assert refusal(bot) is not None

        bot.bot.rpc._rpc._rpc_delete(trade.id)
        bot.run(30, STEP)
        assert bot.trades() == []
        assert refusal(bot) is None


# /delete


@pytest.mark.parametrize(
    ("state", "side"),
    [
        (State.RUNNING, "long"),
        (State.STOPPED, "short"),
        pytest.param(State.PAUSED, "long", marks=SLOW),
    ],
)
def test_a_deleted_trade_hands_its_position_to_the_trader(state, side):
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        hold(bot, venue, side)
        held, [stop] = venue.amount, live_stops(venue)
        bot.bot.state = state
        bot.run(1, STEP)
        earlier = len(warnings(bot))
        [trade] = bot.trades()
        bot.bot.rpc._rpc._rpc_delete(trade.id)
        assert "handed over" in refusal(bot)
        bot.bot.strategy.side = side
        bot.run(36, STEP)
        assert (venue.amount, live_stops(venue), bot.trades()) == (held, [stop], [])
        [message] = [m for m in warnings(bot)[earlier:] if "open trades" not in m]
        assert f"Its stop at {float(stop.trigger_price):g} stays" in message
        assert breaches(venue) == []

        bot.bot.strategy.side = None
        trade_by_hand(venue, -held)
        bot.run(15, STEP)
        assert live_stops(venue) == []
        assert refusal(bot) is None
        assert len([m for m in warnings(bot)[earlier:] if "open trades" not in m]) == 2


def test_a_trade_is_not_deleted_while_an_exit_of_it_may_still_fill():
    market = scripted_market(START, [(0, 50_000.0), (4, 50_000.0), (5, 50_600.0)])
    with live_bench(GUARDED, market, START) as (bot, venue):
        hold(bot, venue)
        held, [stop], [trade] = venue.amount, live_stops(venue), bot.trades()
        delete = bot.bot.rpc._rpc._rpc_delete
        bot.bot.rpc._rpc._rpc_force_exit(str(trade.id), "limit", price=50_500.0)
        fault = add_fault(venue, FaultKind.RESET, "DELETE /fapi/v1/order")
        with pytest.raises(RPCException, match="Trade 1 is not deleted, as an order of it may"):
            delete(trade.id)
        assert len(bot.trades()) == 1
        remove_fault(venue, fault)
        delete(trade.id)
        bot.run(12 * 6, STEP)  # until the price has passed it
        assert (venue.amount, live_stops(venue), bot.trades()) == (held, [stop], [])


def test_a_deleted_trade_whose_entry_has_not_filled_hands_nothing_over():
    """What the trader opens in that pair a moment later has never been the bot's."""
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        order, earlier = wait_in_book(bot, venue), len(warnings(bot))
        bot.bot.rpc._rpc._rpc_delete(1)
        assert not order.is_open
        assert (bot.trades(), refusal(bot)) == ([], None)
        trade_by_hand(venue, Decimal("0.002"))
        bot.run(25, STEP)
        assert live_stops(venue) == []
        [message] = [m for m in warnings(bot)[earlier:] if "open trades" not in m]
        assert "holds 0.002 that the database does not know" in message


@SLOW
def test_a_trade_is_not_deleted_while_an_addition_to_it_has_no_answer():
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        hold(bot, venue)
        held, [trade] = venue.amount, bot.trades()
        delete = bot.bot.rpc._rpc._rpc_delete
        lost = add_fault(venue, FaultKind.RESPONSE_LOST, "POST /fapi/v1/order")
        unseen = add_fault(venue, FaultKind.RESET, "GET /fapi/v1/order")
        bot.bot.strategy.adjust_trade_position = lambda **_: 300.0
        bot.run_until(lambda: venue.amount > held, 2 * MINUTE, STEP)
        bot.bot.strategy.adjust_trade_position = lambda **_: None
        with pytest.raises(RPCException, match=r"the outcome of order .* is not known"):
            delete(trade.id)
        remove_fault(venue, lost)
        remove_fault(venue, unseen)
        delete(trade.id)
        bot.run(36, STEP)
        assert bot.trades() == []
        assert sum(stop.quantity for stop in live_stops(venue)) == venue.amount > held


@contextmanager
def telegram_of():
    """A bot's settings, and how its trader has a trade deleted, with the answer that he expects."""
    with telegram() as chat:

        def delete(_bot, number: int, answer: str) -> None:
            chat.ask(f"/delete {number}", answer)

        yield {"telegram": TELEGRAM}, delete


@contextmanager
def rest_of():
    def delete(bot, number: int, answer: str) -> None:
        with rest_api(bot) as client:
            assert answer in client.delete(f"/api/v1/trades/{number}").text

    yield {}, delete


@pytest.mark.parametrize("interface", [telegram_of, rest_of])
def test_a_trade_that_is_deleted_by_telegram_or_rest_is_handed_over_too(interface):
    """Their handlers run in threads of their own, each with a session of the database."""
    with (
        interface() as (settings, delete),
        live_bench(GUARDED, STILL, START, **settings) as (
            bot,
            venue,
        ),
    ):
        hold(bot, venue)
        held, [stop], [trade] = venue.amount, live_stops(venue), bot.trades()
        delete(bot, 7, "Trade with id '7' not found")
        assert bot.trades() == [trade]
        delete(bot, trade.id, "Deleted trade #1 for pair BTC/USDT:USDT")
        assert "handed over" in refusal(bot)
        bot.bot.strategy.side = "long"
        bot.run(36, STEP)
        assert (venue.amount, live_stops(venue), bot.trades()) == (held, [stop], [])
        messages = [m for m in warnings(bot) if "stays" in m]
        assert len(messages) == 1
        assert breaches(venue) == []


def test_a_position_that_was_handed_over_survives_restarts(start_bot, venue):
    with start_bot(START) as bot:
        hold(bot, venue)
        [trade] = bot.trades()
        bot.bot.rpc._rpc._rpc_delete(trade.id)
        held, [stop], now = venue.amount, live_stops(venue), bot.now
    with start_bot(now + 60 * MINUTE) as bot:
        bot.bot.strategy.side = "long"
        bot.run(30, STEP)
        assert (venue.amount, live_stops(venue), bot.trades()) == (held, [stop], [])
        assert warnings(bot) == []
        exchange = venue.exchange
        exchange.engine.expire_algo(venue.account, stop.id, exchange.market.now())
        bot.run(15, STEP)
        [again] = live_stops(venue)
        assert (again.trigger_price, again.quantity) == (stop.trigger_price, stop.quantity)
        cancel_stops(venue)
        bot.run(30, STEP)
        assert live_stops(venue) == []
        [message] = warnings(bot)
        assert "no new stop is placed" in message


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_bot_that_is_killed_while_it_hands_over(start_bot, venue, when):
    """Before the trade was deleted it is still the bot's; after that it is the trader's."""

    class KilledError(BaseException): ...

    with start_bot(START) as bot:
        hold(bot, venue)
        [trade] = bot.trades()
        held, stops, now = venue.amount, live_stops(venue), bot.now
        killed = mock.patch.object(Trade, "delete", side_effect=KilledError)
        if when == "after":
            killed = mock.patch.object(bot.bot.wallets, "update", side_effect=KilledError)
        with killed, pytest.raises(KilledError):
            bot.bot.rpc._rpc._rpc_delete(trade.id)
        Trade.session.rollback()
    with start_bot(now + MINUTE) as bot:
        bot.run(30, STEP)
        assert (venue.amount, live_stops(venue)) == (held, stops)
        assert len(bot.trades()) == (when == "before")
        assert (refusal(bot) is None) is (when == "before")


def test_a_deleted_trade_is_left_bare_where_that_is_wanted():
    settings = {"perpkit": {"use": {"refresh": False}, "guard": {"stop_after_delete": False}}}
    with live_bench(GUARDED, STILL, START, **settings) as (bot, venue):
        hold(bot, venue)
        held, [trade] = venue.amount, bot.trades()
        bot.bot.rpc._rpc._rpc_delete(trade.id)
        bot.run(30, STEP)
        assert (venue.amount, live_stops(venue)) == (held, [])
        [message] = warnings(bot)
        assert "It has no stop" in message


def test_a_trade_that_is_not_there_cannot_be_deleted():
    with (
        live_bench(GUARDED, STILL, START) as (bot, _),
        pytest.raises(RPCException, match="not fou"),
    ):
        bot.bot.rpc._rpc._rpc_delete(7)


def test_a_bots_order_missing_in_its_database_is_reported_and_left_alone():
    """As after an older database was restored, while an entry waited in the book."""
    with live_bench(GUARDED, STILL, START) as (bot, venue):
        strategy = bot.bot.strategy
        strategy.side, strategy.crossing = "long", False
        bot.run_until(lambda: venue.account.orders, 2 * MINUTE, STEP)
        for table in ("orders", "trades"):
            Trade.session.execute(text(f"delete from {table}"))
        Trade.session.commit()
        strategy.side = None
        bot.run(30, STEP)
        [order] = venue.account.orders.values()
        assert order.is_open
        assert "is open in the book" in refusal(bot)
        [message] = warnings(bot)
        assert f"order {order.id} of this bot" in message
