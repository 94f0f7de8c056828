"""Feather files of positioning: ratios of many symbols, and the store's own."""

import io
from datetime import UTC, datetime
from random import Random

import numpy as np
import pandas as pd
import pytest

from perpkit.files.errors import FileError
from perpkit.market import store
from perpkit.market.ratio_file import COLUMNS, parse_feather
from tests.bench.damaged_files import arrow, damaged, refusal
from tests.cases import SLOW
from tests.conftest import REPOSITORY

NOW = datetime(2024, 1, 1, tzinfo=UTC)
NAME = "ratios.feather"


def table(days: int = 3) -> pd.DataFrame:
    """Two symbols, one after the other."""
    dates = pd.date_range("2022-01-01", periods=days, tz="UTC")
    values = {column: np.linspace(1, 2, days) for column in COLUMNS}
    return pd.concat(
        [pd.DataFrame({"timestamp": dates, "symbol": s, **values}) for s in ("BTCUSDT", "ETHUSDT")],
        ignore_index=True,
    )


def content(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.reset_index(drop=True).to_feather(buffer)
    return buffer.getvalue()


def test_each_symbol_is_a_pair():
    frame = table().assign(lsr_global=[1.1, 0, np.nan, 4.4, 5.5, 6.6])
    btc, eth = parse_feather(content(frame), NAME, NOW)
    assert (btc.pair, btc.period) == ("BTC/USDT:USDT", "1d")
    assert (eth.pair, eth.period) == ("ETH/USDT:USDT", "1d")
    assert list(btc.readings) == ["date", *COLUMNS.values()]
    assert btc.readings["long_short_ratio"].tolist() == pytest.approx(
        [1.1, np.nan, np.nan], nan_ok=True
    )
    assert eth.readings["long_short_ratio"].tolist() == [4.4, 5.5, 6.6]
    assert eth.readings["date"].tolist() == list(table()["timestamp"][:3])


def test_symbols_may_be_categories_and_in_chinese():
    frame = table().replace({"symbol": {"ETHUSDT": "币安人生USDT"}}).astype({"symbol": "category"})
    pairs = [each.pair for each in parse_feather(content(frame), NAME, NOW)]
    assert pairs == ["BTC/USDT:USDT", "币安人生/USDT:USDT"]


@pytest.mark.parametrize("count", [150, pytest.param(3000, marks=SLOW)])
def test_a_damaged_file_is_the_one_error_or_a_table(count):
    whole = arrow(table(), "uncompressed")

    def read(changed: bytes) -> None:
        for each in parse_feather(changed, NAME, NOW):
            store.check(each.readings, each.period, each.pair)

    said = {refusal(read, damaged(whole, Random(number))) for number in range(count)}
    assert all(each.startswith(NAME) for each in said if each)
    assert len(said) > 5


def swapped() -> pd.DataFrame:
    return table().iloc[[0, 2, 1, 3, 4, 5]]


def with_value(column: str, row: int, value: object) -> pd.DataFrame:
    frame = table()
    frame.loc[row, column] = value
    return frame


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (table().drop(columns="symbol"), "column symbol is missing"),
        (table().drop(columns="lsr_global"), "column lsr_global is missing"),
        (table().assign(other=1.0), "column other is unknown"),
        (table().assign(timestamp=1), "column timestamp must be a date in UTC, is int64"),
        (table().assign(lsr_global="1"), "column lsr_global must be a decimal number"),
        (table()[:0], "column timestamp: there are no rows"),
        (swapped(), "row 2: column timestamp: 2022-01-02 .* comes after a later one"),
        (table().iloc[[0, 1, 1, 3, 4, 5]], "row 2: column timestamp: 2022-01-02 .* is a duplicate"),
        (
            with_value("timestamp", 5, pd.Timestamp("2024-02-01", tz="UTC")),
            "row 5: column timestamp: 2024-02-01 .* lies in the future",
        ),
        (with_value("lsr_global", 4, -1.0), "row 4: column lsr_global: -1.0 is not within 0 to"),
        (with_value("lsr_global", 4, np.inf), "row 4: column lsr_global: inf is not within 0 to"),
        (with_value("symbol", 3, "BTCUSD"), "row 3: column symbol must be a perpetual"),
        (with_value("symbol", 3, None), "row 3: column symbol: .* is not a symbol"),
        (with_value("symbol", 3, "A\n[b]?USDT"), r"row 3: column symbol .* is 'A\\n\[b\]\?USDT'"),
        (table().assign(symbol=1), "column symbol must be text, is int64"),
        (table().assign(symbol=[["BTCUSDT"]] * 6), "column symbol must be text, is object"),
        (
            with_value("timestamp", 1, pd.NaT),
            "row 1: column timestamp: NaT is not a time between 2010 and 2200",
        ),
        (
            with_value("timestamp", 0, pd.Timestamp("1970-01-01", tz="UTC")),
            "row 0: column timestamp: 1970-01-01 .* is not a time between 2010 and 2200",
        ),
        (
            table().assign(timestamp=table()["timestamp"] + pd.Timedelta("1h")),
            "row 0: column timestamp: 2022-01-01 01:00:00.* is not on the grid of 1d",
        ),
        (table(1), "column timestamp: the shortest step must be one of 5m, .*, is NaT"),
    ],
)
def test_what_is_wrong_is_named_by_row_and_column(frame, message):
    with pytest.raises(FileError, match=f"^{NAME}: {message}"):
        parse_feather(content(frame), NAME, NOW)


def test_what_is_no_feather_is_refused():
    for bad in (b"", b"x", content(table())[:-20]):
        with pytest.raises(FileError, match=f"^{NAME}: cannot be read as feather"):
            parse_feather(bad, NAME, NOW)


def test_a_file_of_another_store():
    own = pd.DataFrame(
        {"date": pd.date_range("2022-01-01", periods=3, freq="h", tz="UTC"), "taker_ratio": 1.0}
    )
    name = "old/positioning/BTC_USDT_USDT-1h.feather"
    (parsed,) = parse_feather(content(own), name, NOW)
    assert (parsed.pair, parsed.period) == ("BTC/USDT:USDT", "1h")
    pd.testing.assert_frame_equal(parsed.readings, own.assign(date=own["date"].dt.as_unit("ms")))
    with pytest.raises(FileError, match=f"{name}: row 1: column date: .* is a duplicate"):
        parse_feather(content(own.iloc[[0, 0, 1]]), name, NOW)
    with pytest.raises(FileError, match=f"{name}: row 0: column date: .* lies in the future"):
        parse_feather(content(own), name, datetime(2021, 1, 1, tzinfo=UTC))


@pytest.mark.real_data
def test_the_shared_ratios():
    folder = REPOSITORY.parent / "shared" / "data" / "positioning"
    path = folder / "long_short_ratio_1d_7symbols_2022_2023.feather"
    if not path.is_file():
        pytest.skip(f"no real data at {path}")
    parsed = parse_feather(path.read_bytes(), path.name, NOW)
    assert [p.pair[:3] for p in parsed] == ["ADA", "BNB", "BTC", "DOG", "ETH", "SOL", "XRP"]
    assert {p.period for p in parsed} == {"1d"}
    assert {len(p.readings) for p in parsed} == {730}
