"""Data directories: what is written is what Freqtrade reads, and what the venue reads back."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from perpkit.rehearsal.datadir_mark import marked
from perpkit.venue import datadir
from perpkit.venue.candles import DAY_MS, HOUR_MS, Kind
from perpkit.venue.history import History

START = 1_704_067_200_000
END = START + 20 * DAY_MS
BTC = "BTC/USDT:USDT"


@pytest.fixture(scope="module")
def written(history: History, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("data")
    datadir.write(history, directory, ["5m", "1h", "1d"], END)
    return directory


def test_what_is_read_back_is_what_had_happened(history, written):
    again = datadir.read(written)
    assert set(again.pairs) == set(history.pairs)
    for symbol, pair in again.pairs.items():
        original = history.pairs[symbol]
        assert pair.instrument == original.instrument
        assert pair.end == END
        for kind, intervals in ((Kind.LAST, ("5m", "1h", "1d")), (Kind.MARK, ("1h",))):
            assert set(pair.stored[kind]) == set(intervals)
            for interval in intervals:
                got, whole = pair.candles(kind, interval), original.candles(kind, interval)
                for a, b in zip(got.columns(), whole.columns(), strict=True):
                    np.testing.assert_array_equal(a, b[: len(got)])
        happened = original.funding.time <= END
        np.testing.assert_array_equal(pair.funding.time, original.funding.time[happened])
        np.testing.assert_array_equal(pair.funding.rate, original.funding.rate[happened])
        known = original.positioning.up_to(END)
        for name, values in vars(known).items():
            np.testing.assert_array_equal(getattr(pair.positioning, name), values)


@pytest.mark.parametrize(
    ("candle_type", "timeframe", "rows", "column"),
    [
        ("futures", "5m", 20 * 288, "close"),
        ("futures", "1d", 20, "volume"),
        ("mark", "1h", 480, "close"),
        ("funding_rate", "1h", 60, "open"),
    ],
)
def test_freqtrade_reads_every_file(history, written, candle_type, timeframe, rows, column):
    from freqtrade.data.history import load_pair_history
    from freqtrade.enums import CandleType

    frame = load_pair_history(
        BTC, timeframe, written, candle_type=CandleType(candle_type), fill_up_missing=False,
        drop_incomplete=False,
    )  # fmt: skip
    assert len(frame) == rows
    assert frame["date"].iloc[0] == pd.Timestamp(
        START + (8 * HOUR_MS if candle_type == "funding_rate" else 0), unit="ms", tz="UTC"
    )
    pair = history.pairs["BTCUSDT"]
    expected = (
        pair.funding.rate
        if candle_type == "funding_rate"
        else getattr(pair.candles(Kind(candle_type), timeframe), column)
    )
    np.testing.assert_array_equal(frame[column], expected[:rows])


def test_positioning_has_the_time_of_the_reading(history, written):
    frame = pd.read_feather(written / "positioning" / "BTC_USDT_USDT-1h.feather")
    assert list(frame.columns) == list(datadir.POSITIONING_COLUMNS)
    assert frame["date"].iloc[0] == pd.Timestamp("2024-01-01 01:00", tz="UTC")
    assert frame["date"].iloc[-1] == pd.Timestamp(END, unit="ms", tz="UTC")
    assert frame["long_short_ratio"].dtype == float


def test_nothing_half_written_is_left(written):
    others = [path for path in written.rglob("*.*") if path.suffix != ".feather"]
    assert others == [written / "perpkit-venue.json"]


def test_it_is_marked_as_a_venues(history, tmp_path):
    datadir.write(history, tmp_path, ["1h"], END, "synthetic market, seed 7")
    assert "made by a simulated venue (synthetic market, seed 7, 20" in marked(tmp_path)


def test_it_is_not_mixed_with_data_of_an_exchange(history, tmp_path):
    real = tmp_path / "futures" / "BTC_USDT_USDT-1h-futures.feather"
    real.parent.mkdir()
    real.write_bytes(b"candles")
    with pytest.raises(ValueError, match="holds data that no venue has made"):
        datadir.write(history, tmp_path, ["1h"], END)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [real]
    assert real.read_bytes() == b"candles"


def test_a_timeframe_that_cannot_be_made_is_refused_before_anything_is_written(history, tmp_path):
    with pytest.raises(ValueError, match="timeframe must be a multiple of 5m"):
        datadir.write(history, tmp_path, ["1h", "1m"], END)
    assert not list(tmp_path.iterdir())


def test_both_layouts_of_funding_files_are_read(written, tmp_path):
    source = written / "futures"
    target = tmp_path / "futures"
    target.mkdir()
    for name in ("BTC_USDT_USDT-1h-futures", "BTC_USDT_USDT-1h-funding_rate"):
        frame = pd.read_feather(source / f"{name}.feather")
        if name.endswith("rate"):
            frame = frame.rename(columns={"open": "funding_rate"})[["date", "funding_rate"]]
        frame.to_feather(target / f"{name}.feather")
    new, old = datadir.read(tmp_path).pairs["BTCUSDT"], datadir.read(written).pairs["BTCUSDT"]
    np.testing.assert_array_equal(new.funding.rate, old.funding.rate)
    assert new.positioning is None
    assert new.kind_on_record(Kind.INDEX) is Kind.LAST


def test_named_pairs_only(written):
    assert list(datadir.read(written, [BTC]).pairs) == ["BTCUSDT"]


def damage_none(directory: Path) -> None:
    """An empty directory."""


def damage_text(directory: Path) -> None:
    (directory / "futures").mkdir()
    (directory / "futures" / "BTC_USDT_USDT-1h-futures.feather").write_text("no feather")


def damage_columns(directory: Path) -> None:
    (directory / "futures").mkdir()
    frame = pd.DataFrame({"date": pd.date_range("2024", periods=3, tz="UTC"), "open": 1.0})
    frame.to_feather(directory / "futures" / "BTC_USDT_USDT-1h-futures.feather")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_none, "datadir must hold candles such as .*found none in"),
        (damage_text, "datadir holds a file that cannot be read: .*BTC_USDT"),
        (damage_columns, "lacks the columns close, high, low, volume: .*BTC_USDT"),
    ],
)
def test_a_bad_directory_is_one_clear_error(tmp_path, damage, message):
    damage(tmp_path)
    with pytest.raises(ValueError, match=message):
        datadir.read(tmp_path)


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("DOGE/USDT:USDT", r"pairs must be among BNB/USDT:USDT, .*got 'DOGE/USDT:USDT'"),
        ("DOGEUSDT", r"pair must look like BTC/USDT:USDT, got 'DOGEUSDT'"),
    ],
)
def test_an_unknown_pair_is_named(written, pair, message):
    with pytest.raises(ValueError, match=message):
        datadir.read(written, [pair])


@pytest.mark.real_data
def test_a_directory_of_real_candles(real_datadir):
    history = datadir.read(real_datadir)
    assert set(history.pairs) == {"ADAUSDT", "BTCUSDT", "ETHUSDT", "LTCUSDT", "XRPUSDT"}
    btc = history.pairs["BTCUSDT"]
    assert (btc.instrument.tick_size, btc.instrument.step_size) == (0.1, 0.001)
    assert btc.finest(Kind.LAST) == "5m"
    assert btc.finest(Kind.LAST, btc.start) == "1h"
    # Four-hour candles come from the hours, which go back further than the 5m ones.
    assert btc.candles(Kind.LAST, "4h").time[0] == btc.start
