"""The archive's metrics files: read as they are, and refused by line and column."""

import io
import zipfile
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from perpkit.market import store
from perpkit.market.metrics_file import HEADER, FileError, pair_of, parse_csv, parse_zip
from tests.conftest import REPOSITORY

NOW = datetime(2026, 11, 1, tzinfo=UTC)
DAY = datetime(2026, 1, 25, tzinfo=UTC)
NAME = "BTCUSDT-metrics-2026-01-25.csv"


def lines(
    day: datetime = DAY, first: int = 1, count: int = 288, symbol: str = "BTCUSDT"
) -> list[str]:
    """A day of 5m rows, the first one `first` steps after midnight."""
    rows = [",".join(HEADER)]
    for step in range(first, first + count):
        time = day + step * timedelta(minutes=5)
        rows.append(f"{time:%Y-%m-%d %H:%M:%S},{symbol},{1000 + step},{9e7 + step},2.5,2.1,1.5,0.9")
    return rows


def content(rows: list[str]) -> bytes:
    return "".join(f"{row}\n" for row in rows).encode()


def parse(rows: list[str], **options):
    return parse_csv(content(rows), NAME, NOW, **options)


def zipped(text: bytes, *names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names or (NAME,):
            archive.writestr(name, text)
    return buffer.getvalue()


def test_a_day_is_read():
    parsed = parse(lines())
    assert (parsed.pair, parsed.period) == ("BTC/USDT:USDT", "5m")
    row = parsed.readings.iloc[0]
    assert row["date"] == DAY + timedelta(minutes=5)
    assert row.drop("date").to_dict() == {
        "open_interest": 1001,
        "open_interest_value": 90_000_001,
        "top_accounts_ratio": 2.5,
        "top_positions_ratio": 2.1,
        "long_short_ratio": 1.5,
        "taker_ratio": 0.9,
    }
    assert len(parsed.readings) == 288
    assert parsed.readings["date"].iloc[-1] == DAY + timedelta(days=1)


def test_it_can_be_stored(tmp_path):
    parsed = parse(lines())
    store.merge(tmp_path, parsed.pair, parsed.period, parsed.readings)
    pd.testing.assert_frame_equal(
        store.read(tmp_path, parsed.pair, "5m"),
        parsed.readings[["date", *store.SERIES]],
        check_dtype=False,
    )


def test_the_order_of_columns_does_not_matter():
    turned = [",".join(reversed(line.split(","))) for line in lines()]
    pd.testing.assert_frame_equal(parse(turned).readings, parse(lines()).readings)


def test_a_zip_is_read():
    parsed = parse_zip(zipped(content(lines())), "x.zip", NOW)
    pd.testing.assert_frame_equal(parsed.readings, parse(lines()).readings)


@pytest.mark.parametrize("nothing", ["", "0", "0.00000000"])
def test_empty_and_zero_are_unknown(nothing):
    rows = lines()
    rows[3] = rows[3].replace(",1.5,", f",{nothing},")
    assert parse(rows).readings["long_short_ratio"].isna().tolist() == [False] * 2 + [True] + (
        [False] * 285
    )


@pytest.mark.parametrize(
    ("day", "first", "count", "minutes"),
    [
        (DAY, 1, 288, 0),
        (datetime(2026, 6, 24, tzinfo=UTC), 1, 288, 0),  # ends on the day of the change
        (datetime(2026, 6, 25, tzinfo=UTC), 0, 288, 5),
        (datetime(2026, 6, 25, tzinfo=UTC), 1, 288, 0),  # were they to go back
        (DAY, 0, 288, 5),
        (DAY, 1, 287, 0),  # the last row is missing
        (datetime(2026, 7, 1, tzinfo=UTC), 3, 285, 5),  # the first ones are
    ],
)
def test_rows_labelled_by_the_start_of_their_period_are_moved_to_its_end(
    day, first, count, minutes
):
    dates = parse(lines(day, first, count)).readings["date"]
    assert dates.iloc[0] == day + first * timedelta(minutes=5) + timedelta(minutes=minutes)


def changed(line: int, old: str, new: str) -> list[str]:
    rows = lines()
    assert old in rows[line - 1]
    rows[line - 1] = rows[line - 1].replace(old, new)
    return rows


TIME = "line 5: column create_time: "


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (changed(1, "create_time", "time"), "line 1: column create_time is missing"),
        (changed(1, "symbol", "symbol,more"), "line 1: column more is unknown"),
        (changed(1, "symbol", "symbol,symbol"), "line 1: column symbol is there twice"),
        (changed(1, "count_long_short_ratio,", ""), "column count_long_short_ratio is missing"),
        ([], "line 1: column create_time is missing"),
        (lines()[:1], "line 2: column create_time: there are no rows"),
        (changed(5, "00:20:00", "00:10:00"), TIME + "2026-01-25 00:10:00 comes before"),
        (changed(5, "00:20:00", "00:15:00"), TIME + "2026-01-25 00:15:00 is a duplicate"),
        (changed(5, "00:20:00", "00:21:00"), TIME + "2026-01-25 00:21:00 is not on the grid of 5m"),
        (changed(5, "00:20:00", "00:20:01"), TIME + "2026-01-25 00:20:01 is not on the grid of 5m"),
        (changed(5, "2026-01", "2027-01"), TIME + "2027-01-25 00:20:00 lies in the future"),
        (changed(5, "2026-01-25 00", "1769300400"), TIME + "must be like 2026-01-25 00:05:00"),
        (changed(5, "2026-01", "2026-13"), TIME + "'2026-13-25 00:20:00': month must be in 1..12"),
        (changed(5, "BTC", "ETH"), "line 5: column symbol: 'ETHUSDT' in a file of BTCUSDT"),
        (
            [row.replace("BTCUSDT", "BTCUSDT_260327") for row in lines()],
            "line 2: column symbol must be a perpetual such as BTCUSDT, is 'BTCUSDT_260327'",
        ),
        (changed(5, ",1.5,", ",-1.5,"), "column count_long_short_ratio: must be 0 to 1000"),
        (changed(5, ",1.5,", ",1001,"), "line 5: column count_long_short_ratio: .* is '1001'"),
        (changed(5, ",1.5,", ",x,"), "line 5: column count_long_short_ratio: .* is 'x'"),
        (changed(5, ",1.5,", ",nan,"), "line 5: column count_long_short_ratio: .* is 'nan'"),
        (changed(5, ",1.5,", ",inf,"), "line 5: column count_long_short_ratio: .* is 'inf'"),
        (changed(5, ",1.5,", ",1_5,"), "line 5: column count_long_short_ratio: .* is '1_5'"),
        (changed(5, ",1.5,", ", 1.5,"), "line 5: column count_long_short_ratio: .* is ' 1.5'"),
        (
            changed(5, ",1.5,", ",\u0661.\u0665,"),
            "column count_long_short_ratio: .* is '\u0661.*'",
        ),
        (changed(5, "1004", "-1"), "line 5: column sum_open_interest: must be 0 to 1e.15"),
        (changed(5, ",1.5,0.9", ""), "line 5: column count_long_short_ratio: the line has 6 of 8"),
        (changed(5, ",0.9", ",0.9,"), "line 5: column sum_taker.*: the line has 9 of 8"),
        (changed(5, lines()[4], ""), "line 5: column symbol: the line has 1 of 8"),
        (lines()[:100], "line 100: column create_time: the day ends at 08:15: the file is cut"),
    ],
)
def test_what_is_wrong_is_named_by_line_and_column(rows, message):
    with pytest.raises(FileError, match=f"^{NAME}: .*{message}"):
        parse(rows)


def test_a_file_cut_anywhere_is_refused():
    whole = content(lines())
    for length in range(0, len(whole), 499):
        with pytest.raises(FileError, match=NAME):
            parse_csv(whole[:length], NAME, NOW)
    with pytest.raises(FileError, match=r"line 289: column sum_taker.*: the line has no end"):
        parse_csv(whole[:-1], NAME, NOW)


@pytest.mark.parametrize(
    ("damaged", "line", "byte"),
    [
        (content(lines()[:1]) + b"\x00\xff", 2, len(content(lines()[:1])) + 1),
        ("".join(lines()).encode("utf-16"), 1, 0),
        (content(lines(symbol="币安人生USDT")).decode().encode("gb18030"), 2, 199),
    ],
)
def test_bytes_that_are_no_text_are_refused(damaged, line, byte):
    message = rf"{NAME}: line {line}: not text in UTF-8 \(byte {byte}\)"
    with pytest.raises(FileError, match=message):
        parse_csv(damaged, NAME, NOW)


def test_a_byte_order_mark_and_windows_line_ends_are_taken():
    text = b"\xef\xbb\xbf" + content(lines()).replace(b"\n", b"\r\n")
    pd.testing.assert_frame_equal(parse_csv(text, NAME, NOW).readings, parse(lines()).readings)


def test_a_symbol_outside_of_ascii_is_taken(tmp_path):
    parsed = parse(lines(symbol="币安人生USDT"))
    assert parsed.pair == "币安人生/USDT:USDT"
    store.merge(tmp_path, parsed.pair, parsed.period, parsed.readings)
    assert store.stored(tmp_path) == [("币安人生/USDT:USDT", "5m")]


@pytest.mark.parametrize(
    ("rows", "published", "message"),
    [
        (
            lines(first=0, count=289),
            False,
            "line 290: column create_time: 2026-01-26 00:00 is",
        ),
        (lines(count=288 * 2), True, "line 577: column create_time: 2026-01-27 00:00 is more than"),
        (lines()[:2] + lines()[1:2] * 1200, True, "must have at most 1153 lines, has 1202"),
        ([*lines(), " " * 2**20], True, "must have at most 1,048,576 bytes, has 1,0"),
    ],
)
def test_a_file_has_no_more_rows_than_a_day(rows, published, message):
    with pytest.raises(FileError, match=f"^{NAME}: {message}"):
        parse(rows, published=published)


def test_what_the_exchange_has_published_so_is_taken():
    assert len(parse(lines()[:100], published=True).readings) == 99
    rows = lines()
    twice = [*rows[:5], rows[4], *rows[5:]]
    assert len(parse(twice, published=True).readings) == 288
    with pytest.raises(FileError, match=r"line 6: column create_time: .* is a duplicate"):
        parse(twice)
    twice[5] = twice[5].replace(",1.5,", ",1.6,")
    with pytest.raises(FileError, match=r"line 6: column create_time: .* is a duplicate"):
        parse(twice, published=True)


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (b"", "not a whole zip file"),
        (b"no zip", "not a whole zip file"),
        (zipped(content(lines()))[:-30], "not a whole zip file"),
        (zipped(content(lines()), "a.csv", "b.csv"), "must hold one CSV file, holds a.csv, b.csv"),
        (zipped(content(lines()), "a\n[b].txt"), r"must hold one CSV file, holds a\\n\[b\].txt"),
        (
            zipped(b"", *(f"{n}.csv" for n in range(9))),
            "must hold .* 0.csv, 1.csv, 2.csv and 6 more",
        ),
        (
            zipped(bytes(20 * 2**20)),
            f"{NAME} must have at most 1,048,576 bytes unpacked, has more",
        ),
        (zipped(content(lines()), "a.txt"), "must hold one CSV file, holds a.txt"),
        (zipped(content(lines()[:9])), f"{NAME}: line 9: column create_time: the day ends"),
    ],
)
def test_a_bad_zip_is_named(archive, message):
    with pytest.raises(FileError, match=f"^day.zip: {message}"):
        parse_zip(archive, "day.zip", NOW)


def test_a_flipped_byte_in_a_zip_is_noticed():
    archive = bytearray(zipped(content(lines())))
    archive[len(archive) // 2] ^= 0xFF
    with pytest.raises(FileError, match=r"^day.zip: not a whole zip file"):
        parse_zip(bytes(archive), "day.zip", NOW)


@pytest.mark.parametrize(
    ("symbol", "pair"),
    [
        ("BTCUSDT", "BTC/USDT:USDT"),
        ("1000PEPEUSDT", "1000PEPE/USDT:USDT"),
        ("BTCUSDC", "BTC/USDC:USDC"),
        ("USDCUSDT", "USDC/USDT:USDT"),
    ],
)
def test_symbols_name_pairs(symbol, pair):
    assert pair_of(symbol) == pair


@pytest.mark.parametrize(
    "symbol",
    [
        "",
        "USDT",
        "BTCUSD",
        "BTCUSD_PERP",
        "BTCUSDT_260327",
        "A?USDT",
        "[A]USDT",
        "A\nUSDT",
        "A/../USDT",
        "A" * 41 + "USDT",
    ],
)
def test_other_symbols_do_not(symbol):
    with pytest.raises(ValueError, match="must be a perpetual"):
        pair_of(symbol)


@pytest.mark.real_data
def test_a_real_day():
    path = REPOSITORY.parent / "shared" / "data" / "positioning" / NAME
    if not path.is_file():
        pytest.skip(f"no real data at {path}")
    for parsed in (
        parse_csv(path.read_bytes(), NAME, NOW),
        parse_zip(zipped(path.read_bytes()), "x.zip", NOW),
    ):
        assert len(parsed.readings) == 288
        assert parsed.readings["date"].iloc[0] == DAY + timedelta(minutes=5)
        assert parsed.readings["long_short_ratio"].iloc[0] == 2.51770088
        assert parsed.readings.notna().all(axis=None)
