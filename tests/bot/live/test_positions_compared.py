"""Positions at the exchange against trades, and which orders explain that one is smaller."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.bot.live.at_exchange import AtExchange, Resting
from perpkit.bot.live.closed_outside import Closing, explain
from perpkit.bot.live.held import NOTHING, Sides
from perpkit.bot.live.positions_compared import Difference, Traded, compare
from perpkit.record.whose import Whose

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
LONG, SHORT = Traded(2.0, is_short=False), Traded(2.0, is_short=True)


def resting(number, side, filled, pair=BTC) -> Resting:
    return Resting(number, pair, side, 2.0, filled, Whose.OURS)


def waiting(*numbers, amount=2.0, is_short=False) -> Traded:
    return Traded(amount, is_short, frozenset(numbers))


@pytest.mark.parametrize(
    ("held", "trade", "orders", "expected"),
    [
        (NOTHING, None, [], None),
        (Sides(long=2.0), LONG, [], None),
        (Sides(short=2.0), SHORT, [], None),
        # Opened, halved, doubled, closed and reversed by hand.
        (Sides(long=2.0), None, [], Difference(foreign=Sides(2.0, 0.0))),
        (Sides(long=1.0), LONG, [], Difference(missing=1.0)),
        (Sides(short=1.0), SHORT, [], Difference(missing=1.0)),
        (Sides(long=4.0), LONG, [], Difference(foreign=Sides(2.0, 0.0))),
        (Sides(short=4.0), SHORT, [], Difference(foreign=Sides(0.0, 2.0))),
        (NOTHING, LONG, [], Difference(missing=2.0)),
        (Sides(short=2.0), LONG, [], Difference(missing=2.0, foreign=Sides(0.0, 2.0))),
        (Sides(long=1.0), SHORT, [], Difference(missing=2.0, foreign=Sides(1.0, 0.0))),
        # In hedge mode the other side is not the bot's, and hides nothing of its own.
        (Sides(2.0, 2.0), LONG, [], Difference(foreign=Sides(0.0, 2.0))),
        # What has filled of orders that wait is in the position, and not yet in the trade.
        (Sides(long=0.5), waiting("1", amount=0.0), [resting("1", "buy", 0.5)], None),
        (Sides(long=1.5), waiting("1"), [resting("1", "sell", 0.5)], None),
        (Sides(short=2.5), waiting("1", is_short=True), [resting("1", "sell", 0.5)], None),
        (Sides(long=2.0), waiting("1"), [resting("1", "sell", 0.0)], None),
        # An order that rests hides no difference; one of another is not the trade's.
        (Sides(long=1.0), waiting("1"), [resting("1", "sell", 0.5)], Difference(missing=0.5)),
        (Sides(long=1.0), LONG, [resting("9", "sell", 1.0)], Difference(missing=1.0)),
        # One that has ended, and is not booked.
        (Sides(long=1.0), waiting("1"), [], Difference(missing=1.0, moving=True)),
        # Amounts are sums of decimal fractions.
        (Sides(long=0.1 + 0.2), Traded(0.3, is_short=False), [], None),
    ],
)
def test_what_differs(held, trade, orders, expected):
    seen = AtExchange(held={BTC: held}, orders=tuple(orders))
    trades = {} if trade is None else {BTC: trade}
    assert compare(seen, trades) == ({} if expected is None else {BTC: expected})


AMOUNTS = st.integers(0, 5).map(float)


@given(AMOUNTS, AMOUNTS, AMOUNTS, st.booleans(), AMOUNTS, AMOUNTS)
def test_every_contract_is_the_trades_or_foreign(long, short, amount, is_short, bought, sold):
    orders = (resting("1", "buy", bought), resting("2", "sell", sold))
    seen = AtExchange(held={BTC: Sides(long, short)}, orders=orders)
    trade = waiting("1", "2", amount=amount, is_short=is_short)
    found = compare(seen, {BTC: trade}).get(BTC, Difference())
    entered, left = (sold, bought) if is_short else (bought, sold)
    own = seen.of(BTC).of(is_short)
    assert own == amount + entered - left - found.missing + found.foreign.of(is_short)
    assert not (found.missing and found.foreign.of(is_short))
    assert found.foreign.of(not is_short) == seen.of(BTC).of(not is_short)
    assert ETH not in compare(seen, {BTC: trade})


@pytest.mark.parametrize(
    ("missing", "closings", "expected"),
    [
        (1.0, [], {}),
        (1.0, [Closing("1", 1.0, 0.0, 5)], {"1": 1.0}),
        # By one order that was larger than the trade's position: it turned it over.
        (1.0, [Closing("1", 2.0, 0.0, 5)], {"1": 1.0}),
        # The newest first, booked in the order in which they were.
        (1.5, [Closing("1", 1.0, 0.0, 5), Closing("2", 1.0, 0.0, 6)], {"1": 0.5, "2": 1.0}),
        (1.0, [Closing("2", 1.0, 0.0, 6), Closing("1", 1.0, 0.0, 5)], {"2": 1.0}),
        # What is in the database explains nothing more; what has filled since does.
        (1.0, [Closing("1", 1.0, 1.0, 5)], {}),
        (1.0, [Closing("1", 1.0, 0.4, 5)], {"1": 0.6}),
    ],
)
def test_which_orders_explain_what_is_missing(missing, closings, expected):
    found = explain(missing, closings)
    assert found == pytest.approx(expected)
    assert [*found] == [*expected]


@given(AMOUNTS, st.lists(st.tuples(AMOUNTS, AMOUNTS), max_size=5))
def test_no_more_is_explained_than_is_missing_and_than_has_filled(missing, orders):
    closings = [
        Closing(str(number), max(filled, booked), booked, number)
        for number, (filled, booked) in enumerate(orders)
    ]
    free = {order.id: order.filled - order.booked for order in closings}
    found = explain(missing, closings)
    assert all(0 < part <= free[number] for number, part in found.items())
    assert sum(found.values()) == min(missing, sum(free.values()))
