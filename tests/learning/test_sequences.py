"""Sequences: which rows a model reads for which row, and that none of them is a later one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.learning.sequences import sequences


@given(st.integers(1, 30), st.integers(1, 8), st.integers(1, 3))
def test_a_sequence_ends_with_its_row(rows, length, features):
    values = np.arange(rows * features, dtype=np.float32).reshape(rows, features)
    found = sequences(values, length)
    assert found.shape == (rows, length, features)
    for row in range(rows):
        before = [max(row - back, 0) for back in range(length - 1, -1, -1)]
        np.testing.assert_array_equal(found[row], values[before])


@given(st.integers(0, 19), st.integers(1, 8))
def test_later_rows_change_no_earlier_sequence(row, length):
    values = np.random.default_rng(1).normal(size=(20, 2))
    changed = values.copy()
    changed[row + 1 :] = 99.0
    np.testing.assert_array_equal(
        sequences(values, length)[: row + 1], sequences(changed, length)[: row + 1]
    )


def test_no_rows_are_no_sequences():
    assert sequences(np.empty((0, 3)), 4).shape == (0, 4, 3)


def test_a_length_of_nothing_is_refused():
    with pytest.raises(ValueError, match="length must be at least 1, got 0"):
        sequences(np.empty((1, 1)), 0)
