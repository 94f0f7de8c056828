"""Which earlier order counts as the one that is wanted now."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.bot.live.order_matching import SAME_WITHIN_MS, Found, compare, is_of_kind, is_same
from perpkit.record.journal import Intent
from perpkit.record.order_ids import Purpose

LIMIT = Intent(
    client_id="a", pair="BTC/USDT:USDT", strategy="S", purpose=Purpose.EXIT, side="sell",
    type="limit", amount=0.01, price=30_000.0, stop_price=None, reduce_only=True, leverage=3.0,
    tag="roi", at=0,
)  # fmt: skip
MARKET = replace(LIMIT, type="market", price=None)
STOP = replace(LIMIT, purpose=Purpose.STOP, type="stop_market", price=None, stop_price=29_000.0)
ENTRY = replace(LIMIT, purpose=Purpose.ENTRY, side="buy", reduce_only=False)

DIFFERENT = {
    "pair": "ETH/USDT:USDT",
    "side": "buy",
    "type": "market",
    "amount": 0.011,
    "price": 30_000.1,
    "stop_price": 29_000.0,
    "reduce_only": False,
    "purpose": Purpose.STOP,
    "at": SAME_WITHIN_MS + 1,
}
NOT_COMPARED = {"client_id": "b", "strategy": "T", "leverage": 5.0, "tag": "told", "at": 60_000}


@pytest.mark.parametrize("name", DIFFERENT)
def test_one_difference_makes_it_another_order(name):
    assert not is_same(LIMIT, replace(LIMIT, **{name: DIFFERENT[name]}))


@pytest.mark.parametrize("name", NOT_COMPARED)
def test_what_makes_no_difference(name):
    assert is_same(LIMIT, replace(LIMIT, **{name: NOT_COMPARED[name]}))


def test_every_field_of_an_intent_is_compared_or_is_known_not_to_be():
    assert DIFFERENT.keys() | NOT_COMPARED.keys() == Intent.__annotations__.keys()


OPEN = {"id": "1", "status": "open", "filled": 0.0}
DONE = {"id": "1", "status": "closed", "filled": 0.01}
GONE = {"id": "1", "status": "canceled", "filled": 0.0}
PART = {"id": "1", "status": "expired", "filled": 0.004}


@pytest.mark.parametrize(
    ("earlier", "order", "wanted", "expected"),
    [
        (LIMIT, OPEN, LIMIT, Found.ANSWER),
        (LIMIT, DONE, LIMIT, Found.ANSWER),
        (LIMIT, PART, LIMIT, Found.ANSWER),
        (LIMIT, GONE, LIMIT, Found.EMPTY),
        # A halt waited five minutes for this one.
        (LIMIT, OPEN, MARKET, Found.RESTING),
        (LIMIT, DONE, MARKET, Found.EFFECTIVE),
        (LIMIT, PART, MARKET, Found.EFFECTIVE),
        (LIMIT, GONE, MARKET, Found.EMPTY),
        (ENTRY, OPEN, replace(ENTRY, amount=0.02), Found.RESTING),
        (STOP, OPEN, STOP, Found.ANSWER),
        (STOP, OPEN, replace(STOP, stop_price=29_500.0), Found.RESTING),
        (MARKET, DONE, replace(MARKET, at=SAME_WITHIN_MS + 1), Found.EFFECTIVE),
    ],
)
def test_what_an_earlier_order_is_to_the_one_that_is_wanted(earlier, order, wanted, expected):
    assert compare(earlier, order, wanted) is expected


@given(one=st.sampled_from(Purpose), other=st.sampled_from(Purpose))
def test_kinds_are_kinds(one, other):
    assert is_of_kind(one, one)
    assert is_of_kind(one, other) == is_of_kind(other, one)
    enters = {Purpose.ENTRY, Purpose.ADDITION}
    if (one in enters) != (other in enters):
        assert not is_of_kind(one, other)
