"""Entry slicing: nothing below the minimum, nothing beyond the plan, and an end to it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.risk.slicing import Plan, Slice, SlicingRule, next_slice, plan
from tests.cases import cases

RULE = SlicingRule(slices=3)
GO = {"candles": 1, "candles_since_fill": 1, "drift": 0.0, "entries_blocked": False}


@pytest.mark.parametrize(
    ("stake", "min_stake", "depth", "expected"),
    [
        (100, 5, None, 3),
        (100, 5, math.nan, 3),
        (100, 40, None, 2),  # merged: three slices would be too small
        (100, 60, None, 1),
        (100, 0, None, 3),
        (2, 1, None, 2),
        (1, 0.5, None, 2),
        (100, 5, 1e9, 1),
        (100, 5, 6000, 1),  # 300 of notional is 5% of 6,000
        (100, 5, 5999, 2),
        (100, 5, 2000, 3),
        (100, 5, 1000, 5),
        (100, 5, 0, 5),
    ],
)
def test_number_of_slices(stake, min_stake, depth, expected):
    assert plan(RULE, stake, min_stake, 3, depth) == Plan(stake, expected)


def test_sliced_only_when_asked_or_when_the_book_is_shallow():
    assert plan(SlicingRule(), 1e6, 5, 3, None).slices == 1


@pytest.mark.parametrize(
    ("filled", "changed", "min_stake", "expected"),
    [
        (30, {}, 5, Slice(30)),
        (60, {}, 5, Slice(30)),
        (57, {}, 5, Slice(33)),  # 3 would be left, too small to send alone
        (50, {}, 5, Slice(30)),  # 10 are left for later
        (55, {}, 5, Slice(30)),  # 5 are an order
        (90, {}, 5, Slice(done=True)),
        (86, {}, 5, Slice(done=True)),  # what is left is too small: not enlarged
        (95, {}, 5, Slice(done=True)),
        (89.95, {}, 0, Slice(done=True)),
        (30, {"candles_since_fill": 0}, 5, Slice()),
        (30, {"candles": 6}, 5, Slice(30)),
        (30, {"drift": 0.02}, 5, Slice(30)),
        (30, {"drift": -0.02}, 5, Slice(30)),
        (math.nan, {}, 5, Slice(done=True)),
    ],
)
def test_the_next_slice(filled, changed, min_stake, expected):
    answer = next_slice(RULE, Plan(90, 3), filled, **{**GO, **changed}, min_stake=min_stake)
    assert answer == expected


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"entries_blocked": True}, "entries are blocked: rest of the entry given up"),
        (
            {"drift": 0.0201},
            "price is +2.01% from the signal (limit 2.00%): rest of the entry given up",
        ),
        (
            {"drift": -0.03},
            "price is -3.00% from the signal (limit 2.00%): rest of the entry given up",
        ),
        (
            {"drift": math.nan},
            "price is +nan% from the signal (limit 2.00%): rest of the entry given up",
        ),
        ({"candles": 7}, "7 candles since the entry: rest of the entry given up"),
    ],
)
def test_what_ends_it(changed, reason):
    answer = next_slice(RULE, Plan(90, 3), 30, **{**GO, **changed}, min_stake=5)
    assert answer == Slice(0.0, True, reason)


@cases(500)
@given(
    slices=st.integers(1, 8),
    apart=st.integers(1, 4),
    stake=st.floats(5, 1e5),
    min_stake=st.floats(0.01, 100),
    depth=st.none() | st.floats(1, 1e7),
    leverage=st.floats(1, 20),
    chance=st.randoms(use_true_random=False),
)
def test_a_plan_is_never_overfilled_and_always_ends(
    slices, apart, stake, min_stake, depth, leverage, chance
):
    """Each slice fills as far as chance has it."""
    rule = SlicingRule(slices=slices, max_slices=8, candles_apart=apart)
    made = plan(rule, stake, min_stake, leverage, depth)
    assert made.slice_stake >= min_stake * (1 - 1e-9) or made.slices == 1
    filled, last_fill = made.slice_stake * chance.random(), 0
    for candle in range(1, 2 * made.slices * apart + 2):
        step = next_slice(rule, made, filled, candle, candle - last_fill, 0.01, False, min_stake)
        if step.done:
            break
        if step.stake:
            assert candle - last_fill >= apart
            assert min_stake <= step.stake <= made.slice_stake + min_stake
            filled += step.stake * chance.random()
            last_fill = candle
        assert filled <= stake * (1 + 1e-9)
    assert step.done


@cases(250)
@given(slices=st.integers(1, 8), stake=st.floats(5, 1e5), min_stake=st.floats(0.01, 5))
def test_with_every_slice_filled_the_plan_is_filled_on_time(slices, stake, min_stake):
    rule = SlicingRule(slices=slices, max_slices=8)
    made = plan(rule, stake, min_stake, 1, None)
    filled = made.slice_stake
    for candle in range(1, made.slices):
        filled += next_slice(rule, made, filled, candle, 1, 0.0, False, min_stake).stake
    assert filled == pytest.approx(stake)


@pytest.mark.parametrize(
    "bad",
    [
        {"slices": 0},
        {"slices": 6},
        {"slices": 1.5},
        {"book_share": 0},
        {"max_slices": 0},
        {"candles_apart": 0},
        {"max_drift": math.nan},
    ],
)
def test_a_bad_parameter_is_named(bad):
    with pytest.raises(ValueError, match=f"{next(iter(bad))} must be"):
        SlicingRule(**bad)
