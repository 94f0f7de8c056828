"""Positioning: known one period late, compared with its own past, absent where it is stale."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.market.positioning import (
    COLUMNS,
    QUADRANT,
    PositioningRule,
    Quadrant,
    positioning_readings,
    with_positioning,
)
from perpkit.market.store import PERIODS, SERIES
from tests import factories
from tests.cases import cases


def readings(period: str = "1h", **series) -> pd.DataFrame:
    (rows,) = {len(values) for values in series.values()}
    dates = pd.date_range(factories.START, periods=rows, freq=PERIODS[period])
    values = {name: np.asarray(values, dtype=float) for name, values in series.items()}
    return pd.DataFrame({"date": dates, **values})


def ratios(values, period: str = "1h") -> dict[str, pd.DataFrame]:
    return {period: readings(period, long_short_ratio=values)}


def anything(rows: int, seed: int, period: str = "1h") -> pd.DataFrame:
    """Every series, with a tenth of its values missing."""
    rng = np.random.default_rng(seed)
    values = {name: rng.lognormal(0.3, 0.4, rows).round(2) for name in SERIES}
    return readings(
        period, **{name: np.where(rng.random(rows) < 0.1, np.nan, v) for name, v in values.items()}
    )


def one_candle(hours: float) -> pd.DataFrame:
    return pd.DataFrame({"date": [factories.START + timedelta(hours=hours)], "close": [1.0]})


@pytest.mark.parametrize(
    ("hours_after_the_stamp", "timeframe", "known"),
    [
        (0, "1h", True),
        (-1, "1h", False),
        (50 / 60, "5m", False),
        (55 / 60, "5m", True),
        (2, "1h", True),
        (3, "1h", False),  # more than two periods without another reading
    ],
)
def test_a_reading_is_used_one_period_after_its_time_until_it_is_stale(
    hours_after_the_stamp, timeframe, known
):
    row = with_positioning(one_candle(hours_after_the_stamp), ratios([2.5]), timeframe)
    assert row["long_short_ratio"].eq(2.5).tolist() == [known]


@pytest.mark.parametrize(
    ("lag", "hours", "known"), [(0, -1, True), (2, 0, False), (2, 1, True), (2, 3, True)]
)
def test_the_lag_can_be_stated(lag, hours, known):
    rule = PositioningRule(lag_periods=lag)
    row = with_positioning(one_candle(hours), ratios([2.5]), "1h", rule)
    assert row["long_short_ratio"].notna().tolist() == [known]


def test_a_crowded_side_ranks_at_the_end_of_its_own_past():
    frame = with_positioning(factories.candles(200), ratios([1.4] * 199 + [1.6]), "1h")
    assert frame["long_short_rank"].iloc[-1] > 0.99
    assert frame["long_short_zscore"].iloc[-1] > 10
    assert frame["long_short_rank"].iloc[-2] == pytest.approx(0.5)
    assert np.isnan(frame["long_short_zscore"].iloc[-2])  # of a ratio that never moved
    assert frame["long_short_rank"].iloc[:167].isna().all()  # less than a week of history


def test_twice_the_longs_and_twice_the_shorts_are_as_far_from_balance():
    longs = np.random.default_rng(1).lognormal(0, 0.3, 300)
    one, other = (
        with_positioning(factories.candles(300), ratios(values), "1h")
        for values in (longs, 1 / longs)
    )
    for column in ("long_short_zscore", "long_short_change"):
        np.testing.assert_allclose(one[column], -other[column])
    np.testing.assert_allclose(one["long_short_rank"], 1 - other["long_short_rank"])


def test_the_change_of_the_crowd_is_that_of_the_span():
    frame = with_positioning(factories.candles(30), ratios([1.0] * 24 + [2.0] * 6), "1h")
    assert frame["long_short_change"].iloc[:24].isna().all()
    assert frame["long_short_change"].iloc[24:].tolist() == pytest.approx([np.log(2)] * 6)


def test_a_change_needs_a_reading_at_its_start():
    table = readings(long_short_ratio=[1.0] * 40).drop(index=range(5, 10))
    frame = with_positioning(factories.candles(40), {"1h": table}, "1h")
    known = frame["long_short_change"].notna()
    # From 04:00 a reading is good for two hours; 24 h after 07:00 the one of 04:00 is too old.
    assert known.iloc[24:].tolist() == [True] * 7 + [False] * 3 + [True] * 6


def test_large_accounts_diverge_from_the_crowd():
    table = readings(long_short_ratio=[2.0] * 200, top_positions_ratio=[2.0] * 199 + [1.0])
    frame = with_positioning(factories.candles(200), {"1h": table}, "1h")
    assert frame["top_divergence"].iloc[-2:].tolist() == pytest.approx([0, -np.log(2)])
    assert frame["top_divergence_zscore"].iloc[-1] < -10


@pytest.mark.parametrize(
    ("interest", "price", "quadrant"),
    [
        (1.1, 1.1, Quadrant.LONG_BUILD_UP),
        (1.1, 0.9, Quadrant.SHORT_BUILD_UP),
        (0.9, 1.1, Quadrant.SHORT_COVERING),
        (0.9, 0.9, Quadrant.LONG_UNWINDING),
        (1.0, 1.1, None),
        (1.1, 1.0, None),
        (np.nan, 1.1, None),
    ],
)
def test_open_interest_and_price_make_four_quadrants(interest, price, quadrant):
    candles = factories.candles(25).assign(close=[100.0] * 24 + [100.0 * price])
    table = readings(open_interest=[50.0] * 24 + [50.0 * interest])
    last = with_positioning(candles, {"1h": table}, "1h").iloc[-1]
    assert last["open_interest_change"] == pytest.approx(interest - 1, nan_ok=True)
    assert last[QUADRANT] == quadrant if quadrant else np.isnan(last[QUADRANT])


def test_a_daily_reading_is_used_a_day_later():
    frame = with_positioning(factories.candles(72), ratios([1, 2, 3], "1d"), "1h")
    assert frame["long_short_ratio"].iloc[22:].tolist() == pytest.approx(
        [np.nan] + [1] * 24 + [2] * 24 + [3], nan_ok=True
    )


def test_hourly_candles_see_the_last_of_many_readings():
    candles, table = factories.candles(300), anything(12 * 300, 3, "5m")
    frame = with_positioning(candles, {"5m": table}, "1h")
    newest = table["long_short_ratio"].iloc[11::12].to_numpy()  # of :55, known on the hour
    np.testing.assert_array_equal(frame["long_short_ratio"], newest)
    # Compared as hourly readings would be.
    hourly = positioning_readings(
        table.iloc[11::12].reset_index(drop=True), "5m", timedelta(hours=1)
    )
    np.testing.assert_array_equal(frame["long_short_rank"], hourly["long_short_rank"])
    assert frame["long_short_rank"].notna().any()


def test_the_shorter_period_counts_where_it_is_known():
    fine = readings("1h", long_short_ratio=[2.0] * 6)
    coarse = readings("1d", long_short_ratio=[3.0, 4.0], top_accounts_ratio=[5.0, 6.0])
    frame = with_positioning(factories.candles(48), {"1d": coarse, "1h": fine}, "1h")
    assert frame["long_short_ratio"].iloc[0] == 2
    assert frame["long_short_ratio"].iloc[23] == 3
    assert frame["long_short_ratio"].iloc[47] == 4
    assert frame["top_accounts_ratio"].iloc[[0, 23]].tolist() == pytest.approx(
        [np.nan, 5], nan_ok=True
    )


@cases(25)
@given(
    seed=st.integers(0, 9),
    cut=st.integers(1, 259),
    source=st.sampled_from([("1h", "1h"), ("15m", "1h"), ("1h", "15m"), ("1h", "4h")]),
)
def test_adding_future_readings_and_candles_changes_no_past_value(seed, cut, source):
    period, timeframe = source
    candles = factories.candles(260, timeframe)
    # One reading is the boundary case: stamped at the close, so not yet known there.
    end = candles["date"].iloc[cut - 1] + pd.Timedelta(timeframe)
    table = anything(int((candles["date"].iloc[-1] - factories.START) / PERIODS[period]), seed)
    table["date"] = pd.date_range(factories.START, periods=len(table), freq=PERIODS[period])
    rule = PositioningRule(least=timedelta(hours=12), change=timedelta(hours=6))
    whole = with_positioning(candles, {period: table}, timeframe, rule)
    known = table[table["date"] < end]
    cut_short = with_positioning(candles[:cut], {period: known}, timeframe, rule)
    pd.testing.assert_frame_equal(cut_short, whole[:cut])


def test_that_test_would_see_a_reading_used_before_its_time():
    candles, table = factories.candles(60), anything(60, 1)
    rule = PositioningRule(lag_periods=0)
    whole = with_positioning(candles, {"1h": table}, "1h", rule)
    known = table[table["date"] < candles["date"].iloc[40]]
    cut_short = with_positioning(candles[:40], {"1h": known}, "1h", rule)
    assert not cut_short.equals(whole[:40])


@pytest.mark.parametrize("nothing", [{}, ratios([]), ratios([np.nan] * 5)])
def test_no_data_gives_empty_columns(nothing):
    frame = with_positioning(factories.candles(5), nothing, "1h")
    assert frame[[*COLUMNS, QUADRANT]].isna().all(axis=None)
    assert frame.dtypes[[*COLUMNS, QUADRANT]].eq(np.float64).all()
    assert len(frame) == 5


def test_readings_out_of_order_are_refused():
    with pytest.raises(ValueError, match="ascend"):
        with_positioning(factories.candles(5), {"1h": ratios([1, 2])["1h"][::-1]}, "1h")


@pytest.mark.parametrize(
    "bad",
    [
        {"lag_periods": -0.1},
        {"lag_periods": float("nan")},
        {"max_age_periods": 0.9},
        {"window": timedelta(hours=23)},
        {"least": timedelta(0)},
        {"least": timedelta(days=31)},
        {"change": timedelta(minutes=4)},
    ],
)
def test_a_bad_parameter_is_named(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        PositioningRule(**bad)
