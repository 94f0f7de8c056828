"""The long/short ratio: known one period late, ranked in its own past, read with its schema."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perpkit.market.positioning import (
    COLUMNS,
    PositioningRule,
    read_long_short_ratio,
    with_long_short_ratio,
)
from tests import factories

PAIR = "BTC/USDT:USDT"


def ratios(values) -> pd.DataFrame:
    dates = pd.date_range(factories.START, periods=len(values), freq="h")
    return pd.DataFrame({"date": dates, "long_short_ratio": np.asarray(values, dtype=float)})


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
def test_a_ratio_is_used_one_period_after_its_stamp_until_it_is_stale(
    hours_after_the_stamp, timeframe, known
):
    opened = factories.START + timedelta(hours=hours_after_the_stamp)
    row = with_long_short_ratio(pd.DataFrame({"date": [opened]}), ratios([2.5]), timeframe)
    assert row["long_short_ratio"].eq(2.5).tolist() == [known]


def test_a_crowded_side_ranks_at_the_end_of_its_own_past():
    frame = with_long_short_ratio(factories.candles(200), ratios([1.4] * 199 + [1.6]), "1h")
    assert frame["long_short_rank"].iloc[-1] > 0.99
    assert frame["long_short_rank"].iloc[-2] == pytest.approx(0.5)
    assert frame["long_short_rank"].iloc[:167].isna().all()  # less than a week of history


def test_a_daily_ratio_is_used_a_day_later():
    daily = pd.DataFrame(
        {"date": pd.date_range(factories.START, periods=3, freq="D"), "long_short_ratio": [1, 2, 3]}
    )
    rule = PositioningRule(period=timedelta(days=1))
    frame = with_long_short_ratio(factories.candles(72), daily, "1h", rule)
    assert frame["long_short_ratio"].iloc[22:].tolist() == pytest.approx(
        [np.nan] + [1] * 24 + [2] * 24 + [3], nan_ok=True
    )


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 9), cut=st.integers(1, 259))
def test_adding_future_ratios_and_candles_changes_no_past_value(seed, cut):
    table = ratios(np.random.default_rng(seed).lognormal(0.3, 0.4, 260).round(2))
    candles = factories.candles(260)
    whole = with_long_short_ratio(candles, table, "1h")
    cut_short = with_long_short_ratio(candles[:cut], table[:cut], "1h")
    pd.testing.assert_frame_equal(cut_short, whole[:cut])


@pytest.mark.parametrize("nothing", [None, ratios([])])
def test_no_data_gives_empty_columns(nothing):
    frame = with_long_short_ratio(factories.candles(5), nothing, "1h")
    assert frame[list(COLUMNS)].isna().all(axis=None)
    assert len(frame) == 5


def test_ratios_out_of_order_are_refused():
    with pytest.raises(ValueError, match="ascend"):
        with_long_short_ratio(factories.candles(5), ratios([1, 2])[::-1], "1h")


@pytest.mark.parametrize(
    "bad",
    [
        {"period": timedelta(minutes=1)},
        {"window": timedelta(hours=9)},
        {"least": timedelta(minutes=59)},
        {"least": timedelta(days=31)},
        {"max_age_periods": 0.9},
    ],
)
def test_a_bad_parameter_is_named(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        PositioningRule(**bad)


@pytest.fixture
def stored(tmp_path):
    path = tmp_path / "positioning" / "BTC_USDT_USDT-1h.feather"
    path.parent.mkdir()
    return path


def test_the_file_is_read_as_it_was_written(stored):
    ratios([1.5, 1.6]).assign(taker_ratio=1.0).to_feather(stored)
    frame = read_long_short_ratio(stored.parent.parent, PAIR)
    pd.testing.assert_frame_equal(frame, ratios([1.5, 1.6]), check_dtype=False)


def test_no_file_is_no_data(tmp_path):
    assert read_long_short_ratio(tmp_path, PAIR) is None


@pytest.mark.parametrize(
    ("frame", "column"),
    [
        (ratios([1.0]).drop(columns="date"), "date"),
        (ratios([1.0]).rename(columns={"long_short_ratio": "lsr"}), "long_short_ratio"),
        (ratios([1.0]).assign(date=[1672531200]), "date"),
        (ratios([1.0]).assign(date=pd.Timestamp("2023-01-01")), "date"),
        (ratios([1.0]).assign(long_short_ratio="1.5"), "long_short_ratio"),
    ],
)
def test_a_file_of_another_shape_is_named_with_its_column(stored, frame, column):
    frame.to_feather(stored)
    with pytest.raises(ValueError, match=f"{stored.name}: column {column}"):
        read_long_short_ratio(stored.parent.parent, PAIR)
