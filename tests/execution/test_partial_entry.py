"""What becomes of an entry order that has not filled."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.execution.partial_entry import (
    Action,
    OpenEntry,
    PartialLimits,
    decide,
)

LIMITS = PartialLimits()
# Half filled three seconds ago, in a loop of five seconds.
HALF = OpenEntry(
    filled_share=0.5,
    order_price=100.0,
    price=100.0,
    waited_seconds=20.0,
    unprotected_seconds=3.0,
    next_look_seconds=5.0,
)
NONE = replace(HALF, filled_share=0.0, unprotected_seconds=None)


@pytest.mark.parametrize(
    ("entry", "changed", "action", "reason"),
    [
        (NONE, {}, Action.WAIT, "0% filled after 20 s"),
        (HALF, {}, Action.WAIT, "50% filled after 20 s"),
        (HALF, {"filled_share": 0.79}, Action.WAIT, "79% filled after 20 s"),
        (
            HALF,
            {"filled_share": 0.8},
            Action.REPRICE_TO_CROSS,
            "80% filled, from 80% the rest crosses",
        ),
        (
            HALF,
            {"filled_share": 0.9, "price": 110.0},
            Action.REPRICE_TO_CROSS,
            "90% filled, from 80% the rest crosses",
        ),
        (
            HALF,
            {"price": 102.1},
            Action.CANCEL_REST,
            "50% filled, price +2.10% from the order's (limit 2.00%)",
        ),
        (
            HALF,
            {"price": 97.9},
            Action.CANCEL_REST,
            "50% filled, price -2.10% from the order's (limit 2.00%)",
        ),
        (HALF, {"price": 101.9}, Action.WAIT, "50% filled after 20 s"),
        (HALF, {"price": math.nan}, Action.WAIT, "50% filled after 20 s"),
        (
            NONE,
            {"price": 102.1},
            Action.CANCEL_REST,
            "0% filled, price +2.10% from the order's (limit 2.00%)",
        ),
        (NONE, {"waited_seconds": 299.0}, Action.WAIT, "0% filled after 299 s"),
        (
            NONE,
            {"waited_seconds": 300.0},
            Action.CANCEL_REST,
            "0% filled after 300 s (limit 300 s)",
        ),
        (HALF, {"unprotected_seconds": 10.0}, Action.WAIT, "50% filled after 20 s"),
        (
            HALF,
            {"unprotected_seconds": 10.1},
            Action.CANCEL_REST,
            "50% filled, up to 10 s without a stop and 5 s to the next look (limit 15 s)",
        ),
        (
            HALF,
            {"unprotected_seconds": 20.0, "filled_share": 0.95},
            Action.CANCEL_REST,
            "95% filled, up to 20 s without a stop and 5 s to the next look (limit 15 s)",
        ),
        (
            HALF,
            {"next_look_seconds": 60.0},
            Action.CANCEL_REST,
            "50% filled, up to 3 s without a stop and 60 s to the next look (limit 15 s)",
        ),
        (HALF, {"unprotected_seconds": None}, Action.WAIT, "50% filled after 20 s"),
    ],
)
def test_decisions(entry, changed, action, reason):
    decision = decide(LIMITS, replace(entry, **changed))
    assert (decision.action, decision.reason) == (action, reason)


shares = st.floats(0, 1) | st.just(math.nan)
seconds = st.floats(0, 1000)
entries = st.builds(
    OpenEntry,
    filled_share=shares,
    order_price=st.floats(1, 1e5),
    price=st.floats(1, 1e5) | st.just(math.nan),
    waited_seconds=seconds,
    unprotected_seconds=seconds,
    next_look_seconds=seconds,
)


@given(entries)
def test_nothing_waits_past_its_time_without_a_stop(entry):
    """Nor is it re-priced: only the end of the order brings the stop."""
    if entry.unprotected_seconds + entry.next_look_seconds > LIMITS.max_unprotected_seconds:
        assert decide(LIMITS, entry).action is Action.CANCEL_REST


@given(
    fill_after=st.floats(0, 60),
    loop=st.floats(0.1, 15),
    share=st.floats(0.01, 0.79),
)
def test_a_loop_ends_the_order_in_time(fill_after, loop, share):
    """Looks come every `loop` seconds; what filled between two of them counts from the first."""
    last_empty = math.floor(fill_after / loop) * loop
    now = last_empty + loop
    for _ in range(200):
        entry = replace(
            HALF,
            filled_share=share,
            waited_seconds=now,
            unprotected_seconds=now - last_empty,
            next_look_seconds=loop,
        )
        if decide(LIMITS, entry).action is Action.CANCEL_REST:
            break
        now += loop
    assert now - fill_after <= LIMITS.max_unprotected_seconds + 1e-9


@pytest.mark.parametrize(
    "bad",
    [
        {"nearly_filled": 0.4},
        {"max_move": 0.0},
        {"max_wait_seconds": 0.0},
        {"max_unprotected_seconds": math.nan},
    ],
)
def test_a_bad_limit_is_named(bad):
    with pytest.raises(ValueError, match=f"{next(iter(bad))} must be a number from"):
        PartialLimits(**bad)
