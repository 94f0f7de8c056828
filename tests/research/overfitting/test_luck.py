"""The luck of the best of several: at its nominal rate, and as Hansen's test has it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from perpkit.research.overfitting.bootstrap import draws, superior
from perpkit.research.overfitting.luck import best_trial

DAYS = 500


def returns(seed: int, trials: int = 1, ratio: float = 0.0):
    drawn = np.random.default_rng(seed).standard_normal((DAYS, trials))
    return 0.01 * (drawn + ratio)


def with_ratio(ratio: float, trials: int = 1):
    """Their Sharpe ratio a day is exactly this in the first trial, and zero in the others."""
    drawn = returns(3, trials)
    drawn -= drawn.mean(axis=0)
    drawn[:, 0] += ratio * drawn[:, 0].std()
    return drawn


def test_the_mean_of_a_sample_is_its_weights_times_the_returns():
    drawn = draws(50, 3.0, 100, seed=1)
    assert drawn.sum(axis=1) == pytest.approx(1.0)
    assert drawn * 50 == pytest.approx(np.round(drawn * 50))


@pytest.mark.parametrize("t", [0.0, 1.0, 1.645, 2.5])
def test_for_one_normal_series_it_is_the_t_test(t):
    found = best_trial(with_ratio(t / np.sqrt(DAYS)), seed=1)
    assert found.luck == pytest.approx(norm.sf(t), abs=0.02)


def test_it_is_that_of_hansens_test():
    for ratio in (0.05, 0.1, 0.14):
        table = with_ratio(ratio, 10)
        assert best_trial(table, seed=1).luck == pytest.approx(superior(table, seed=1), abs=0.05)


def test_the_same_trial_many_times_is_one_trial():
    table = with_ratio(0.07)
    repeated = np.repeat(table, 300, axis=1) * np.linspace(0.5, 2, 300)
    assert best_trial(repeated, seed=4).luck == best_trial(table, seed=4).luck


def test_more_independent_trials_need_more():
    luck = [best_trial(with_ratio(0.1, trials), seed=2).luck for trials in (1, 5, 50)]
    assert luck[0] < luck[1] < luck[2]


def test_trials_that_lose_make_no_trial_lucky():
    table = with_ratio(0.1, 5)
    bad = returns(9, 200, ratio=-0.5)
    assert best_trial(np.hstack([table, bad]), seed=2).luck == pytest.approx(
        best_trial(table, seed=2).luck, abs=0.01
    )


def test_the_best_is_named_by_its_column():
    table = returns(7, 300)
    table[:, 271] += 0.003
    found = best_trial(table, seed=1)
    assert (found.column, found.luck < 0.01) == (271, True)


def test_a_loss_that_has_hardly_come_yet_is_reckoned_with():
    """A steady gain and two losses, whose number could as well have been four."""
    steady = np.full((DAYS, 1), 0.001) + returns(1) / 100
    steady[[100, 300]] -= 0.1
    assert best_trial(steady, seed=1).luck > 0.1


def test_returns_that_go_on_are_worth_fewer_days():
    noise = np.random.default_rng(5).standard_normal(DAYS)
    going_on = np.convolve(noise, np.ones(5) / 5, mode="same")
    same_ratio = [(each - each.mean()) / each.std() + 0.09 for each in (noise, going_on)]
    apart, together = (best_trial(each[:, None], seed=1).luck for each in same_ratio)
    assert apart < 0.05 < together
