"""Numbers are written as the exchange writes them, and nothing is "-0"."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.venue.http import numbers
from perpkit.venue.market.instruments import Instrument

GRID = Instrument("BTC", 0.1, 0.001)
FORMATTERS = {
    "fixed": lambda value: numbers.fixed(value, 3),
    "whole": lambda value: numbers.fixed(value, 0),
    "plain": numbers.plain,
    "money": numbers.money,
    "money_or_zero": numbers.money_or_zero,
    "decimal_or_point": numbers.decimal_or_point,
    "price_text": lambda value: numbers.price_text(GRID, value),
    "quantity_text": lambda value: numbers.quantity_text(GRID, value),
    "quote_text": lambda value: numbers.quote_text(GRID, value),
}
VALUES = st.one_of(
    st.floats(-1e12, 1e12),
    st.floats(-1e-6, 1e-6),
    st.decimals(-(10**40), 10**40, allow_nan=False, allow_infinity=False),
    st.decimals(Decimal("-1E-7"), Decimal("1E-7"), allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, Decimal("-0"), Decimal("-0E-20"), Decimal("0.00")]),
)


@pytest.mark.parametrize("name", FORMATTERS)
@given(value=VALUES)
def test_no_negative_zero_no_exponent_and_the_value_itself(name, value):
    text = FORMATTERS[name](value)
    assert re.fullmatch(r"-?\d+(\.\d+)?", text)
    assert not (text.startswith("-") and float(text) == 0)
    decimals = {"whole": 0, "fixed": 3, "price_text": 1, "quantity_text": 3, "quote_text": 4}
    last = Decimal(10) ** -decimals.get(name, 8)
    assert abs(Decimal(text) - Decimal(value)) <= last / 2 + abs(Decimal(value)) * Decimal("1E-15")


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("fixed", Decimal("1.5"), "1.500"),
        ("fixed", -0.0004, "0.000"),
        ("fixed", -0.0006, "-0.001"),
        ("plain", Decimal("67445.90"), "67445.9"),
        ("plain", Decimal("-20.000"), "-20"),
        ("plain", Decimal("100"), "100"),
        ("plain", Decimal("-1E-9"), "0"),
        ("money", Decimal("31.022612"), "31.02261200"),
        ("money", Decimal("-1E-9"), "0.00000000"),
        ("money_or_zero", Decimal("0.000"), "0"),
        ("money_or_zero", Decimal("-1E-9"), "0"),
        ("money_or_zero", Decimal("-0.0002"), "-0.00020000"),
        ("decimal_or_point", Decimal(0), "0.0"),
        ("decimal_or_point", Decimal("0.385"), "0.385"),
        ("price_text", -0.04, "0.0"),
        ("quote_text", Decimal("142.9638"), "142.9638"),
    ],
)
def test_as_recorded(name, value, text):
    assert FORMATTERS[name](value) == text
