"""Against another implementation, and on trials of which the truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trialgate.validation import probability_of_backtest_overfitting

from perpkit.research.overfitting.cscv import overfitting

LENGTH = 480


def returns(seed: int, trials: int, mean=0.0, length: int = LENGTH):
    return np.random.default_rng(seed).standard_normal((length, trials)) * 0.01 + mean


@given(
    seed=st.integers(0, 2**32 - 1),
    trials=st.integers(2, 6),
    blocks=st.sampled_from([2, 4, 6, 8]),
    left=st.integers(0, 3),
)
def test_another_implementation_finds_the_same(seed, trials, blocks, left):
    table = returns(seed, trials, length=20 * blocks + left)
    # Where periods are left over they do not say which; ours leaves out the oldest.
    used = table[left % blocks :] if left else table
    theirs = probability_of_backtest_overfitting(used.tolist(), block_count=blocks)
    found = overfitting(table, blocks)
    assert found.choices == theirs.combinations_evaluated
    assert found.probability == pytest.approx(theirs.pbo)


def test_four_blocks_by_hand():
    """One trial earns early and loses late by the same; the other hardly moves, and earns."""
    early, late = [0.02, 0.01] * 4, [-0.01, -0.02] * 4
    found = overfitting(np.array([early + late, [0.001, -0.0005] * 8]).T, 4)
    # Chosen by the early half, it is last in the late one, and loses. The late half, and the four
    # that have a block of each, in which it makes nothing, choose the other, which is first in the
    # mixed halves and last in the early one.
    assert found.choices == 6
    assert found.probability == pytest.approx(2 / 6)
    assert found.loss == pytest.approx(1 / 6)


def test_a_parameter_that_changes_nothing_makes_no_trial():
    table = returns(5, 4)
    assert overfitting(np.repeat(table, 3, axis=1)) == overfitting(table)


@pytest.mark.parametrize(("trials", "choices"), [(2, 12_870), (401, 252)])
def test_many_trials_are_cut_into_fewer_blocks(trials, choices):
    """Half of 16, or of 10: ratios of 12,870 halves of 1,000 trials would take a gigabyte."""
    assert overfitting(returns(6, trials)).choices == choices


def test_the_best_by_luck_is_one_of_many_later():
    found = [overfitting(returns(seed, 20)).probability for seed in range(20)]
    assert 0.4 < np.mean(found) < 0.6


def test_one_that_is_better_stays_so():
    edge = np.zeros(20)
    edge[7] = 0.004
    assert overfitting(returns(1, 20, edge)).probability < 0.05


def test_what_reverts_is_worse_the_better_it_looked():
    """What a trial made more than its mean in one half, it makes less in the other."""
    assert overfitting(returns(2, 10)).degradation < 0


@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_no_digits_are_lost_far_from_zero(offset):
    table = returns(3, 4)
    centred = overfitting(table - table.mean(axis=0) + offset, 8)
    assert 0 <= centred.probability <= 1


@pytest.mark.parametrize(
    ("table", "blocks", "said"),
    [
        (returns(1, 1), 16, "two trials"),
        (returns(1, 3), 5, "even"),
        (returns(1, 3), 22, "blocks"),
        (returns(1, 3, length=20), 16, "32 periods"),
        (np.full((64, 3), np.nan), 16, "finite"),
        (np.ones((64, 3)), 16, "all are the same"),
        (np.ones((64, 3)) * [1, 2, 3], 16, "constant"),
    ],
)
def test_what_cannot_be_judged_is_refused(table, blocks, said):
    with pytest.raises(ValueError, match=said):
        overfitting(table, blocks)
