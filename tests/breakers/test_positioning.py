"""Positioning alerts: each crossing is told once."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.breakers.breaker import dump_state, load_state
from perpkit.breakers.positioning import (
    PositioningLimits,
    PositioningState,
    Positions,
    alerts,
)
from tests.factories import START

PAIR = "BTC/USDT:USDT"
HOUR = timedelta(hours=1)
NAN = float("nan")
LIMITS = PositioningLimits()


def told(ratios=None, changes=None, limits=LIMITS):
    """State, and how many alerts each reading raised."""
    length = len(ratios or changes)
    state, counts = PositioningState(), []
    for i, (ratio, change) in enumerate(
        zip(ratios or [NAN] * length, changes or [NAN] * length, strict=True)
    ):
        state, texts = alerts(limits, PAIR, state, Positions(START + i * HOUR, ratio, change))
        counts.append(len(texts))
    return state, counts


@pytest.mark.parametrize(
    ("ratios", "counts"),
    [
        ([1.0, 2.9], [0, 0]),
        ([3.0], [1]),
        ([3.0, 3.5, 9.0], [1, 0, 0]),
        ([3.0, 2.8, 3.1], [1, 0, 0]),  # not far enough back for another
        ([3.0, 2.6, 3.1], [1, 0, 1]),
        ([0.34], [0]),
        ([0.33], [1]),
        ([0.33, 0.36, 0.32], [1, 0, 0]),
        ([0.33, 0.38, 0.32], [1, 0, 1]),
        ([3.0, 0.3, 3.0], [1, 1, 1]),
        ([NAN, 0.0, -1.0], [0, 0, 0]),
        ([3.0, NAN, 3.0], [1, 0, 0]),
    ],
)
def test_a_crowded_side_is_told_once(ratios, counts):
    assert told(ratios=ratios)[1] == counts


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ([0.099, -0.099], [0, 0]),
        ([0.10, 0.2], [1, 0]),
        ([-0.10, -0.2], [1, 0]),
        ([0.10, 0.05, 0.11], [1, 0, 1]),
        ([0.10, -0.10], [1, 1]),
        ([NAN], [0]),
    ],
)
def test_a_jump_of_open_interest_is_told_once(changes, counts):
    assert told(changes=changes)[1] == counts


def test_the_text_has_the_figures_in_it():
    _, texts = alerts(LIMITS, PAIR, PositioningState(), Positions(START, 3.214, -0.123))
    assert texts == (
        "BTC/USDT:USDT: long/short ratio 3.21, longs are crowded",
        "BTC/USDT:USDT: open interest -12.3% in 24 h (limit 10%)",
    )


readings = st.lists(st.sampled_from([0.2, 0.33, 0.5, 1.0, 2.8, 3.0, 5.0, NAN]), min_size=1)


@given(readings)
def test_the_same_reading_twice_tells_nothing(ratios):
    state, _ = told(ratios=ratios)
    for again in (state.known_at, START):
        assert alerts(LIMITS, PAIR, state, Positions(again, 9.0, 9.0)) == (state, ())


@given(readings)
def test_state_survives_storage(ratios):
    state, _ = told(ratios=ratios)
    assert load_state(PositioningState, dump_state(state)) == state


@given(readings, st.sampled_from([2.0, 2.5, 2.9]))
def test_a_stricter_limit_tells_no_later(ratios, high):
    """Monotone in severity."""
    stricter = replace(LIMITS, long_short_high=high)
    first = [
        next((i for i, n in enumerate(told(ratios=ratios, limits=limits)[1]) if n), len(ratios))
        for limits in (stricter, LIMITS)
    ]
    assert first[0] <= first[1]


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("long_short_high", 1.0),
        ("long_short_low", 1.0),
        ("long_short_low", 0),
        ("open_interest_change", 0),
        ("rearm_share", 1.1),
        ("rearm_share", None),
    ],
)
def test_a_bad_parameter_is_named(parameter, value):
    with pytest.raises(ValueError, match=rf"^{parameter} must be .*, got "):
        PositioningLimits(**{parameter: value})
