"""The bootstrap covers what it says, and the test of the best holds its level."""

from __future__ import annotations

import numpy as np
import pytest

from perpkit.research.overfitting.bootstrap import block_length, interval, samples, superior
from tests.cases import SLOW

LENGTH = 250


def returns(seed: int, trials: int | None = None, mean: float = 0.0, memory: float = 0.0):
    """Of days; `memory` is their autocorrelation."""
    drawn = np.random.default_rng(seed).standard_normal((LENGTH, trials or 1)) * 0.01
    for day in range(1, LENGTH):
        drawn[day] += memory * drawn[day - 1]
    drawn += mean
    return drawn if trials else drawn[:, 0]


def test_a_seed_gives_the_same_samples():
    first, again = (samples(returns(1), np.mean, seed=5) for _ in range(2))
    assert (first == again).all()
    assert (first != samples(returns(1), np.mean, seed=6)).any()


def test_what_has_memory_needs_longer_blocks():
    assert block_length(returns(3, memory=0.8)) > 2 * block_length(returns(3))
    assert block_length(np.zeros(LENGTH)) == 1.0


@pytest.mark.parametrize("memory", [0.0, pytest.param(0.5, marks=SLOW)])
def test_the_interval_of_the_mean_has_it_inside(memory):
    inside = 0
    for seed in range(40):
        low, high = interval(returns(seed, mean=0.001, memory=memory), np.mean, 0.9, seed=seed)
        assert low < high
        inside += low <= 0.001 <= high
    # Nine in ten; a bootstrap of few periods covers a little less.
    assert inside >= 31


def test_with_memory_the_interval_is_wider():
    with_memory, without = (
        interval(returns(4, memory=memory), np.mean, seed=1) for memory in (0.7, 0.0)
    )
    assert with_memory.high - with_memory.low > 1.5 * (without.high - without.low)


def test_the_best_of_many_without_an_edge_is_luck():
    low = sum(superior(returns(seed, 10), seed=seed) < 0.05 for seed in range(20))
    assert low <= 3


def test_an_edge_is_found_and_a_benchmark_takes_it_away():
    table = returns(8, 5, mean=0.003)
    assert superior(table, seed=1) < 0.01
    assert superior(table, returns(9, mean=0.006), seed=1) > 0.5


def test_the_periods_must_be_the_same():
    with pytest.raises(ValueError, match=r"\(250, 2\) and \(249,\)"):
        superior(returns(1, 2), np.zeros(249), seed=1)


def test_what_does_the_same_is_not_superior():
    assert superior(returns(3, 1), returns(3), seed=1) == 1.0


GAP = [*[0.01] * 9, float("nan")]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: block_length(GAP), "must be finite numbers"),
        (lambda: block_length([]), "must have at least 1 periods"),
        (lambda: interval(GAP, np.mean, seed=1), "must be finite numbers"),
        (lambda: interval([], np.mean, seed=1), "must have at least 1 periods"),
        (lambda: superior(np.array([GAP]).T, seed=1), "must be finite numbers"),
        (lambda: superior(np.zeros((10, 1)), GAP, seed=1), "must be finite numbers"),
        (
            lambda: superior(returns(1, 1)[:2], seed=1),
            "at least 8 periods",
        ),
        (lambda: superior(np.zeros((10, 0)), seed=1), r"got the shape \(10, 0\)"),
    ],
)
def test_what_is_no_series_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()


@pytest.mark.parametrize("periods", [1, 2, 7, 8])
def test_few_periods_are_drawn_one_by_one(periods):
    few = returns(6)[:periods]
    assert block_length(few) >= 1
    low, high = interval(few, np.mean, seed=1)
    assert few.min() <= low <= high <= few.max()


@pytest.mark.parametrize("each_day", [0.01, 0.0, -0.01])
def test_a_trial_that_is_constant_beats_nothing(each_day):
    constant = np.full(LENGTH, each_day)
    assert superior(constant[:, None], seed=1) == 1.0
    assert superior((constant + returns(3))[:, None], returns(3), seed=1) == 1.0
    table = returns(8, 2, mean=0.001)
    assert superior(np.column_stack([table, constant]), seed=1) == superior(table, seed=1)
