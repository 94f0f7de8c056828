"""One unit of dates: what comes out of each reader has it, in any unit that was read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from freqtrade.exchange import timeframe_to_prev_date, timeframe_to_seconds

from perpkit.bot.pairlists.readings import _frame
from perpkit.market import store
from perpkit.market.benchmark import with_benchmark_correlation
from perpkit.market.funding import funding_readings
from perpkit.market.least_correlated import hourly_returns
from perpkit.market.positioning import positioning_readings, with_positioning
from perpkit.market.ratio_file import parse_feather
from perpkit.market.times import dated, dates_at, dates_every, dates_of, opening, shifted
from tests import factories

UNITS = ("s", "ms", "us", "ns")


@pytest.mark.parametrize("unit", UNITS)
def test_the_door(unit):
    given = pd.Series(pd.date_range("2026-01-01", periods=3, freq="h", tz="Asia/Tokyo", unit=unit))
    expected = dates_at([1767193200000 + hour * 3_600_000 for hour in range(3)])
    assert expected.dtype == "datetime64[ms, UTC]"
    for dates in (given, pd.DatetimeIndex(given), given.dt.to_pydatetime().tolist()):
        pd.testing.assert_index_equal(dates_of(dates), expected, exact=True)
    every = dates_every(expected[0], timedelta(hours=1), 3)
    pd.testing.assert_index_equal(every, expected, exact=True)
    pd.testing.assert_index_equal(
        shifted(expected - timedelta(hours=1), timedelta(hours=1)), expected
    )
    frame = dated(pd.DataFrame({"date": given, "close": 1.0}))
    pd.testing.assert_series_equal(frame["date"], expected.to_series(range(3), name="date"))
    assert dated(frame) is frame


@pytest.mark.parametrize("timeframe", ["5m", "4h", "1d", "3d", "1w", "2w"])
def test_candles_open_where_freqtrade_dates_them(timeframe):
    step = timeframe_to_seconds(timeframe)
    for hour in range(0, 24 * 30, 7):
        at = datetime(2026, 1, 1, 0, 3, tzinfo=UTC) + timedelta(hours=hour)
        opened = timeframe_to_prev_date(timeframe, at).timestamp()
        assert opening(at.timestamp(), float(step)) == opened
        assert opening(int(opened) * 1000, step * 1000, 86_400_000) == opened * 1000


def in_unit(frame: pd.DataFrame, unit: str, column: str = "date") -> pd.DataFrame:
    return frame.assign(**{column: frame[column].dt.as_unit(unit)})


def units_of(frame: pd.DataFrame) -> set[str]:
    dates = [frame[name].dtype for name in frame if "datetime" in str(frame[name].dtype)]
    if isinstance(frame.index, pd.DatetimeIndex):
        dates.append(frame.index.dtype)
    assert dates
    return {str(dtype) for dtype in dates}


def readings(rows: int = 400) -> pd.DataFrame:
    ratios = np.exp(np.random.default_rng(1).normal(0, 0.2, (len(store.SERIES), rows)))
    columns = dict(zip(store.SERIES, ratios, strict=True))
    return factories.candles(rows)[["date"]].assign(**columns)


def in_store(unit: str, folder: Path) -> pd.DataFrame:
    """Written, merged into and read, each in another unit."""
    pair = "BTC/USDT:USDT"
    store.path_of(folder, pair, "1h").parent.mkdir(exist_ok=True)
    in_unit(readings()[:300], unit).to_feather(store.path_of(folder, pair, "1h"))
    for other in UNITS:
        store.merge(folder, pair, "1h", in_unit(readings()[290:], other))
    found = store.read(folder, pair, "1h")
    assert found is not None
    return found


def of_a_file(unit: str, _: Path) -> pd.DataFrame:
    several = in_unit(readings(), unit).rename(columns={"date": "timestamp"})[["timestamp"]]
    ratios = {"lsr_global": 1.5, "lsr_top_accounts": 2.0, "lsr_top_positions": 0.5}
    file = BytesIO()
    several.assign(symbol="BTCUSDT", **ratios).to_feather(file)
    [parsed] = parse_feather(file.getvalue(), "ratios.feather", datetime(2030, 1, 1, tzinfo=UTC))
    return parsed.readings


def benchmark(unit: str, _: Path) -> pd.DataFrame:
    candles = in_unit(factories.candles(300), unit)
    other = in_unit(factories.candles(300, seed=2), "ns")
    return with_benchmark_correlation(candles, pd.Timedelta("1h"), other)[["btc_correlation"]]


DATED = {
    "store": in_store,
    "ratio file": of_a_file,
    "funding": lambda unit, _: funding_readings(in_unit(factories.funding([1e-4] * 90), unit)),
    "positioning": lambda unit, _: positioning_readings(
        in_unit(readings(), unit), "1h", timedelta(hours=1)
    ),
    "returns": lambda unit, _: hourly_returns(
        {"A": in_unit(factories.candles(99), unit), "B": in_unit(factories.candles(99), "ns")}
    ),
    "answer": lambda _, __: _frame(
        [{"timestamp": 0, "x": 1}, {"timestamp": 9, "x": 2}], {"x": "y"}
    ),
}
JOINED = {
    "benchmark": benchmark,
    "join": lambda unit, _: with_positioning(
        in_unit(factories.candles(400), unit), {"1h": readings()}, "1h"
    ).drop(columns="date"),
}


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("name", DATED)
def test_what_comes_out_is_in_the_one_unit(name, unit, tmp_path):
    found = DATED[name](unit, tmp_path)
    assert units_of(found) == {"datetime64[ms, UTC]"}
    (tmp_path / "us").mkdir()
    pd.testing.assert_frame_equal(found, DATED[name]("us", tmp_path / "us"))


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("name", JOINED)
def test_no_unit_changes_what_is_joined(name, unit, tmp_path):
    pd.testing.assert_frame_equal(JOINED[name](unit, tmp_path), JOINED[name]("ms", tmp_path))
