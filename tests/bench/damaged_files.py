"""Files for `perpkit data import`, whole and damaged: every case is made from its number alone."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import feather

from perpkit.files.errors import FileError

HEADER = (
    "create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,"
    "sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio"
)
DAY = datetime(2026, 1, 25, tzinfo=UTC)
PACKINGS = {
    "stored": zipfile.ZIP_STORED,
    "deflate": zipfile.ZIP_DEFLATED,
    "bz2": zipfile.ZIP_BZIP2,
    "lzma": zipfile.ZIP_LZMA,
}
COMPRESSIONS = ("lz4", "zstd", "uncompressed")
RATIOS = ("lsr_global", "lsr_top_accounts", "lsr_top_positions")
# What a value in a text file may have become.
VALUES = (
    *("", "0", "-1", "nan", "inf", "1e999", "1_0", " 1", "1,1", '"1"', "\0", "٣", "x" * 500),
    *("9" * 5000, "2026-01-25 24:00:00", "0001-01-01 00:00:00", "9999-12-31 23:55:00"),
    *("BTCUSDT\r", "[red]USDT", "A?/../BUSDT", "币安人生USDT", "X" * 300 + "USDT"),
)
NAMES = ("day", "day [red]", "day\nof two lines", "day?", "день", "day%20", "[_]")


def csv(symbol: str = "BTCUSDT", rows: int = 24) -> str:
    """The last hours of a day, as the exchange's archive has them."""
    times = (DAY + timedelta(days=1) - n * timedelta(minutes=5) for n in reversed(range(rows)))
    lines = [f"{t:%Y-%m-%d %H:%M:%S},{symbol},1000.5,9e7,2.5,2.1,1.{t:%H},0.9" for t in times]
    return "\n".join([HEADER, *lines]) + "\n"


def zipped(content: bytes, packing: str, name: str = "day.csv") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", PACKINGS[packing]) as archive:
        archive.writestr(zipfile.ZipInfo(name), content, PACKINGS[packing])
    return buffer.getvalue()


def ratios(rows: int = 12) -> pd.DataFrame:
    dates = pd.date_range("2022-01-01", periods=rows, tz="UTC")
    one = {"timestamp": dates, **{name: np.linspace(1, 2, rows) for name in RATIOS}}
    symbols = ("BTCUSDT", "ETHUSDT")
    return pd.concat([pd.DataFrame(one).assign(symbol=s) for s in symbols], ignore_index=True)


def readings(rows: int = 12) -> pd.DataFrame:
    """As a store of today has them."""
    dates = pd.date_range("2022-01-01", periods=rows, freq="h", tz="UTC").as_unit("ms")
    values = {"long_short_ratio": np.linspace(1, 2, rows), "open_interest": np.nan}
    return pd.DataFrame({"date": dates, **values})


def arrow(frame: pd.DataFrame | pa.Table, compression: str = "lz4") -> bytes:
    """A feather file without a checksum."""
    buffer = io.BytesIO()
    feather.write_feather(frame, buffer, compression)
    return buffer.getvalue()


@cache
def originals() -> dict[str, bytes]:
    """Whole files, by kind; the name of each ends like that of the file."""
    text = csv().encode()
    found = {"plain.csv": text, "bom.csv": b"\xef\xbb\xbf" + csv("币安人生USDT").encode()}
    found |= {f"{packing}.zip": zipped(text, packing) for packing in PACKINGS}
    for compression in COMPRESSIONS:
        found[f"ratios-{compression}.feather"] = arrow(ratios(), compression)
        found[f"store-{compression}.feather"] = arrow(readings(), compression)
    found["categories.feather"] = arrow(ratios().astype({"symbol": "category"}))
    return found


def flipped(content: bytes, bits: Iterator[int] | range | None = None) -> Iterator[bytes]:
    """The content with one bit changed: each in turn, or those that `bits` names."""
    for bit in range(8 * len(content)) if bits is None else bits:
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        yield bytes(changed)


def refusal(read: Callable[[bytes], object], content: bytes) -> str:
    """What a reader says of a file that it refuses; empty for one that it takes."""
    try:
        read(content)
    except FileError as error:
        return str(error)
    return ""


def damaged(content: bytes, random: Random) -> bytes:
    """The bytes damaged in one to four ways."""
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        content = random.choice(_DAMAGES)(content, random)
    return content


def case(number: int) -> tuple[str, bytes]:
    """The name and content of a file, most of them damaged."""
    random = Random(number)
    kind, content = random.choice(sorted(originals().items()))
    _, _, suffix = kind.rpartition(".")
    name = f"{random.choice(NAMES)}.{suffix}"
    if kind.startswith("store"):
        name = "BTC_USDT_USDT-1h.feather"
    if random.random() < 0.5:
        content = damaged(content, random)
    elif suffix == "feather":
        content = _with_other_values(kind, random)
    elif suffix == "csv":
        content = _text(random)
    else:
        member = random.choice(("day.csv", "day.csv", "day\n.csv", "[x].csv", "day.txt"))
        content = zipped(_text(random), random.choice(list(PACKINGS)), member)
    return name, content


def _part(content: bytes, random: Random) -> tuple[int, int]:
    start = random.randrange(len(content) + 1)
    return start, min(len(content), start + random.choice((1, 2, 4, 8, 64, 500)))


def _flip(content: bytes, random: Random) -> bytes:
    return next(flipped(content, iter([random.randrange(8 * len(content))]))) if content else b"\0"


def _overwrite(content: bytes, random: Random) -> bytes:
    start, end = _part(content, random)
    fill = random.choice((b"\0", b"\xff", b"\x7f", b"\x80", None))
    middle = random.randbytes(end - start) if fill is None else fill * (end - start)
    return content[:start] + middle + content[end:]


def _cut(content: bytes, random: Random) -> bytes:
    return content[: random.randrange(len(content) + 1)]


def _remove(content: bytes, random: Random) -> bytes:
    start, end = _part(content, random)
    return content[:start] + content[end:]


def _repeat(content: bytes, random: Random) -> bytes:
    start, end = _part(content, random)
    return content[:end] + content[start:end] * random.choice((1, 2, 50)) + content[end:]


def _spliced(content: bytes, random: Random) -> bytes:
    other = random.choice(sorted(originals().values()))
    at = random.randrange(min(len(content), len(other)) + 1)
    return content[:at] + other[at:]


_DAMAGES: tuple[Callable[[bytes, Random], bytes], ...] = (
    _flip, _flip, _overwrite, _cut, _remove, _repeat, _spliced
)  # fmt: skip


def _text(random: Random) -> bytes:
    """A CSV file with other values, lines or encoding."""
    lines = csv(random.choice(("BTCUSDT", "BTCUSDT", "币安人生USDT"))).splitlines()
    for _ in range(random.choice((0, 1, 1, 2))):
        row = random.randrange(len(lines))
        match random.randrange(5):
            case 0:
                del lines[row]
            case 1:
                lines[row:row] = [lines[row]] * random.choice((1, 1, 5, 3000))
            case 2:
                lines.insert(random.randrange(len(lines)), lines.pop(row))
            case _:
                fields = lines[row].split(",")
                fields[random.randrange(len(fields))] = random.choice(VALUES)
                lines[row] = ",".join(fields)
        lines = lines or [""]
    end = random.choice(("\n", "\n", "\r\n", "\r"))
    encoding = random.choice(("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "gb18030"))
    return (end.join(lines) + random.choice((end, end, ""))).encode(encoding)


def _with_other_values(kind: str, random: Random) -> bytes:
    """A sound feather file whose table is not what it must be, or only just."""
    table = pa.Table.from_pandas(readings() if kind.startswith("store") else ratios())
    for _ in range(random.choice((0, 1, 1, 2))):
        table = random.choice(_TABLES)(table, random)
    return arrow(table, random.choice(COMPRESSIONS))


def _changed_value(table: pa.Table, random: Random) -> pa.Table:
    place = random.randrange(table.num_columns)
    column = table.column(place)
    if not len(column):
        return table
    kind = column.type
    extremes: tuple[object, ...]
    if pa.types.is_timestamp(kind):
        column, kind = column.cast(pa.int64()), pa.int64()
        first = column[0].as_py()
        extremes = (0, 1, -1, 2**62, -(2**62), 253402300799999, -62135596800000, first, None)
    elif pa.types.is_floating(kind):
        extremes = (0.0, -1.0, float("nan"), float("inf"), 1e300, 5e-324, None)
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        extremes = ("", "USDT", "[red]USDT", "A\nUSDT", "A?USDT", "币安人生USDT", "X" * 300, None)
    else:
        return table
    values = column.to_pylist()
    values[random.randrange(len(values))] = random.choice(extremes)
    changed = pa.array(values, kind).cast(table.field(place).type)
    return table.set_column(place, table.field(place).name, changed)


def _other_type(table: pa.Table, random: Random) -> pa.Table:
    place = random.randrange(table.num_columns)
    rows = table.num_rows
    other = random.choice(
        (
            pa.array(["x"] * rows),
            pa.array([1] * rows),
            pa.array([[1]] * rows),
            pa.array([{"a": 1}] * rows),
            pa.array([None] * rows),
            pa.array([True] * rows),
            pa.array([b"\xff"] * rows),
            pa.array(["BTCUSDT"] * rows).dictionary_encode(),
            pa.array(range(rows), pa.timestamp("s", "UTC")),
            pa.array(range(rows), pa.timestamp("ms", "Europe/Berlin")),
            pa.array(range(rows), pa.date32()),
            pa.array(range(rows), pa.duration("ns")),
            pa.array([1.5] * rows, pa.float32()),
        )
    )
    return table.set_column(place, table.field(place).name, other)


def _other_columns(table: pa.Table, random: Random) -> pa.Table:
    place = random.randrange(table.num_columns)
    match random.randrange(4):
        case 0:
            return table.remove_column(place) if table.num_columns > 1 else table
        case 1:
            return table.append_column(table.field(place).name, table.column(place))
        case 2:
            name = random.choice(("other", "date", "timestamp", "a\nb", "[red]"))
            return table.append_column(name, table.column(place))
        case _:
            return table.slice(0, random.choice((0, 1)))


_TABLES: tuple[Callable[[pa.Table, Random], pa.Table], ...] = (
    _changed_value, _changed_value, _other_type, _other_columns
)  # fmt: skip
