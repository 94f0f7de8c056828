"""The index of a basket: a weighted mean of variances, from members that may be missing."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.market.basket import HourlyIndex, basket_index
from perpkit.market.volatility import Estimator, HourlyCandles, hour_of, vol_annual
from tests import factories
from tests.cases import cases

HOUR = timedelta(hours=1)
A, B, C = "A/USDT:USDT", "B/USDT:USDT", "C/USDT:USDT"
HOW = Estimator.PARKINSON, 2.0


def market(rows: int = 200) -> dict[str, pd.DataFrame]:
    return {
        A: factories.candles(rows, seed=1, volatility=0.004),
        B: factories.candles(rows, seed=2, volatility=0.010),
        C: factories.candles(rows, seed=3, volatility=0.020),
    }


def vol(frame: pd.DataFrame) -> np.ndarray:
    return vol_annual(HourlyCandles.from_frame(frame), *HOW)


def test_one_member_is_its_own_index():
    frames = market()
    index = basket_index({A: frames[A]}, {A: 3.0}, *HOW)
    assert index.first_hour == hour_of(factories.START)
    np.testing.assert_allclose(index.vol_annual, vol(frames[A]))


def test_the_index_is_the_weighted_mean_of_variances():
    frames = market()
    index = basket_index(frames, {A: 2.0, B: 1.0, C: 1.0}, *HOW)
    expected = np.sqrt((2 * vol(frames[A]) ** 2 + vol(frames[B]) ** 2 + vol(frames[C]) ** 2) / 4)
    np.testing.assert_allclose(index.vol_annual, expected)


def test_only_proportions_of_weights_count():
    frames = market()
    one = basket_index(frames, {A: 1, B: 2, C: 3}, *HOW)
    other = basket_index(frames, {A: 10, B: 20, C: 30}, *HOW)
    np.testing.assert_allclose(one.vol_annual, other.vol_annual)


def test_known_members_stand_for_the_others_with_over_half_of_the_weight():
    frames = market()
    frames[C] = frames[C].drop(index=range(100, 120))
    two_of_three = basket_index(frames, dict.fromkeys(frames, 1.0), *HOW).vol_annual[100:120]
    known = (vol(frames[A]) ** 2 + vol(frames[B]) ** 2) / 2
    np.testing.assert_allclose(two_of_three, np.sqrt(known[100:120]))
    half = basket_index(frames, {A: 1.0, B: 1.0, C: 2.0}, *HOW).vol_annual[100:120]
    assert np.isnan(half).all()


def test_members_may_begin_at_different_times():
    frames = market() | {C: factories.candles(100, start=factories.START + 100 * HOUR)}
    index = basket_index(frames, dict.fromkeys(frames, 1.0), *HOW)
    assert index.open_times[-1] == factories.START + 199 * HOUR
    assert np.isfinite(index.vol_annual[30:]).all()


def test_it_ends_when_most_members_have_ended():
    """So that it is seen to be out of date."""
    frames = market()
    frames |= {pair: frames[pair][:150] for pair in (B, C)}
    index = basket_index(frames, dict.fromkeys(frames, 1.0), *HOW)
    assert index.open_times[-1] == factories.START + 149 * HOUR


def test_without_candles_there_is_no_index():
    frames = {pair: frame[:0] for pair, frame in market().items()}
    assert len(basket_index(frames, dict.fromkeys(frames, 1.0), *HOW).vol_annual) == 0


@given(st.integers(30, 199), st.sampled_from([A, B, C]))
@cases(20)
def test_future_candles_change_no_past_value(rows, pair):
    frames, weights = market(), {A: 1.0, B: 2.0, C: 3.0}
    past = basket_index({p: f[:rows] for p, f in frames.items()}, weights, *HOW)
    frames[pair].loc[rows:, "high"] *= 3
    whole = basket_index(frames, weights, *HOW)
    np.testing.assert_array_equal(past.vol_annual, whole.vol_annual[:rows])


@given(st.integers(40, 150), st.floats(1.01, 3))
@cases(20)
def test_more_range_of_a_member_is_never_less_volatility(row, factor):
    frames, weights = market(), {A: 1.0, B: 1.0, C: 1.0}
    calmer = basket_index(frames, weights, *HOW).vol_annual
    frames[B].loc[row, "high"] *= factor
    wilder = basket_index(frames, weights, *HOW).vol_annual
    assert (wilder[30:] >= calmer[30:] * (1 - 1e-12)).all()
    assert wilder[row] > calmer[row]


def test_gaps_of_a_series_are_unknown():
    times = pd.DatetimeIndex([factories.START, factories.START + 3 * HOUR])
    index = HourlyIndex.from_series(pd.Series([0.5, 0.6], times))
    assert index.first_hour == hour_of(factories.START)
    np.testing.assert_array_equal(index.vol_annual, [0.5, np.nan, np.nan, 0.6])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({}, "at least one pair"),
        ({A: 0}, f"weight of {A} must be a number above 0, got 0"),
        ({A: -1.0}, "above 0"),
        ({A: float("inf")}, "above 0"),
        ({A: "much"}, "above 0"),
        ({A: True}, "above 0"),
    ],
)
def test_bad_weights_are_named(weights, message):
    with pytest.raises(ValueError, match=message):
        basket_index(market(), weights, *HOW)
