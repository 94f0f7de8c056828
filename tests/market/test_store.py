"""The store: what it refuses, merging, two writers, and that Freqtrade does not see it."""

import subprocess
import sys
from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.durations import DAY_MS
from perpkit.market import store
from perpkit.market.store import SERIES, BusyError, Merged, StoreError
from perpkit.venue.market import datadir as venue_datadir
from perpkit.venue.market.synthetic import generate
from tests import factories
from tests.bench.damaged_files import arrow, flipped, refusal
from tests.cases import SLOW, cases
from tests.freqtrade_cli import run_freqtrade

PAIR = "BTC/USDT:USDT"


def readings(values, start=factories.START, freq="1h", series="long_short_ratio") -> pd.DataFrame:
    dates = pd.date_range(start, periods=len(values), freq=freq)
    return pd.DataFrame({"date": dates, series: np.asarray(values, dtype=float)})


def known(frame: pd.DataFrame, series="long_short_ratio") -> list[float]:
    return frame[series].tolist()


def test_what_is_merged_is_read_back(tmp_path):
    assert store.merge(tmp_path, PAIR, "1h", readings([1.5, 1.6])) == Merged(2, 0)
    frame = store.read(tmp_path, PAIR, "1h")
    assert list(frame) == ["date", *SERIES]
    assert known(frame) == [1.5, 1.6]
    assert frame["date"].tolist() == list(readings([1, 1])["date"])
    assert frame["taker_ratio"].isna().all()
    assert (tmp_path / "positioning" / "BTC_USDT_USDT-1h.feather").is_file()
    assert list(store.read(tmp_path, PAIR, "1h", ["taker_ratio"])) == ["date", "taker_ratio"]


def test_no_file_is_no_data(tmp_path):
    assert store.read(tmp_path, PAIR, "1h") is None
    assert store.read_periods(tmp_path, PAIR) == {}
    assert store.stored(tmp_path) == []


def test_files_are_listed_by_pair_and_period(tmp_path):
    for pair, period in [(PAIR, "1d"), (PAIR, "5m"), ("1000PEPE/USDT:USDT", "1h")]:
        store.merge(tmp_path, pair, period, readings([1], freq=store.PERIODS[period]))
    (tmp_path / "positioning" / "notes.feather").touch()
    assert store.stored(tmp_path) == [("1000PEPE/USDT:USDT", "1h"), (PAIR, "5m"), (PAIR, "1d")]
    assert list(store.read_periods(tmp_path, PAIR)) == ["5m", "1d"]


def test_the_venues_own_files_can_be_read(tmp_path):
    start = 1_704_067_200_000
    venue_datadir.write(
        generate(seed=5, start=start, days=3, pairs=[PAIR]), tmp_path, ["1h"], start + 2 * DAY_MS
    )
    frame = store.read(tmp_path, PAIR, "1h")
    assert frame[["long_short_ratio", "taker_ratio", "open_interest"]].notna().all(axis=None)


def test_values_given_later_count_and_nothing_is_taken_away(tmp_path):
    store.merge(tmp_path, PAIR, "1h", readings([1, 2, 3, 4]))
    later = readings([np.nan, 9, 4, 5], factories.START + timedelta(hours=1))
    assert store.merge(tmp_path, PAIR, "1h", later) == Merged(1, 1)
    assert known(store.read(tmp_path, PAIR, "1h")) == [1, 2, 9, 4, 5]
    other = readings([7], series="open_interest")
    assert store.merge(tmp_path, PAIR, "1h", other) == Merged(0, 1)
    assert known(store.read(tmp_path, PAIR, "1h")) == [1, 2, 9, 4, 5]


def test_nothing_new_leaves_the_file_alone(tmp_path):
    store.merge(tmp_path, PAIR, "1h", readings([1, 2]))
    before = store.path_of(tmp_path, PAIR, "1h").stat()
    assert store.merge(tmp_path, PAIR, "1h", readings([1])) == Merged(0, 0)
    after = store.path_of(tmp_path, PAIR, "1h").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@cases(25)
@given(parts=st.lists(st.sets(st.integers(0, 60), min_size=1), min_size=1, max_size=5))
def test_any_order_of_parts_makes_the_same_file(tmp_path_factory, parts):
    def row(hours):
        frame = readings([hour + 1 for hour in sorted(hours)])
        frame["date"] = [factories.START + timedelta(hours=hour) for hour in sorted(hours)]
        return frame.astype({"date": "datetime64[ns, UTC]"})

    files = []
    for order in (parts, parts[::-1]):
        directory = tmp_path_factory.mktemp("store")
        for part in order:
            store.merge(directory, PAIR, "1h", row(part))
        files.append(store.path_of(directory, PAIR, "1h").read_bytes())
    assert files[0] == files[1]
    whole = store.read(directory, PAIR, "1h")
    assert known(whole) == [hour + 1 for hour in sorted(set().union(*parts))]


BAD = [
    (readings([1.0]).drop(columns="date"), "column date is missing"),
    (readings([1.0]).rename(columns={"long_short_ratio": "lsr"}), "column lsr is unknown"),
    (readings([1.0]).assign(date=[1672531200]), "column date must be a date in UTC, is int64"),
    (readings([1.0]).assign(date=pd.Timestamp("2023-01-01")), "column date must be a date in UTC"),
    (
        readings([1.0]).assign(date=pd.Timestamp("2023-01-01", tz="Europe/Berlin")),
        "column date must be a date in UTC",
    ),
    (readings([1.0]).assign(long_short_ratio="1.5"), "column long_short_ratio must be a decimal"),
    (readings([1.0]).assign(long_short_ratio=1), "column long_short_ratio must be a decimal"),
    (
        readings([1, 2, 3]).iloc[[0, 2, 1]],
        "row 2: column date: 2023-01-01 01:00.* comes before the row above",
    ),
    (readings([1, 2]).iloc[[0, 1, 1]], "row 2: column date: .* is a duplicate of the row above"),
    (
        readings([1, 2], freq="90min"),
        "row 1: column date: 2023-01-01 01:30:00.00:00 is not on the grid of 1h",
    ),
    (
        readings([1, 2]).assign(date=pd.Series([factories.START, None])),
        "row 1: column date: must lie between 2010 and 2200, is NaT",
    ),
    (readings([1], "2009-12-31T23:00Z"), "row 0: column date: must lie between 2010 and 2200, is"),
    (readings([1, -2]), "row 1: column long_short_ratio must be above 0 and at most 1000, is -2"),
    (readings([0]), "row 0: column long_short_ratio must be above 0"),
    (readings([1001]), "row 0: column long_short_ratio .* at most 1000, is 1001"),
    (readings([np.inf]), "row 0: column long_short_ratio .* is inf"),
    (readings([-1], series="open_interest"), "row 0: column open_interest must be above 0"),
]


@pytest.mark.parametrize(("frame", "message"), BAD)
def test_what_cannot_be_readings_is_refused_and_changes_nothing(tmp_path, frame, message):
    store.merge(tmp_path, PAIR, "1h", readings([5, 6]))
    before = store.path_of(tmp_path, PAIR, "1h").read_bytes()
    with pytest.raises(StoreError, match=f"readings of {PAIR}: .*{message}"):
        store.merge(tmp_path, PAIR, "1h", frame)
    assert store.path_of(tmp_path, PAIR, "1h").read_bytes() == before


@pytest.mark.parametrize(("frame", "message"), BAD)
def test_a_file_that_does_not_hold_readings_is_named(tmp_path, frame, message):
    path = store.path_of(tmp_path, PAIR, "1h")
    path.parent.mkdir()
    frame.reset_index(drop=True).to_feather(path)
    with pytest.raises(StoreError, match=f"{path.name}: .*{message}"):
        store.read(tmp_path, PAIR, "1h")
    with pytest.raises(StoreError, match=path.name):
        store.merge(tmp_path, PAIR, "1h", readings([1]))


@pytest.mark.parametrize("content", [b"", b"not feather", None])
def test_a_corrupt_file_is_named(tmp_path, content):
    store.merge(tmp_path, PAIR, "1h", readings([1] * 100))
    path = store.path_of(tmp_path, PAIR, "1h")
    path.write_bytes(path.read_bytes()[:-50] if content is None else content)
    with pytest.raises(StoreError, match=f"{path.name}: cannot be read as feather"):
        store.read(tmp_path, PAIR, "1h")


def test_a_time_beyond_all_calendars_is_named(tmp_path):
    """Arrow can hold it in milliseconds; neither nanoseconds nor a text can."""
    path = store.path_of(tmp_path, PAIR, "1h")
    path.parent.mkdir()
    times = pa.array([0, 2**62], pa.timestamp("ms", "UTC"))
    path.write_bytes(arrow(pa.table({"date": times, "taker_ratio": [1.0, 2.0]})))
    with pytest.raises(StoreError, match=r"row 0: column date: must lie between 2010 and 2200"):
        store.read(tmp_path, PAIR, "1h")
    path.write_bytes(arrow(pa.table({"date": times[1:], "taker_ratio": [2.0]})))
    with pytest.raises(StoreError, match=r"row 0: column date: .* is outside of the calendar"):
        store.read(tmp_path, PAIR, "1h")


def test_a_file_without_a_checksum_is_read_and_gets_one_when_written(tmp_path):
    path = store.path_of(tmp_path, PAIR, "1h")
    path.parent.mkdir()
    path.write_bytes(arrow(readings([1, 2])))
    assert known(store.read(tmp_path, PAIR, "1h")) == [1, 2]
    assert store.merge(tmp_path, PAIR, "1h", readings([1, 2, 3])) == Merged(1, 0)
    assert b"perpkit-sha256:" in path.read_bytes()
    assert known(store.read(tmp_path, PAIR, "1h")) == [1, 2, 3]


def test_a_changed_bit_is_never_read_and_never_merged_over(tmp_path):
    store.merge(tmp_path, PAIR, "1h", readings([1, 2]))
    path = store.path_of(tmp_path, PAIR, "1h")
    whole = path.read_bytes()
    for changed in flipped(whole, range(0, 8 * len(whole), 53)):
        path.write_bytes(changed)
        with pytest.raises(StoreError, match=f"{path.name}: cannot be read as feather"):
            store.read(tmp_path, PAIR, "1h")
    with pytest.raises(StoreError, match=r"the checksum in it does not match"):
        store.merge(tmp_path, PAIR, "1h", readings([3]))
    assert path.read_bytes() == changed


@pytest.mark.parametrize("every", [127, pytest.param(1, marks=SLOW)])
def test_damage_without_a_checksum_has_the_one_error(tmp_path, every):
    path = store.path_of(tmp_path, PAIR, "1h")
    path.parent.mkdir()
    whole = arrow(readings([1, 2]))

    def read(changed: bytes) -> None:
        path.write_bytes(changed)
        assert len(store.read(tmp_path, PAIR, "1h")) <= 2

    said = {refusal(read, each) for each in flipped(whole, range(0, 8 * len(whole), every))}
    assert all(path.name in each for each in said if each)
    assert len(said) > 5


tables = st.lists(
    st.dictionaries(
        st.integers(0, 5),
        st.tuples(*[st.sampled_from([np.nan, 1.0, 2.0])] * 2),
        min_size=1,
    ),
    min_size=1,
    max_size=4,
)


@cases(25)
@given(tables)
def test_tables_joined_are_those_merged_in_turn(tmp_path_factory, tables):
    columns = ["long_short_ratio", "taker_ratio"]
    parts = []
    for table in tables:
        dates = [factories.START + timedelta(hours=hour) for hour in sorted(table)]
        rows = [table[hour] for hour in sorted(table)]
        part = pd.DataFrame(rows, columns=columns).assign(date=pd.DatetimeIndex(dates))
        parts.append(part[["date", *columns]])
    one, by_one = (tmp_path_factory.mktemp("store") for _ in range(2))
    store.merge(one, PAIR, "1h", store.joined(parts))
    for part in parts:
        store.merge(by_one, PAIR, "1h", part)
    pd.testing.assert_frame_equal(store.read(one, PAIR, "1h"), store.read(by_one, PAIR, "1h"))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("币安人生_USDT_USDT-5m.feather", ("币安人生/USDT:USDT", "5m")),
        ("BTC_USDT_USDT-260327-1h.feather", ("BTC/USDT:USDT-260327", "1h")),
        ("BTC_US\nDT_USDT-5m.feather", None),
        ("[red]_USDT_USDT-5m.feather", None),
        ("A?_USDT_USDT-5m.feather", None),
        ("BTC_USDT_USDT-7m.feather", None),
    ],
)
def test_only_names_of_pairs_are_listed(tmp_path, name, found):
    (tmp_path / "positioning").mkdir()
    (tmp_path / "positioning" / name).touch()
    assert store.stored(tmp_path) == ([] if found is None else [found])


def test_an_unknown_period_is_named():
    with pytest.raises(ValueError, match=r"period must be one of 5m, .* 1d, got '7m'"):
        store.path_of("x", PAIR, "7m")


WRITER = """
import sys
from pathlib import Path
import pandas as pd
from perpkit.market import store

first = int(sys.argv[2])
for hour in range(first, first + 60, 2):
    date = pd.Timestamp("2023-01-01", tz="UTC") + pd.Timedelta(hours=hour)
    frame = pd.DataFrame({"date": [date], "long_short_ratio": [1.0 + hour]})
    store.merge(Path(sys.argv[1]), "BTC/USDT:USDT", "1h", frame)
"""


def test_two_processes_that_write_lose_nothing(tmp_path):
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, tmp_path, str(first)]) for first in (0, 1)
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert known(store.read(tmp_path, PAIR, "1h")) == [1.0 + hour for hour in range(60)]


def test_one_downloader_at_a_time(tmp_path):
    with (
        store.sole_downloader(tmp_path),
        pytest.raises(BusyError, match=r"another process is at work in .*positioning"),
        store.sole_downloader(tmp_path),
    ):
        pass
    with store.sole_downloader(tmp_path):
        store.merge(tmp_path, PAIR, "1h", readings([1]))


@pytest.mark.integration
def test_freqtrade_does_not_take_them_for_candles(tmp_path):
    datadir = tmp_path / "data"
    datadir.mkdir()
    factories.write_candles(datadir, PAIR, factories.candles(50))
    listed = ["list-data", "--userdir", str(tmp_path), "--datadir", str(datadir)]
    listed += ["--trading-mode", "futures"]

    def table() -> str:
        return "".join(
            line for line in run_freqtrade(listed).stdout.splitlines(True) if "│" in line
        )

    before = table()
    store.merge(datadir, PAIR, "5m", readings([1, 2], freq="5min"))
    assert PAIR in before
    assert table() == before
