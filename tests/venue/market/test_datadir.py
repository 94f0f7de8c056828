"""Data directories: what is written is what Freqtrade reads, and what the venue reads back."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from perpkit.durations import DAY_MS, HOUR_MS
from perpkit.rehearsal.datadir_mark import marked
from perpkit.venue.market import datadir
from perpkit.venue.market.candles import PriceKind
from perpkit.venue.market.history import History
from perpkit.venue.market.limits import scaled
from tests.venue.other_contracts import OTHERS, renamed

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
        for name in ("pair", "tick_size", "step_size", "funding_hours"):
            assert getattr(pair.instrument, name) == getattr(original.instrument, name)
        assert pair.end == END
        for kind, intervals in ((PriceKind.LAST, ("5m", "1h", "1d")), (PriceKind.MARK, ("1h",))):
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
        else getattr(pair.candles(PriceKind(candle_type), timeframe), column)
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


def test_a_timeframe_that_cannot_be_made_is_refused_before_writing(history, tmp_path):
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
    assert new.kind_on_record(PriceKind.INDEX) is PriceKind.LAST


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
        ("DOGEUSDT", r"pair must look like BTC/USDT:USDT, .*got 'DOGEUSDT'"),
        ("BTC/USDT:USDC", r"pair must look like BTC/USDT:USDT, .*got 'BTC/USDT:USDC'"),
        ("BTC/USDT:USDT-260327", r"pairs must be among .*, got 'BTC/USDT:USDT-260327'"),
        ("btc/usdt:usdt", r"pair must look like BTC/USDT:USDT, .*got 'btc/usdt:usdt'"),
    ],
)
def test_an_unknown_pair_is_named(written, pair, message):
    with pytest.raises(ValueError, match=message):
        datadir.read(written, [pair])


def test_pairs_of_any_name_are_read_back_as_freqtrade_spells_them(history, tmp_path):
    from freqtrade.data.history import load_pair_history
    from freqtrade.enums import CandleType

    original = renamed(history, OTHERS)
    files = datadir.write(original, tmp_path, ["1h"], END)
    said: list[str] = []
    again = datadir.read(tmp_path, say=said.append)
    assert said == []
    assert {p.instrument.pair for p in again} == set(OTHERS)
    assert len(files) == 4 * len(OTHERS)
    for pair in again:
        inst = original.pairs[pair.instrument.symbol].instrument
        assert (pair.instrument.pair, pair.instrument.contract_type, pair.instrument.quote) == (
            inst.pair, inst.contract_type, inst.quote
        )  # fmt: skip
        assert pair.positioning is not None
        assert len(pair.funding.time)
        frame = load_pair_history(
            inst.pair, "1h", tmp_path, candle_type=CandleType.FUTURES, fill_up_missing=False,
            drop_incomplete=False,
        )  # fmt: skip
        assert len(frame) == 480
    for name in OTHERS:
        assert [p.instrument.pair for p in datadir.read(tmp_path, [name])] == [name]


def test_limits_are_those_of_the_datas_own_price_and_turnover(history, tmp_path):
    datadir.write(renamed(history, ("ABC/USDT:USDT",), 1e-8), tmp_path, ["5m"], END)
    (pair,) = datadir.read(tmp_path)
    candles = pair.candles(PriceKind.LAST, "5m")
    scale = scaled(float(candles.close[-1]), float(candles.turnover().sum()) / 20)
    assert pair.instrument.max_market_quantity == pytest.approx(scale.max_market_quantity)
    assert pair.instrument.max_quantity == pytest.approx(scale.max_quantity)
    # A market order of 121 USDT passes.
    assert 121 / candles.close[-1] < pair.instrument.max_market_quantity


def test_what_is_left_out_is_said_with_its_reason(written, tmp_path):
    shutil.copytree(written, tmp_path, dirs_exist_ok=True)
    futures = tmp_path / "futures"
    candles = futures / "BTC_USDT_USDT-1h-futures.feather"
    for name in (
        "BTC_USDT_USDT-1M-futures.feather", "BTC_USDT_USDT-1h-premiumIndex.feather",
        "BTC_USDT_USDT-1h-futures.json", "BTC_USD_BTC-1h-futures.feather",
        "btc_usdt_usdt-1h-futures.feather", "DOGE_USDT_USDT-1h-mark.feather", ".gitkeep",
    ):  # fmt: skip
        shutil.copy(candles, futures / name)
    (tmp_path / "positioning" / "ETH_USDT_USDT-1h.feather").rename(
        tmp_path / "positioning" / "ETH_USDT_USDT-5m.feather"
    )
    said: list[str] = []
    history = datadir.read(tmp_path, say=said.append)
    assert set(history.pairs) == set(datadir.read(written).pairs)
    text = "\n".join(said)
    for line in (
        "BTC_USDT_USDT-1M-futures.feather: intervals are 1m, ",
        "BTC_USDT_USDT-1h-premiumIndex.feather: kinds of candles are futures, mark, index",
        "BTC_USDT_USDT-1h-futures.json, BTC_USD_BTC-1h-futures.feather, "
        "btc_usdt_usdt-1h-futures.feather: not named as candles",
        "DOGE/USDT:USDT: there are no traded candles",
        "ETH_USDT_USDT-5m.feather: positioning is read from 1h files",
    ):
        assert line in text, (line, text)
    assert "gitkeep" not in text
    said.clear()
    datadir.read(tmp_path, ["SOL/USDT:USDT"], say=said.append)
    assert said == []


def test_left_out_files_are_named_on_stderr_by_default(written, tmp_path, capsys):
    shutil.copytree(written, tmp_path, dirs_exist_ok=True)
    (tmp_path / "futures" / "notes.txt").write_text("mine")
    datadir.read(tmp_path)
    assert "notes.txt: not named as candles" in capsys.readouterr().err


def test_the_delivery_of_a_dated_contract_moves_with_its_history(history):
    dated = renamed(history, ("BTC/USDT:USDT-240329",)).shifted(400 * DAY_MS)
    assert list(dated.pairs) == ["BTCUSDT_250503"]
    assert dated.pairs["BTCUSDT_250503"].instrument.pair == "BTC/USDT:USDT-250503"


@pytest.mark.real_data
def test_a_directory_of_real_candles(real_datadir):
    history = datadir.read(real_datadir)
    assert set(history.pairs) == {"ADAUSDT", "BTCUSDT", "ETHUSDT", "LTCUSDT", "XRPUSDT"}
    btc = history.pairs["BTCUSDT"]
    assert (btc.instrument.tick_size, btc.instrument.step_size) == (0.1, 0.001)
    assert btc.finest(PriceKind.LAST) == "5m"
    assert btc.finest(PriceKind.LAST, btc.start) == "1h"
    # Four-hour candles come from the hours, which go back further than the 5m ones.
    assert btc.candles(PriceKind.LAST, "4h").time[0] == btc.start
