"""The exchange archive's daily `metrics` files: 5-minute positioning of one symbol, CSV in a zip.

Until 2026-06-24 a row's `create_time` is the time of its reading, and a day runs from 00:05 to
00:00; since then it is five minutes before the reading, and a day runs from 00:00 to 23:55
(reported by a user in binance/binance-public-data#491; the exchange has not confirmed it). Here
`date` is the time of the reading. If the report is wrong, new readings are used five minutes late,
never early.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

import pandas as pd

from perpkit.durations import DAY
from perpkit.files.contents import text_of
from perpkit.files.errors import FileError
from perpkit.files.zipped import unpacked
from perpkit.market.store import PERIODS, SERIES
from perpkit.market.times import dates_of, shifted

PERIOD = "5m"
COLUMNS = {
    "sum_open_interest": "open_interest",
    "sum_open_interest_value": "open_interest_value",
    "count_toptrader_long_short_ratio": "top_accounts_ratio",
    "sum_toptrader_long_short_ratio": "top_positions_ratio",
    "count_long_short_ratio": "long_short_ratio",
    "sum_taker_long_short_vol_ratio": "taker_ratio",
}
HEADER = ("create_time", "symbol", *COLUMNS)
LABELLED_BY_START = datetime(2026, 6, 25, tzinfo=UTC)
_DAY_ROWS = DAY // PERIODS[PERIOD]
# The exchange has published days in which rows are repeated.
_MOST_LINES = 1 + 4 * _DAY_ROWS
MOST_BYTES = 2**20  # of a day: its lines have fewer than 200 characters
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_NUMBER = re.compile(r"[0-9.eE+-]+")
# Some symbols are in Chinese. A file is named after one, and such a name has at most 255 bytes.
_SYMBOL = re.compile(r"([^\W_]{1,40}?)(USDT|USDC)")


@dataclass(frozen=True)
class PairReadings:
    """The readings of one pair from a file.

    :param readings: as `store.merge` accepts them
    """

    pair: str
    period: str
    readings: pd.DataFrame


def pair_of(symbol: str) -> str:
    """Returns the pair of a symbol, in Freqtrade's spelling.

    :raises ValueError: for a symbol that is not a perpetual in USDT or USDC

    >>> pair_of("BTCUSDT")
    'BTC/USDT:USDT'
    """
    match = _SYMBOL.fullmatch(symbol)
    if match is None:
        raise ValueError(f"must be a perpetual such as BTCUSDT, is {symbol!r}")
    return f"{match[1]}/{match[2]}:{match[2]}"


def parse_zip(content: bytes, name: str, now: datetime, *, published: bool = False) -> PairReadings:
    """Parses the only CSV file in a zip file; otherwise as `parse_csv`."""
    member = ""

    def only_csv(members: Sequence[str]) -> str:
        nonlocal member
        if len(members) != 1 or not members[0].endswith(".csv"):
            more = f" and {len(members) - 3} more" if len(members) > 3 else ""
            found = ", ".join(members[:3]) + more or "nothing"
            raise FileError(f"{name}: must hold one CSV file, holds {found}")
        member = members[0]
        return member

    text = unpacked(io.BytesIO(content), name, only_csv, MOST_BYTES)
    return parse_csv(text, f"{name}: {member}", now, published=published)


def parse_csv(content: bytes, name: str, now: datetime, *, published: bool = False) -> PairReadings:
    """Parses the readings of a metrics file: of one day, in UTF-8. Values that are empty or 0 are
    unknown.

    :param name: name of the file, for messages
    :param now: later rows are refused
    :param published: whether the checksum proves that the file is as the exchange published it.
        Then a day that ends early or a repeated row is accepted; otherwise both count as damage
    :raises FileError: naming the file, the line and the column
    """
    if len(content) > MOST_BYTES:
        raise FileError(f"{name}: must have at most {MOST_BYTES:,} bytes, has {len(content):,}")
    text = text_of(content, name)
    lines = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
    if len(lines) > _MOST_LINES:
        raise FileError(f"{name}: must have at most {_MOST_LINES} lines, has {len(lines)}")
    header = _header(lines, name)
    if len(lines) < 2:
        raise FileError(f"{name}: line 2: column create_time: there are no rows")
    place = [header.index(column) for column in HEADER]
    symbol = ""
    times: list[datetime] = []
    rows: list[list[float]] = []
    for number, line in enumerate(lines[1:], start=2):
        where = f"{name}: line {number}: column"
        given = line.split(",")
        if len(given) != len(HEADER):
            column = header[min(len(given), len(HEADER) - 1)]
            raise FileError(f"{where} {column}: the line has {len(given)} of {len(HEADER)} values")
        moment_text, symbol_text, *texts = (given[i] for i in place)
        symbol = _symbol(symbol_text, symbol, where)
        moment = _moment(moment_text, now, where)
        row = [_value(text, c, where) for text, c in zip(texts, COLUMNS, strict=True)]
        if times and moment <= times[-1]:
            again = moment == times[-1]
            if published and again and str(row) == str(rows[-1]):
                continue
            what = "is a duplicate of" if again else "comes before"
            raise FileError(f"{where} create_time: {moment_text} {what} the line above")
        times.append(moment)
        rows.append(row)
    if times[-1] - times[0] > DAY - PERIODS[PERIOD]:
        raise FileError(
            f"{name}: line {len(lines)}: column create_time: {times[-1]:%Y-%m-%d %H:%M} is more "
            f"than the {_DAY_ROWS} rows of a day after {times[0]:%Y-%m-%d %H:%M}"
        )
    if not published:
        where = f"{name}: line {len(lines)}: column"
        if not text.endswith("\n"):
            raise FileError(f"{where} {header[-1]}: the line has no end: the file is cut short")
        if times[-1].time() not in (time(0, 0), time(23, 55)):
            raise FileError(
                f"{where} create_time: the day ends at {times[-1]:%H:%M}: the file is cut short"
            )
    readings = pd.DataFrame(rows, columns=list(COLUMNS.values()))
    readings.insert(0, "date", shifted(dates_of(times), _until_taken(times)))
    return PairReadings(pair_of(symbol), PERIOD, readings)


def _header(lines: Sequence[str], name: str) -> list[str]:
    header = lines[0].split(",") if lines else []
    for column in HEADER:
        if column not in header:
            raise FileError(f"{name}: line 1: column {column} is missing")
    for column in header:
        if column not in HEADER or header.count(column) > 1:
            what = "is there twice" if column in HEADER else "is unknown"
            raise FileError(f"{name}: line 1: column {column} {what}")
    return header


def _symbol(text: str, before: str, where: str) -> str:
    if text == before:
        return text
    if before:
        raise FileError(f"{where} symbol: {text!r} in a file of {before}")
    try:
        pair_of(text)
    except ValueError as error:
        raise FileError(f"{where} symbol {error}") from None
    return text


def _moment(text: str, now: datetime, where: str) -> datetime:
    if not _TIME.fullmatch(text):
        raise FileError(f"{where} create_time: must be like 2026-01-25 00:05:00, is {text!r}")
    try:
        moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError as error:
        raise FileError(f"{where} create_time: {text!r}: {error}") from error
    if moment > now:
        raise FileError(f"{where} create_time: {text} lies in the future")
    if moment.minute % 5 or moment.second:
        raise FileError(f"{where} create_time: {text} is not on the grid of {PERIOD}")
    return moment


def _value(text: str, column: str, where: str) -> float:
    if not text:
        return math.nan
    most = SERIES[COLUMNS[column]]
    try:
        # `float` alone also takes 1_0, surrounding spaces and digits of other scripts.
        value = float(text) if _NUMBER.fullmatch(text) else math.nan
    except ValueError:
        value = math.nan
    if not 0 <= value <= most:
        raise FileError(f"{where} {column}: must be 0 to {most:g}, is {text!r}")
    return value or math.nan


def _until_taken(times: Sequence[datetime]) -> timedelta:
    """Returns the time from `create_time` to the reading, judged by the first and last row of the
    day, or else by its date."""
    first, last = times[0], times[-1]
    by_start = last.time() != time(0, 0) and (
        first.time() == time(0, 0) or first >= LABELLED_BY_START
    )
    return PERIODS[PERIOD] if by_start else timedelta(0)
