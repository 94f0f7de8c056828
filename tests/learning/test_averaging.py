"""What several models say together: by hand, and against numpy's own mean and deviation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.learning.averaging import average, vote

probabilities = st.lists(
    st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=5
).map(lambda rows: [np.array(row) for row in rows])


@given(probabilities)
def test_equal_members_have_the_mean_and_the_deviation_of_numpy(members):
    found = average(members)
    np.testing.assert_allclose(found.mean, np.mean(members, axis=0), atol=1e-12)
    np.testing.assert_allclose(found.disagreement, np.std(members, axis=0), atol=1e-7)
    assert (found.disagreement <= 0.5 + 1e-9).all()


def test_weights_count():
    found = average([np.array([0.2]), np.array([0.6])], weights=[3, 1])
    assert found.mean == pytest.approx([0.3])
    assert found.disagreement == pytest.approx([np.sqrt(0.75 * 0.01 + 0.25 * 0.09)])


@given(st.floats(0, 1), st.integers(1, 5))
def test_members_that_agree_have_no_disagreement(probability, count):
    found = average([np.array([probability])] * count)
    assert found.disagreement == pytest.approx([0], abs=1e-9)


def test_agents_vote_with_their_mean_probabilities():
    sure, unsure = np.array([[0.9, 0.05, 0.05]]), np.array([[0.2, 0.5, 0.3]])
    # Two of three prefer action 1; together they hold action 0 more probable.
    found = vote([sure, unsure, unsure])
    assert found.action == [0]
    assert found.confidence == pytest.approx([1.3 / 3])
    assert found.disagreement == pytest.approx([np.std([0.9, 0.2, 0.2])])


@pytest.mark.parametrize(
    ("members", "weights", "said"),
    [
        ([], None, "at least one member"),
        ([[0.5], [0.5, 0.5]], None, "the same shape"),
        ([[0.5], [0.5]], [1], "one a member"),
        ([[0.5], [0.5]], [0, 0], "one of them more"),
        ([[0.5], [0.5]], [1, -1], "0 or more"),
        ([[0.5], [0.5]], [1, float("nan")], "0 or more"),
    ],
)
def test_what_cannot_be_averaged_is_refused(members, weights, said):
    with pytest.raises(ValueError, match=said):
        average([np.array(each) for each in members], weights)
