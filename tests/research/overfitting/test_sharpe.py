"""Against the examples of the papers, and against another implementation."""

from __future__ import annotations

from math import inf, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trialgate.validation import deflated_sharpe_ratio
from trialgate.validation import sharpe_ratio as annual_sharpe

from perpkit.research.overfitting.sharpe import (
    Moments,
    deflated_sharpe,
    expected_best,
    independent_trials,
    moments,
    probabilistic_sharpe,
    shortest_record,
)

# A daily strategy of five years of 250 days: an annual Sharpe ratio of 2.5 with losses of one side.
PAPER = Moments(2.5 / sqrt(250), -3.0, 10.0, 1_250)
VARIANCE = 0.5 / 250


@pytest.mark.parametrize(("trials", "deflated"), [(100, 0.9004), (46, 0.9505)])
def test_the_example_of_the_deflated_ratio(trials, deflated):
    assert deflated_sharpe(PAPER, trials, VARIANCE) == pytest.approx(deflated, abs=5e-5)


def test_the_best_of_a_hundred_of_the_example():
    assert expected_best(100, VARIANCE) == pytest.approx(0.1132, abs=5e-5)


@pytest.mark.parametrize(
    ("skewness", "kurtosis", "probability"), [(-2.448, 10.164, 0.913), (0.0, 3.0, 0.982)]
)
def test_the_example_of_the_probabilistic_ratio(skewness, kurtosis, probability):
    """Two years of months of a hedge fund, and as if they were normal."""
    measured = Moments(0.458, skewness, kurtosis, 24)
    assert probabilistic_sharpe(measured) == pytest.approx(probability, abs=1e-3)


@pytest.mark.parametrize(
    ("a_year", "skewness", "kurtosis", "years"),
    [(252, 0, 3, 2.73), (52, 0, 3, 2.83), (12, 0, 3, 3.24), (12, -0.72, 5.78, 4.99)],
)
def test_the_examples_of_the_shortest_record(a_year, skewness, kurtosis, years):
    """An annual Sharpe ratio of 2 against one of 1."""
    measured = Moments(2 / sqrt(a_year), skewness, kurtosis, 100)
    found = shortest_record(measured, 1 / sqrt(a_year))
    assert found / a_year == pytest.approx(years, abs=0.005)


def test_a_record_of_that_length_is_just_enough():
    needed = shortest_record(PAPER, 0.05, 0.9)
    just = Moments(PAPER.sharpe, PAPER.skewness, PAPER.kurtosis, round(needed))
    assert probabilistic_sharpe(just, 0.05) == pytest.approx(0.9, abs=1e-3)


def test_no_record_is_long_enough_for_what_is_below():
    assert shortest_record(PAPER, 1.0) == inf


def returns(seed: int, trials: int = 1, mean: float = 0.0005, length: int = 500):
    drawn = np.random.default_rng(seed).standard_t(5, (length, trials)) * 0.01 + mean
    return drawn[:, 0] if trials == 1 else drawn


@given(seed=st.integers(0, 2**32 - 1), trials=st.integers(2, 300), mean=st.floats(-0.002, 0.002))
def test_another_implementation_finds_the_same(seed, trials, mean):
    table = returns(seed, 8, mean)
    annual = [annual_sharpe(list(column), periods_per_year=365) for column in table.T]
    theirs = deflated_sharpe_ratio(
        list(table[:, 0]),
        trial_sharpes=annual,
        periods_per_year=365,
        effective_trials=trials,
        autocorrelation="ignore",
    )
    variance = float(np.var(annual)) / 365
    ours = deflated_sharpe(moments(table[:, 0]), trials, variance)
    assert expected_best(trials, variance) == pytest.approx(theirs.expected_max_sharpe)
    assert ours == pytest.approx(theirs.deflated_sharpe_ratio, abs=1e-9)


@given(trials=st.floats(1, 1e6), more=st.floats(0, 1e6), variance=st.floats(0, 1))
def test_more_trials_ask_for_more(trials, more, variance):
    assert expected_best(trials + more, variance) + 1e-12 >= expected_best(trials, variance) >= 0


@pytest.mark.parametrize("trials", [2, 10, 100])
def test_the_best_of_trials_without_an_edge_is_as_expected(trials):
    drawn = np.random.default_rng(trials).standard_normal((20_000, trials)).max(axis=1)
    # The formula is asymptotic: for two trials it is 8% off.
    assert expected_best(trials, 1.0) == pytest.approx(drawn.mean(), rel=0.1)


@pytest.mark.parametrize(
    ("share", "low", "high"), [(0.0, 9.5, 10.0), (0.5, 4.9, 6.2), (1.0, 1.0, 1.0 + 1e-9)]
)
def test_trials_that_are_alike_count_as_fewer(share, low, high):
    drawn = np.random.default_rng(1).standard_normal((2_000, 11))
    alike = sqrt(share) * drawn[:, :1] + sqrt(1 - share) * drawn[:, 1:]
    assert low <= independent_trials(alike) <= high


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ([0.1, 0.2], "at least 3"),
        ([[0.1, 0.2, 0.3]], "at least 3"),
        ([0.1, 0.1, 0.1], "constant"),
        ([0.1, float("nan"), 0.2], "finite"),
    ],
)
def test_what_has_no_ratio_is_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        moments(wrong)


MEASURED = moments([0.01, 0.012, 0.011, 0.013, 0.0105])


@pytest.mark.parametrize("benchmark", [float("nan"), float("inf")])
@pytest.mark.parametrize("ratio", [probabilistic_sharpe, shortest_record])
def test_a_benchmark_must_be_a_number(ratio, benchmark):
    with pytest.raises(ValueError, match="benchmark must be a number from"):
        ratio(MEASURED, benchmark)


@pytest.mark.parametrize(
    ("table", "said"),
    [([[0.1, float("nan")]] * 3, "finite"), ([0.1, 0.2], "column"), (np.ones((3, 2)), "constant")],
)
def test_trials_without_numbers_cannot_be_counted(table, said):
    with pytest.raises(ValueError, match=said):
        independent_trials(table)
