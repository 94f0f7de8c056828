"""How much of a position is certainly the bot's."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.ops.stop.contracts import ZERO
from perpkit.ops.stop.ours import Unsettled
from perpkit.ops.stop.own_part import certain_fill, remaining

amounts = st.integers(-10_000, 10_000).map(lambda n: n * Decimal("0.001"))


@pytest.mark.parametrize(
    ("amount", "closed", "left", "excess"),
    [
        ("1", "0", "1", "0"),
        ("1", "0.4", "0.6", "0"),
        ("-1", "0.4", "-0.6", "0"),
        ("1", "1", "0", "0"),
        ("0", "0.4", "0", "0.4"),  # its stop has closed all of it as well
        ("0.3", "0.4", "0", "0.1"),
        ("-0.3", "0.4", "0", "0.1"),
    ],
)
def test_what_is_left_of_a_part(amount, closed, left, excess):
    expected = Decimal(left), Decimal(excess)
    assert remaining(Decimal(amount), Decimal(closed)) == expected


@given(amounts, amounts.map(abs))
def test_closing_makes_a_part_smaller_and_never_turns_it(amount, closed):
    left, excess = remaining(amount, closed)
    assert abs(left) <= abs(amount)
    assert left == 0 or left * amount > 0
    assert abs(amount) - closed == abs(left) - excess
    assert ZERO in (left, excess)


@pytest.mark.parametrize(
    ("side", "is_short", "fill"),
    [
        ("buy", False, "0.2"),  # an entry has filled as far as the files know
        ("sell", False, "0.5"),  # an exit has filled, as far as can be
        ("sell", True, "0.2"),
        ("buy", True, "0.5"),
        ("buy", None, "0.5"),
    ],
)
def test_a_fill_that_is_not_known_makes_the_part_small(side, is_short, fill):
    order = Unsettled("ETH/USDT:USDT", "1", None, False, side, Decimal("0.5"), Decimal("0.2"))
    assert certain_fill(order, is_short=is_short) == Decimal(fill)
