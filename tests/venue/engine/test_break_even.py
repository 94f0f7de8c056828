"""The break-even price, by the exchange's recorded examples and by closing at it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from perpkit.venue.engine import Depth, Engine, NewOrder
from perpkit.venue.errors import VenueError
from tests.cases import cases
from tests.venue.engine.desk import BTC, Desk, dec


def at(price: object) -> Depth:
    level = ((dec(price), dec(100_000)),)
    return Depth(level, level)


@pytest.mark.parametrize(
    ("entry", "fee", "expected"),
    [("0.385", "0.0002", "0.385077"), ("58039.5", "0.0004", "58062.7158")],
)
def test_recorded_examples(entry, fee, expected):
    """Answers of the exchange: the commission of the entry, not that of the exit."""
    engine = Engine([replace(BTC, tick=dec("0.001"), min_notional=dec("0.001"))])
    user = engine.add_account("key", "secret", dec(100_000), 1, taker=dec(fee))
    engine.on_price("BTCUSDT", dec(entry), dec(entry), at(entry), 1)
    engine.place_order(user, NewOrder("BTCUSDT", "BUY", "MARKET", dec(2)), 2)
    assert engine.positions(user, "BTCUSDT")[0].break_even == dec(expected)


@pytest.mark.parametrize(
    ("trades", "expected"),
    [
        ([], "0"),
        ([("BUY", 10, 100)], "100.05"),
        ([("SELL", 10, 100)], "99.95"),
        ([("BUY", 10, 100), ("BUY", 10, 110)], "105.0525"),
        # half sold at a profit of 50: 100.05 x 10 - 110 x 5 + 0.275 over 5
        ([("BUY", 10, 100), ("SELL", 5, 110)], "90.155"),
        ([("BUY", 10, 100), ("SELL", 10, 110)], "0"),
        ([("BUY", 10, 100), ("SELL", 10, 110), ("BUY", 1, 120)], "120.06"),
        # flipped: only the part that opens the short counts
        ([("BUY", 10, 100), ("SELL", 30, 110)], "109.945"),
    ],
)
@pytest.mark.parametrize("isolated", [False, True])
def test_of_a_row_of_trades(trades, expected, isolated):
    desk = Desk(isolated=isolated)
    for side, quantity, price in trades:
        desk.price(price, book=at(price))
        desk.order(side, quantity)
    assert desk.position().break_even == dec(expected)


def test_funding_does_not_count():
    desk = Desk()
    desk.price(100, book=at(100))
    desk.order("BUY", 10)
    desk.engine.on_funding("BTCUSDT", dec("0.001"), dec(100), desk.now)
    assert desk.position().break_even == dec("100.05")


@cases(200)
@given(
    trades=st.lists(
        st.tuples(st.sampled_from(["BUY", "SELL"]), st.integers(1, 500), st.integers(950, 1050)),
        min_size=1,
        max_size=8,
    )
)
def test_closing_there_without_commission_returns_all_since_it_was_flat(trades):
    desk = Desk(100_000)
    since = 0  # incomes before the position was last flat
    for side, quantity, price in trades:
        desk.price(dec(price) / 10, book=at(dec(price) / 10))
        flat = not desk.amount
        if flat:
            since = len(desk.user.incomes)
        elif desk.amount * (1 if side == "BUY" else -1) < 0:
            quantity = min(quantity, int(abs(desk.amount) * 10))  # no flips: tested above
        with suppress(VenueError):
            desk.order(side, dec(quantity) / 10)
    assume(desk.amount)
    view = desk.position()
    kept = sum((i.amount for i in desk.user.incomes[since:]), Decimal(0))
    closing = (view.break_even - view.entry_price) * view.amount
    assert abs(kept + closing) < dec("1E-6")
