"""Losses of trades and tags as shares of equity."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.risk.losses import RecentResults, TagResult, beyond, share_lost, tag_profits

NAN = math.nan
DAY = 86_400.0


@pytest.mark.parametrize(
    ("profit", "equity", "share"),
    [
        (-100, 900, 0.1),  # of the 1,000 that there would be without it
        (-100, 9_900, 0.01),
        (0, 900, 0),
        (50, 900, 0),
        (50, -900, 0),
        (-100, 0, 1),
        (-100, -50, 1),  # more than all of it
        (-100, -200, 1),
        (NAN, 900, NAN),
        (-100, NAN, NAN),
        (50, NAN, NAN),
    ],
)
def test_the_share_that_is_lost(profit, equity, share):
    assert share_lost(profit, equity) == pytest.approx(share, nan_ok=True)


@pytest.mark.parametrize(
    ("share", "allowed", "answer"),
    [
        (0.1, 0.1, False),
        (0.1001, 0.1, True),
        (0.0, 0.0001, False),
        (1.0, 1.0, True),
        (0.999, 1.0, False),
        (0.5, None, False),
        (NAN, 0.1, False),  # nothing is closed on doubt
    ],
)
def test_beyond_the_limit(share, allowed, answer):
    assert beyond(share, allowed) is answer


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(0.0001, 1))
def test_a_larger_loss_is_no_less_beyond_a_limit(profit, equity, most):
    without = equity - profit
    smaller, larger = (share_lost(loss, without + loss) for loss in (profit, profit - 10))
    assert 0 <= smaller <= 1
    assert beyond(smaller, most) <= beyond(larger, most)


@pytest.mark.parametrize(
    ("open_trades", "closed", "expected"),
    [
        ([], {}, {}),
        ([("a", -5.0), ("b", 3.0), ("a", 2.0)], {}, {"a": -3.0, "b": 3.0}),
        ([("a", -5.0)], {"a": 9.0}, {"a": -5.0}),  # gains do not widen the limit
        ([("a", 5.0)], {"a": -9.0}, {"a": -4.0}),
        ([], {"a": -9.0}, {"a": -9.0}),
        ([("", -5.0)], {"": -1.0}, {"": -6.0}),
        ([("a", NAN)], {"a": -1.0}, {"a": NAN}),
    ],
)
def test_what_counts_for_a_tag(open_trades, closed, expected):
    assert tag_profits(open_trades, closed) == pytest.approx(expected, nan_ok=True)


def test_a_closed_trade_counts_until_its_time_is_over():
    recent = RecentResults(DAY)
    recent.add([TagResult(0.0, "a", -5.0), TagResult(10.0, "a", -1.0)])
    assert recent.at(DAY - 1) == {"a": -6.0}
    assert recent.at(DAY) == {"a": -1.0}
    assert recent.at(DAY + 10) == {}


result = st.builds(
    TagResult, st.integers(0, 20).map(float), st.sampled_from("ab"), st.integers(-9, 9).map(float)
)


@given(st.lists(st.lists(result, max_size=4), max_size=6), st.integers(1, 10))
def test_the_sums_are_those_of_the_trades_within_the_time(batches, seconds):
    """Whatever the order in which trades become known."""
    recent, known = RecentResults(seconds), []
    for now, batch in enumerate(batches, start=5):
        recent.add(batch)
        known += batch
        counted = [each for each in known if each.closed_at > now - seconds]
        expected = {tag: sum(e.profit for e in counted if e.tag == tag) for tag in "ab"}
        found = recent.at(float(now))
        assert {tag: found.get(tag, 0.0) for tag in "ab"} == expected
