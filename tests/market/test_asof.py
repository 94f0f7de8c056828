"""What is known when: boundaries of publication and staleness."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.market.asof import KnownReadings, join_known

NOON = pd.Timestamp("2023-01-01 12:00", tz="UTC")


def reading(known_at: str, stale_at: str, value: float) -> dict:
    day = "2023-01-01 "
    return {
        "known_at": pd.Timestamp(day + known_at, tz="UTC"),
        "stale_at": pd.Timestamp(day + stale_at, tz="UTC"),
        "value": value,
    }


def at_noon(readings: list[dict], opened: str = "11:00", timeframe: str = "1h") -> float:
    candle = pd.DataFrame({"date": [pd.Timestamp(f"2023-01-01 {opened}", tz="UTC")]})
    table = pd.DataFrame(readings, columns=["known_at", "stale_at", "value"])
    table[["known_at", "stale_at"]] = table[["known_at", "stale_at"]].astype("datetime64[us, UTC]")
    return join_known(candle, pd.Timedelta(timeframe), table, ["value"])["value"].iloc[0]


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        ([], np.nan),
        ([reading("12:00", "14:00", 1)], 1),  # published exactly at the close
        ([reading("12:01", "14:00", 1)], np.nan),
        ([reading("10:00", "12:00", 1)], 1),  # usable for the last time
        ([reading("10:00", "11:59", 1)], np.nan),
        ([reading("09:00", "15:00", 1), reading("11:00", "15:00", 2)], 2),
        ([reading("09:00", "15:00", 1), reading("13:00", "15:00", 2)], 1),
        # The newest is stale: an older one, however long its life, does not come back.
        ([reading("09:00", "15:00", 1), reading("10:00", "11:00", 2)], np.nan),
    ],
)
def test_a_candle_that_closes_at_noon_knows(readings, expected):
    np.testing.assert_equal(at_noon(readings), expected)


@pytest.mark.parametrize(
    ("opened", "timeframe"), [("11:00", "1h"), ("11:55", "5m"), ("08:00", "4h")]
)
def test_what_counts_is_the_close_whatever_the_timeframe(opened, timeframe):
    rows = [reading("11:58", "14:00", 1), reading("12:01", "14:00", 2)]
    assert at_noon(rows, opened, timeframe) == 1


def test_the_candles_keep_their_index_and_are_not_changed():
    candles = pd.DataFrame({"date": [NOON]}, index=[7])
    before = candles.copy()
    joined = join_known(
        candles, pd.Timedelta("1h"), pd.DataFrame([reading("10:00", "23:00", 1)]), ["value"]
    )
    assert joined.index.tolist() == [7]
    pd.testing.assert_frame_equal(candles, before)


@given(
    ages=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9)), max_size=12),
    closes=st.lists(st.integers(0, 60), min_size=1, max_size=12),
)
def test_a_look_up_and_a_join_agree(ages, closes):
    ages = sorted(ages)
    table = pd.DataFrame(
        {
            "known_at": NOON + pd.to_timedelta([known for known, _ in ages], unit="h"),
            "stale_at": NOON + pd.to_timedelta([known + life for known, life in ages], unit="h"),
            "value": np.arange(len(ages), dtype=float),
        }
    )
    hour = pd.Timedelta("1h")
    candles = pd.DataFrame({"date": NOON + pd.to_timedelta(sorted(closes), unit="h") - hour})
    joined = join_known(candles, hour, table, ["value"])["value"]
    readings = KnownReadings(table, ["value"])
    looked_up = [readings.at(opened + hour) for opened in candles["date"]]
    assert [None if np.isnan(value) else (value,) for value in joined] == looked_up
