"""What funding costs a position until it ends, and when that is too much."""

from __future__ import annotations

from math import nan
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.durations import HOUR_S
from perpkit.risk.carry import CarryRule, carry_cost, settlements, too_dear
from tests.cases import cases

RULE = CarryRule(planned_hours=48, edge=0.01, max_share=0.5)
MIDNIGHT = 1_700_006_400  # 2023-11-15 00:00 UTC


@pytest.mark.parametrize(
    ("after_hours", "hours", "interval", "expected"),
    [
        (0, 24, 8, 3),  # at 8, 16 and 24
        (-1 / HOUR_S, 24, 8, 3),  # a second before midnight: at 0, 8 and 16
        (-2 / HOUR_S, 24, 8, 3),
        (-0.5, 24, 8, 3),
        (1, 6, 8, 0),
        (1, 7, 8, 1),
        (7.5, 1, 8, 1),
        (0, 24, 4, 6),
        (0, 24, 1, 24),
        (0, 0, 8, 0),
    ],
)
def test_how_often_funding_is_settled(after_hours, hours, interval, expected):
    assert settlements(MIDNIGHT + after_hours * HOUR_S, hours, interval) == expected


@cases(500)
@given(st.integers(0, 48 * HOUR_S), st.integers(0, 100 * HOUR_S), st.sampled_from([1, 2, 4, 8]))
def test_settlements_are_the_full_hours_of_the_interval(after, span, interval):
    now = MIDNIGHT + after
    step = interval * HOUR_S
    expected = sum(1 for at in range(MIDNIGHT, now + span + 1, step) if now < at <= now + span)
    assert settlements(now, span / HOUR_S, interval) == expected


def test_rates_that_stay_are_paid_once_a_settlement():
    assert carry_cost(0.0005, 0.0005, 8, False, MIDNIGHT, 48) == pytest.approx(6 * 0.0005)
    assert carry_cost(0.0008, nan, 4, False, MIDNIGHT, 48) == pytest.approx(12 * 0.0004)


@cases(250)
@given(
    st.floats(-0.03, 0.03), st.floats(-0.005, 0.005) | st.just(nan), st.sampled_from([1, 4, 8]),
    st.floats(0, 96), st.floats(0, 96),
)  # fmt: skip
def test_what_one_side_pays_the_other_gets(rate, mean, interval, after, hours):
    now = MIDNIGHT + after * HOUR_S
    long, short = (carry_cost(rate, mean, interval, side, now, hours) for side in (False, True))
    assert short == -long
    steady = rate * settlements(now, hours, interval) * interval / 8
    if mean != mean:
        assert long == pytest.approx(steady, abs=1e-12)
    elif abs(mean) <= abs(rate) and mean * rate >= 0:
        # Rates return to their mean: what is extreme costs less than if it stayed.
        assert abs(long) <= abs(steady) + 1e-12


class Carry(NamedTuple):
    """A funding rate, hours after midnight, hours held, and whether it is too expensive."""

    rate: float
    dear: bool
    interval: float = 8
    is_short: bool = False
    after: int = 0
    held: int = 0


# 48 hours planned, an edge of 1%, of which funding may cost half.
@pytest.mark.parametrize(
    "case",
    [
        Carry(0.0001, dear=False),
        # 6 x 0.08% = 0.48%
        Carry(0.0008, dear=False),
        # 0.54%
        Carry(0.0009, dear=True),
        # is paid
        Carry(0.0009, dear=False, is_short=True),
        Carry(-0.0009, dear=True, is_short=True),
        Carry(-0.0009, dear=False),
        # per 8 h, whatever the interval
        Carry(0.0009, dear=True, interval=4),
        Carry(0.0009, dear=True, interval=1),
        # The edge is used up as time passes, and so is the funding to come.
        Carry(0.0008, dear=False, after=24, held=24),
        Carry(0.0009, dear=True, after=24, held=24),
        # Older than planned: the next settlement, against the edge of its interval.
        Carry(0.0008, dear=False, held=480),
        Carry(0.0009, dear=True, held=480),
        Carry(nan, dear=False),
        Carry(0.01, dear=False, interval=nan),
        Carry(0.01, dear=False, interval=0),
    ],
)
def test_when_the_carry_is_too_dear(case):
    now = MIDNIGHT + case.after * HOUR_S
    reason = too_dear(RULE, case.rate, nan, case.interval, case.is_short, now, case.held)
    assert (reason is not None) is case.dear


def test_the_reason_has_its_figures():
    assert too_dear(RULE, 0.002, nan, 8, False, MIDNIGHT, 0) == (
        "funding is predicted to cost 1.20% in the next 48 h, more than 50% of an edge of 1.00%"
    )


@cases(250)
@given(
    st.floats(0, 0.03), st.floats(0, 0.03), st.floats(0, 500), st.sampled_from([1, 4, 8]),
    st.floats(0.01, 2), st.floats(0.0001, 0.5),
)  # fmt: skip
def test_a_higher_rate_is_never_less_dear(one, other, held, interval, share, edge):
    rule = CarryRule(48, edge, share)
    low, high = sorted((one, other))
    if too_dear(rule, low, nan, interval, False, MIDNIGHT, held):
        assert too_dear(rule, high, nan, interval, False, MIDNIGHT, held)


@pytest.mark.parametrize(
    "bad", [{"planned_hours": 0}, {"planned_hours": nan}, {"edge": 0}, {"max_share": 0}]
)
def test_a_bad_parameter_is_named(bad):
    with pytest.raises(ValueError, match=f"{next(iter(bad))} must be"):
        CarryRule(**bad)
