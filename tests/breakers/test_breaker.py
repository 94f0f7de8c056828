"""The parts every breaker shares: decisions, and hysteresis that confirms, holds and lets go."""

from datetime import UTC, datetime, timedelta
from functools import reduce
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.breakers.breaker import (
    UNRESTRICTED,
    Decision,
    Trading,
    strictest,
)
from perpkit.breakers.latch import OFF, Hysteresis
from perpkit.checks import check_range

NAN = float("nan")
samples = st.lists(st.one_of(st.just(NAN), st.integers(0, 10).map(float)), max_size=60)
rules = st.builds(
    lambda release, gap, confirm, calm: Hysteresis(release + gap, release, confirm, calm),
    st.integers(1, 6),
    st.integers(0, 4),
    st.integers(1, 4),
    st.integers(1, 4),
)


def states(rule: Hysteresis, values: list[float]) -> str:
    """The latch after each sample, one letter each."""
    letters, latch = "", OFF
    for value in values:
        latch = rule.step(latch, value)
        letters += "X" if latch.on else "."
    return letters


@pytest.mark.parametrize("figure", ["size_factor", "max_leverage"])
@pytest.mark.parametrize("value", [NAN, -0.5])
def test_a_figure_that_would_restrict_nothing_is_refused(figure, value):
    """A breaker of a user that decides so has failed, and then entries are blocked."""
    with pytest.raises(ValueError, match=f"{figure} must be a number from .*, got {value}"):
        Decision(**{figure: value})


@pytest.mark.parametrize(
    ("confirm", "calm", "values", "expected"),
    [
        (1, 1, [], ""),
        (1, 1, [7.9, 8, 7, 5, 4.9, 5], ".XXX.."),
        (1, 1, [8, 6, 5, 4], "XXX."),
        (1, 3, [8, 4, 4, 4, 4], "XXX.."),
        (1, 3, [8, 4, 4, 5, 4, 4, 4], "XXXXXX."),  # not calm yet: the count starts again
        (2, 1, [8, 7, 8, 8, 4], "...X."),
        (3, 2, [9, 9, 9, 4, 4], "..XX."),
        (2, 1, [8, NAN, 8, 4], "..X."),  # a missing sample neither confirms nor contradicts
        (1, 2, [8, 4, NAN, NAN, 4], "XXXX."),  # nor is it calm
        (1, 2, [NAN, NAN], ".."),
        (1, 1, [4, 4, 6, 6], "...."),  # between the two values it stays as it was
    ],
)
def test_hysteresis(confirm, calm, values, expected):
    assert states(Hysteresis(8, 5, confirm, calm), values) == expected


@given(rules, samples)
def test_a_sweep_equals_stepping(rule, values):
    on, below = rule.sweep(np.array(values, dtype=float))
    latch = OFF
    for row, value in enumerate(values):
        latch = rule.step(latch, value)
        assert (on[row], below[row]) == (latch.on, latch.below)


@given(rules, samples, st.data())
def test_monotone_in_severity(rule, values, data):
    """Raising samples never releases a latch."""
    raised = [v + data.draw(st.integers(0, 5)) for v in values]
    on, _ = rule.sweep(np.array(values, dtype=float))
    harsher, _ = rule.sweep(np.array(raised, dtype=float))
    assert (harsher >= on).all()


@given(rules, samples, samples)
def test_the_past_stands_whatever_follows(rule, past, future):
    before, _ = rule.sweep(np.array(past, dtype=float))
    after, _ = rule.sweep(np.array(past + future, dtype=float))
    np.testing.assert_array_equal(before, after[: len(past)])


@given(rules, samples)
def test_never_released_before_its_calm_samples(rule, values):
    """Whenever it is on, at least `calm - below` more samples are needed to let go."""
    latch = reduce(rule.step, values, OFF)
    if latch.on:
        least = rule.calm - latch.below
        assert states(rule, [*values, *[0.0] * least])[-least - 1 :] == "X" * least + "."


@pytest.mark.parametrize(
    "bad", [{"release": 9}, {"release": NAN}, {"confirm": 0}, {"calm": 0}, {"calm": 1.5}]
)
def test_a_bad_parameter_is_named(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        Hysteresis(**{"trip": 8, "release": 5} | bad)


@pytest.mark.parametrize(
    ("value", "whole", "fine"),
    [
        (1, True, True),
        (5, True, True),
        (1.0, True, False),
        (2.5, False, True),
        (0.99, False, False),
        (5.01, False, False),
        (NAN, False, False),
        (True, True, False),
        ("3", False, False),
        (None, False, False),
    ],
)
def test_range_check(value, whole, fine):
    if fine:
        check_range("speed", value, 1, 5, whole=whole)
    else:
        with pytest.raises(ValueError, match=r"speed must be a .*number from 1 to 5, got "):
            check_range("speed", value, 1, 5, whole=whole)


@pytest.mark.parametrize(
    ("trading", "blocked"),
    [(Trading.ACTIVE, False), (Trading.REDUCING, True), (Trading.HALTED, True)],
)
def test_entries_are_blocked_in_every_state_but_active(trading, blocked):
    assert Decision(trading).entries_blocked is blocked


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HALF = Decision(size_factor=0.5, release=NOON + 9 * HOUR, reason="half")
LOW = Decision(max_leverage=2.0, reason="low")
SHUT = Decision(Trading.REDUCING, 0.0, NOON + HOUR, "shut")
SHUT_LONGER = Decision(Trading.REDUCING, 0.0, NOON + 2 * HOUR, "longer", max_leverage=1.0)
STALE = Decision(Trading.REDUCING, 0.0, None, "stale")
HALT = Decision(Trading.HALTED, 0.0, None, "halt")


@pytest.mark.parametrize(
    ("decisions", "expected"),
    [
        ([], UNRESTRICTED),
        ([UNRESTRICTED, UNRESTRICTED], UNRESTRICTED),
        ([UNRESTRICTED, HALF], HALF),
        ([HALF, LOW], Decision(Trading.ACTIVE, 0.5, None, "half; low", max_leverage=2.0)),
        ([HALF, SHUT], Decision(Trading.REDUCING, 0.0, NOON + HOUR, "shut")),
        (
            [SHUT, SHUT_LONGER],
            Decision(Trading.REDUCING, 0.0, NOON + 2 * HOUR, "shut; longer", max_leverage=1.0),
        ),
        ([SHUT, STALE], Decision(Trading.REDUCING, 0.0, None, "shut; stale")),
        ([SHUT, HALT, HALF], Decision(Trading.HALTED, 0.0, None, "halt")),
        ([SHUT, SHUT], SHUT),
    ],
)
def test_the_strictest_wins(decisions, expected):
    for order in permutations(decisions):
        combined = strictest(order)
        assert sorted(combined.reason.split("; ")) == sorted(expected.reason.split("; "))
        assert (combined.trading, combined.size_factor, combined.release) == (
            expected.trading,
            expected.size_factor,
            expected.release,
        )
        assert combined.max_leverage == expected.max_leverage


@pytest.mark.parametrize(
    ("pair", "side", "asked", "concerned"),
    [
        ("*", "*", ("ETH", "long"), True),
        ("*", "long", ("ETH", "long"), True),
        ("*", "long", ("ETH", "short"), False),
        ("ETH", "*", ("ETH", "short"), True),
        ("ETH", "*", ("BTC", "short"), False),
        ("ETH", "short", ("ETH", "short"), True),
        ("ETH", "*", ("*", "*"), False),  # what holds for one pair does not hold for all
        ("*", "long", ("*", "*"), False),
        ("*", "*", ("*", "*"), True),
    ],
)
def test_whom_a_decision_concerns(pair, side, asked, concerned):
    assert Decision(Trading.REDUCING, pair=pair, side=side).concerns(*asked) is concerned


@pytest.mark.parametrize(
    ("decision", "restricts"),
    [(UNRESTRICTED, False), (Decision(reason="calm"), False)]
    + [(decision, True) for decision in (HALF, LOW, SHUT, HALT)],
)
def test_what_restricts(decision, restricts):
    assert decision.restricts is restricts
