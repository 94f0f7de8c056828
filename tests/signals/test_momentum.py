"""Momentum: what the score measures, and when a trend begins and ends."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.durations import DAY, HOUR
from perpkit.signals.momentum import HORIZONS, Momentum, MomentumRule, momentum, t_statistic
from tests import factories

NAN = float("nan")


@pytest.mark.parametrize(
    ("closes", "count", "expected"),
    [
        # three equal rises: 3 r / sqrt(3 r^2)
        ([1, 2, 4, 8], 3, 3**0.5),
        ([8, 4, 2, 1], 3, -(3**0.5)),
        # up, down, up: r / sqrt(3 r^2)
        ([1, 2, 1, 2], 3, 3**-0.5),
        # the window has only the last two returns
        ([1, 9, 1, 2, 1], 2, 0.0),
        # a price that does not move has no trend
        ([5, 5, 5, 5], 3, 0.0),
        # too few candles
        ([1, 2, 4], 3, NAN),
    ],
)
def test_the_t_statistic_of_returns(closes, count, expected):
    found = t_statistic(np.array(closes, dtype=float), count)[-1]
    assert found == pytest.approx(expected, nan_ok=True)


def test_the_mean_of_the_horizons_each_cut_at_one():
    closes = np.exp(np.cumsum([0, 0.01, 0.01, -0.03, 0.02, 0.01]))
    horizons = (2 * HOUR, 5 * HOUR)
    near, far = (t_statistic(closes, n)[-1] for n in (2, 5))
    assert near > 1 > far > 0
    assert momentum(closes, HOUR, horizons)[-1] == pytest.approx((1 + far) / 2)


# To a millionth: what a price moves less is rounding.
moved = st.floats(0.5, 2.0).map(lambda move: round(move, 6))
prices = st.lists(moved, min_size=30, max_size=60)


@given(moves=prices, unit=st.floats(0.001, 1000))
def test_the_score_knows_no_unit_and_mirrors(moves, unit):
    closes, horizons = np.cumprod(moves), (3 * HOUR, 10 * HOUR, 20 * HOUR)
    score = momentum(closes, HOUR, horizons)
    assert np.isnan(score[:20]).all()
    assert (np.abs(score[20:]) <= 1).all()
    np.testing.assert_allclose(momentum(unit * closes, HOUR, horizons), score, atol=1e-6)
    np.testing.assert_allclose(momentum(1 / closes, HOUR, horizons), -score, atol=1e-6)


@given(moves=prices, calm=st.floats(0.05, 1.0))
def test_a_calmer_pair_with_the_same_path_scores_the_same(moves, calm):
    closes, horizons = np.cumprod(moves), (5 * HOUR, 20 * HOUR)
    wild, quiet = momentum(closes, HOUR, horizons), momentum(closes**calm, HOUR, horizons)
    np.testing.assert_allclose(quiet, wild, atol=1e-6)


def analysed(candles: pd.DataFrame, step: timedelta = HOUR) -> pd.DataFrame:
    source = Momentum()
    frame = candles.assign(**source.columns(candles, step))
    found = source.signals(frame, source.rule)
    return frame.assign(
        **{k: getattr(found, k) for k in ("enter_long", "enter_short", "exit_long")}
    )


def test_no_look_ahead_and_no_memory_beyond_the_longest_horizon():
    candles = factories.candles(3000)
    whole = analysed(candles)
    assert whole["enter_long"].any()
    assert whole["enter_short"].any()
    assert whole["exit_long"].any()
    for end in (672, 673, 674, 1500, 2999):
        pd.testing.assert_frame_equal(analysed(candles[:end]), whole[:end])
    # To the last bit: a bot that starts with these candles decides as the backtest does.
    needed = Momentum().candles(MomentumRule(), HOUR)["the momentum of four weeks"]
    last = analysed(candles[-needed:].reset_index(drop=True)).iloc[-1]
    assert last["momentum"] == whole["momentum"].iloc[-1]
    assert np.isnan(analysed(candles[1 - needed :])["momentum"].iloc[-1])


@pytest.mark.parametrize(
    ("score", "enters", "leaves"),
    [
        (0.5, (True, False), (False, True)),
        (0.49, (False, False), (False, True)),
        (0.01, (False, False), (False, True)),
        (0.0, (False, False), (True, True)),
        (-0.49, (False, False), (True, False)),
        (-0.5, (False, True), (True, False)),
        # what is unknown is no entry, and closes nothing
        (NAN, (False, False), (False, False)),
    ],
)
def test_entries_and_exits_by_the_score(score, enters, leaves):
    source = Momentum()
    found = source.signals(pd.DataFrame({"momentum": [score]}), source.rule)
    assert (found.enter_long[0], found.enter_short[0]) == enters
    assert (found.exit_long[0], found.exit_short[0]) == leaves


def test_a_band_without_room_is_refused():
    with pytest.raises(ValueError, match=r"leave must be below enter \(0.5\), got 0.5"):
        MomentumRule(enter=0.5, leave=0.5)


@given(score=st.floats(-1, 1), enter=st.floats(0.05, 1), share=st.floats(-0.99, 0.99))
def test_what_enters_does_not_leave_at_once(score, enter, share):
    source, rule = Momentum(), MomentumRule(enter=enter, leave=enter * share)
    found = source.signals(pd.DataFrame({"momentum": [score]}), rule)
    assert not (found.enter_long[0] and found.exit_long[0])
    assert not (found.enter_short[0] and found.exit_short[0])
    assert not (found.enter_long[0] and found.enter_short[0])


@pytest.mark.parametrize(("step", "candles"), [(HOUR, 673), (4 * HOUR, 169), (DAY, 29)])
def test_the_candles_that_it_needs(step, candles):
    assert Momentum().candles(MomentumRule(), step) == {"the momentum of four weeks": candles}
    closes = np.exp(np.cumsum(np.full(candles, 0.01)))
    assert np.flatnonzero(~np.isnan(momentum(closes, step))).tolist() == [candles - 1]
    assert max(HORIZONS) == timedelta(weeks=4)
