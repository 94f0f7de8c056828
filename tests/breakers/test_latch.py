"""When a latch trips and how long it holds; a sweep equals the steps."""

from __future__ import annotations

from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.breakers.latch import OFF, Hysteresis, HysteresisState


def latches(rule: Hysteresis, values: list[float]) -> list[HysteresisState]:
    found = [OFF]
    for value in values:
        found.append(rule.step(found[-1], value))
    return found[1:]


@pytest.mark.parametrize(
    ("confirm", "calm", "values", "expected"),
    [
        # trips at the one value, and holds down to the other
        (1, 1, [9, 10, 9, 5, 4, 5, 9], ".XXX..."),
        (1, 1, [nan, 10, nan, 4, nan], ".XX.."),
        # so many in a row; what is missing neither counts nor interrupts
        (3, 1, [10, 10, 9, 10, 10, 10, 10], ".....XX"),
        (2, 1, [10, nan, 10, nan], "..XX"),
        (1, 3, [10, 4, 4, 5, 4, 4, 4, 4], "XXXXXX.."),
        (1, 2, [10, 4, nan, 4, 10], "XXX.X"),
        # what was confirmed once must be confirmed again
        (2, 1, [10, 10, 4, 10, 10], ".X..X"),
    ],
)
def test_when_it_is_on(confirm, calm, values, expected):
    found = latches(Hysteresis(10, 5, confirm, calm), values)
    assert "".join("X" if latch.on else "." for latch in found) == expected


def test_its_counts_stop_where_they_no_longer_matter():
    rule = Hysteresis(10, 5, confirm=2, calm=3)
    found = [(latch.above, latch.below) for latch in latches(rule, [10] * 3 + [7] + [4] * 4)]
    assert found == [(1, 0), (2, 0), (2, 0), (0, 0), (0, 1), (0, 2), (0, 3), (0, 3)]


values = st.lists(st.sampled_from([3.0, 5.0, 7.0, 10.0, 12.0, nan]), max_size=40)


@given(values, st.integers(1, 4), st.integers(1, 4), st.sampled_from([5.0, 10.0]))
def test_a_sweep_equals_the_steps(values, confirm, calm, release):
    rule = Hysteresis(10, release, confirm, calm)
    on, below = rule.sweep(np.array(values, dtype=float))
    stepped = latches(rule, values)
    assert on.tolist() == [latch.on for latch in stepped]
    assert below.tolist() == [latch.below for latch in stepped]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"trip": 1, "release": 2}, r"release must be at most trip \(1\), got 2"),
        ({"trip": 1, "release": nan}, "release must be a number, got nan"),
        ({"confirm": 0}, "confirm must be a whole number from 1 to 10000, got 0"),
        ({"confirm": 10_001}, "confirm must be .*, got 10001"),
        ({"calm": 0}, "calm must be a whole number from 1 to 10000, got 0"),
        ({"calm": 10_001}, "calm must be .*, got 10001"),
        ({"calm": 1.5}, "calm must be"),
    ],
)
def test_a_bad_parameter_is_named(given, message):
    with pytest.raises(ValueError, match=message):
        Hysteresis(**{"trip": 1, "release": 1, **given})


def test_release_and_trip_may_be_one_and_the_counts_as_long_as_allowed():
    rule = Hysteresis(1, 1, 10_000, 10_000)
    assert (rule.confirm, rule.calm) == (10_000, 10_000)
