"""Targets: the prices at which parts and the whole are sold, and never more than is held."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.risk.scale_out import Ladder, OpenPosition, Rung, next_exit
from perpkit.risk.targets import PART, WHOLE, Target, next_part, targets
from tests.cases import cases

LADDER = Ladder()
ALL_OUT = Ladder((Rung(1, 0.5, 0), Rung(2, 0.5, 1)))


def position(held=1.0, is_short=False, risk=5.0) -> OpenPosition:
    return OpenPosition(100.0, is_short, risk, held, 1.0)


@pytest.mark.parametrize(
    ("ladder", "held", "is_short", "least", "expected"),
    [
        (LADDER, 1.0, False, 5, (105.0, 0.5)),
        (LADDER, 1.0, True, 5, (95.0, 0.5)),
        (LADDER, 0.8, False, 5, (105.0, 0.3)),  # some of it is sold
        (LADDER, 0.5, False, 5, (110.0, 0.25)),
        (LADDER, 0.5, True, 5, (90.0, 0.25)),
        (LADDER, 0.25, False, 5, None),  # the rest trails
        (ALL_OUT, 0.5, False, 5, (110.0, 0.5)),
        (LADDER, 1.0, False, 60, None),  # each part would be too small
        (ALL_OUT, 1.0, False, 53, (110.0, 1.0)),  # the first is too small, and sold with the second
    ],
)
def test_the_next_part(ladder, held, is_short, least, expected):
    found = next_part(ladder, position(held, is_short), lambda _: least, 0.01)
    assert found == (expected and Target(*map(pytest.approx, expected), PART))


@pytest.mark.parametrize("risk", [0.0, float("nan")])
def test_without_a_known_risk_there_is_no_part(risk):
    assert next_part(LADDER, position(risk=risk), lambda _: 5, 0.01) is None


def test_a_short_has_no_part_below_nothing():
    ladder, short = Ladder((Rung(3, 0.5, 0),)), position(is_short=True, risk=40.0)
    assert next_part(ladder, short, lambda _: 5, 0.01) is None


UP, DOWN = Target(105.0, 0.5, PART), Target(95.0, 0.5, PART)


@pytest.mark.parametrize(
    ("part", "whole", "is_short", "expected"),
    [
        (None, None, False, ()),
        (UP, None, False, (UP,)),
        (None, 110.0, False, (Target(110.0, 1.0, WHOLE),)),
        (UP, 110.0, False, (UP, Target(110.0, 0.5, WHOLE))),
        (UP, 104.0, False, (Target(104.0, 1.0, WHOLE),)),
        (DOWN, 90.0, True, (DOWN, Target(90.0, 0.5, WHOLE))),
        (DOWN, 96.0, True, (Target(96.0, 1.0, WHOLE),)),
        (UP._replace(amount=1.0), 110.0, False, (UP._replace(amount=1.0),)),
        (UP._replace(amount=2.0), None, False, (UP._replace(amount=1.0),)),
    ],
)
def test_which_rest(part, whole, is_short, expected):
    assert targets(1.0, is_short, part, whole, 0.01) == expected


shares = st.lists(st.sampled_from([0.1, 0.25, 0.3, 0.4]), min_size=1, max_size=2)


@cases(300)
@given(
    shares,
    st.integers(1, 400),
    st.integers(0, 400),
    st.booleans(),
    st.floats(0.1, 40),
    st.floats(1, 300),
    st.floats(0, 200),
)
def test_they_are_what_would_be_sold(given_shares, lots, sold, is_short, risk, whole, least):
    """Each part is what the ladder sells at its price and not before, and all are what is held."""
    rungs = tuple(Rung(n + 1.0, share, float(n)) for n, share in enumerate(given_shares))
    held, way = max(lots - sold, 1) * 0.01, -1 if is_short else 1
    found = OpenPosition(100.0, is_short, risk, held, lots * 0.01)
    part = next_part(Ladder(rungs), found, lambda _: least, 0.01)
    if part is not None:
        beyond, before = part.price * (1 + way * 1e-6), part.price * (1 - way * 1e-6)
        assert next_exit(Ladder(rungs), found, beyond, least, 0.01) == part.amount
        assert next_exit(Ladder(rungs), found, before, least, 0.01) == 0
    orders = targets(held, is_short, part, whole, 0.01)
    assert sum(order.amount for order in orders) == pytest.approx(held)
    prices = [way * order.price for order in orders]
    assert prices == sorted(prices)
