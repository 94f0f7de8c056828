"""Whose claim is acted on: tables of what two sources say, and what later candles change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from perpkit.signals.combining import Combine, Rule, SourceTags, combined, owners_of, whose
from perpkit.signals.confidence import score_of
from perpkit.signals.source import Signals

BUDGETS = (0.6, 0.4)


def source(long=(), short=(), leave_long=(), leave_short=(), rows=6) -> Signals:
    """:param long, short: confidence by row; the rows of the others"""

    def flags(where):
        return np.isin(np.arange(rows), list(where))

    def scores(given):
        return np.array([dict(given).get(row, 0.5) for row in range(rows)])

    return Signals(
        flags(dict(long)), flags(dict(short)), flags(leave_long), flags(leave_short),
        scores(long), scores(short),
    )  # fmt: skip


def entered(*sources, budgets=BUDGETS, **rule):
    """(row, side, tag) of each entry."""
    names = ["first", "second", "third"][: len(sources)]
    sides = zip(("long", "short"), combined(sources, budgets, Rule(**rule)), strict=True)
    return sorted(
        (int(row), side, whose(names, each.claims[row], each.confidence[row]))
        for side, each in sides
        for row in np.flatnonzero(each.enters)
    )


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (source({1: 0.7}), source(), [(1, "long", "first 0.70")]),
        (source({1: 0.7}), source({1: 0.8}), [(1, "long", "second 0.80")]),
        # of equal claims the first one's counts
        (source({1: 0.7}), source({1: 0.7}), [(1, "long", "first 0.70")]),
        # the stronger side, and neither of equal ones
        (source({1: 0.7}), source(short={1: 0.8}), [(1, "short", "second 0.80")]),
        (source({1: 0.7}), source(short={1: 0.7}), []),
        # a source that contradicts itself claims nothing, and stands in no other's way
        (source({1: 0.7}, short={1: 0.9}), source(short={1: 0.6}), [(1, "short", "second 0.60")]),
        (source({1: 0.7}, leave_long=[1]), source({1: 0.6}), [(1, "long", "second 0.60")]),
        # the exit of one is no obstacle to the entry of the other
        (source(leave_long=[1]), source({1: 0.6}), [(1, "long", "second 0.60")]),
        # one that says the same as in the candle before lets one go first that begins
        (source({0: 1.0, 1: 1.0}), source({1: 0.6}),
         [(0, "long", "first 1.00"), (1, "long", "second 0.60")]),
        (source({0: 1.0, 1: 1.0}), source(short={1: 0.6}),
         [(0, "long", "first 1.00"), (1, "long", "first 1.00")]),
        (source({1: np.nan}), source({2: 1.5}), [(2, "long", "second 1.00")]),
    ],
)  # fmt: skip
def test_any_source_enters_on_its_own(first, second, expected):
    assert entered(first, second) == expected


@pytest.mark.parametrize(
    ("first", "second", "within", "expected"),
    [
        (source({1: 0.7}), source(), 3, []),
        (source({1: 0.7}), source({1: 0.7}), 1, [(1, "long", "first+second 0.70")]),
        (source({1: 0.7}), source({2: 0.7}), 1, []),
        # the strongest claim is named first; the confidence is that of the budgets
        (source({1: 0.5}), source({3: 1.0}), 3, [(3, "long", "second+first 0.70")]),
        (source({1: 0.5}), source({4: 1.0}), 3, []),
        # what has ended does not agree any more
        (source({1: 0.5}, leave_long=[2]), source({3: 1.0}), 3, []),
        (source({1: 0.5}, short={2: 0.5}), source({3: 1.0}), 3, []),
        # entered once, while both stand
        (source({1: 0.7, 2: 0.7}), source({2: 0.7, 3: 0.7}), 3, [(2, "long", "first+second 0.70")]),
        (source({1: 0.7}), source(short={1: 0.7}), 3, []),
    ],
)
def test_two_must_agree(first, second, within, expected):
    assert entered(first, second, combine=Combine.AGREE, within=within) == expected


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (0.42, [(1, "long", "first 0.70")]),
        (0.43, [(2, "long", "second+first 0.82")]),
        (0.82, [(2, "long", "second+first 0.82")]),
        (0.83, []),
    ],
)
def test_the_sum_of_confidence_times_budget(threshold, expected):
    found = entered(
        source({1: 0.7}), source({2: 1.0}), combine=Combine.WEIGHTED, threshold=threshold, within=2
    )
    assert found[: len(expected)] == expected
    assert bool(found) == bool(expected)


FLAGS = arrays.arrays(bool, (4, 40))
SCORES = arrays.arrays(float, (2, 40), elements=st.floats(0, 1))


@given(
    flags=st.tuples(FLAGS, FLAGS),
    scores=st.tuples(SCORES, SCORES),
    combine=st.sampled_from(Combine),
    rows=st.integers(1, 39),
)
def test_later_candles_change_nothing(flags, scores, combine, rows):
    rule = Rule(combine, within=5)
    whole = [Signals(*f, *s) for f, s in zip(flags, scores, strict=True)]
    cut = [Signals(*(column[:rows] for column in each)) for each in whole]
    for all_rows, first_rows in zip(
        combined(whole, BUDGETS, rule), combined(cut, BUDGETS, rule), strict=True
    ):
        for known, then in zip(all_rows, first_rows, strict=True):
            np.testing.assert_array_equal(known[:rows], then)


@given(flags=FLAGS, scores=SCORES)
def test_one_source_alone_enters_as_freqtrade_would(flags, scores):
    """`enter` without `exit` of the side and without `enter` of the other."""
    long, short, leave_long, leave_short = flags
    sides = combined([Signals(*flags, *scores)], [1.0], Rule())
    expected = (long & ~leave_long & ~short, short & ~leave_short & ~long)
    for side, enters, score in zip(sides, expected, scores, strict=True):
        np.testing.assert_array_equal(side.enters, enters & (score > 0))


def test_tags_of_several_sources_hold_a_confidence():
    names = SourceTags(["rsi_sma", "trend"])
    assert score_of("trend+rsi_sma 0.80", names) == 0.8
    assert score_of("rsi_sma 0.70", names) == 0.7
    for other in ("ema 0.80", "force_entry", "rsi_sma", None, ""):
        assert score_of(other, names) is None
        assert owners_of(other, names) == ()
    assert owners_of(float("nan"), names) == ()


@pytest.mark.parametrize(
    ("tag", "owners"),
    [
        ("momentum+rsi_sma 0.85", ("rsi_sma",)),
        ("rsi_sma+momentum 0.85", ("rsi_sma",)),
        ("tide+momentum+rsi_sma 1.00", ("tide", "rsi_sma")),
        ("momentum 1.00", ()),
    ],
)
def test_a_source_that_is_gone_takes_no_trade_from_the_others(tag, owners):
    names = SourceTags(["rsi_sma", "tide"])
    assert owners_of(tag, names) == owners
    assert (score_of(tag, names) is not None) == bool(owners)
