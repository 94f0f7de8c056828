"""Imports feather files of positioning: several symbols in one file, or a file of another store."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd

from perpkit.files.errors import FileError
from perpkit.files.feather import frame_of
from perpkit.market.asof import nanoseconds
from perpkit.market.metrics_file import PairReadings, pair_of
from perpkit.market.store import (
    FIRST,
    LAST,
    PERIODS,
    SERIES,
    StoreError,
    check,
    name_of,
    shown_value,
)
from perpkit.market.times import dated, dates_of

# The columns next to `timestamp` and `symbol` in a file of several symbols, and their names here.
COLUMNS = {
    "lsr_global": "long_short_ratio",
    "lsr_top_accounts": "top_accounts_ratio",
    "lsr_top_positions": "top_positions_ratio",
}


def parse_feather(content: bytes, name: str, now: datetime) -> list[PairReadings]:
    """Parses the readings of a feather file, by pair. Their period is the shortest step in it.

    :param name: name of the file, for messages; that of a store's file gives the pair and period
    :param now: later rows are refused
    :raises FileError: naming the file, the row (from 0) and the column
    """
    frame = frame_of(content, name)
    if "date" in frame and (found := name_of(name)):
        try:
            check(frame, found[1], name)
        except StoreError as error:
            raise FileError(str(error)) from error
        _refuse(frame["date"] > now, frame["date"], name, "date", "lies in the future")
        return [PairReadings(*found, dated(frame))]
    _check_columns(frame, name)
    frame["symbol"] = frame["symbol"].astype(str)
    known = frame["timestamp"].between(FIRST, LAST)
    limits = f"is not a time between {FIRST:%Y} and {LAST:%Y}"
    _refuse(~known, frame["timestamp"], name, "timestamp", limits)
    times, symbols = nanoseconds(frame["timestamp"]), frame["symbol"]
    future = frame["timestamp"] > now
    _refuse(future, frame["timestamp"], name, "timestamp", "lies in the future")
    for column, series in COLUMNS.items():
        values = frame[column]
        bad = ~values.between(0, SERIES[series]) & values.notna()
        _refuse(bad, values, name, column, f"is not within 0 to {SERIES[series]:g}")
    steps = pd.Series(times, index=frame.index).groupby(symbols).diff()
    _refuse(steps < 0, frame["timestamp"], name, "timestamp", "comes after a later one")
    _refuse(steps == 0, frame["timestamp"], name, "timestamp", "is a duplicate")
    period = next((p for p, t in PERIODS.items() if pd.Timedelta(t).value == steps.min()), None)
    if period is None:
        raise FileError(
            f"{name}: column timestamp: the shortest step must be one of {', '.join(PERIODS)}, "
            f"is {pd.Timedelta(steps.min())}"
        )
    off = pd.Series(times % pd.Timedelta(PERIODS[period]).value != 0, index=frame.index)
    _refuse(off, frame["timestamp"], name, "timestamp", f"is not on the grid of {period}")
    return [
        PairReadings(_pair(str(symbol), rows, name), period, _readings(rows))
        for symbol, rows in frame.groupby("symbol", sort=True)
    ]


def _check_columns(frame: pd.DataFrame, name: str) -> None:
    expected = ["timestamp", "symbol", *COLUMNS]
    for column in expected:
        if column not in frame:
            raise FileError(f"{name}: column {column} is missing")
    for column in frame.columns:
        if column not in expected:
            raise FileError(f"{name}: column {column} is unknown")
    dtype = frame["timestamp"].dtype
    if not isinstance(dtype, pd.DatetimeTZDtype) or str(dtype.tz) != "UTC":
        raise FileError(f"{name}: column timestamp must be a date in UTC, is {dtype}")
    symbols = frame["symbol"]
    texts = symbols.cat.categories if isinstance(symbols.dtype, pd.CategoricalDtype) else symbols
    if not pd.api.types.is_string_dtype(texts):
        raise FileError(f"{name}: column symbol must be text, is {symbols.dtype}")
    _refuse(symbols.isna(), symbols, name, "symbol", "is not a symbol")
    for column in COLUMNS:
        if frame[column].dtype != np.float64:
            raise FileError(
                f"{name}: column {column} must be a decimal number, is {frame[column].dtype}"
            )
    if frame.empty:
        raise FileError(f"{name}: column timestamp: there are no rows")


def _refuse(bad: pd.Series, shown: pd.Series, name: str, column: str, what: str) -> None:
    if bad.any():
        row = int(np.argmax(bad.to_numpy()))
        raise FileError(f"{name}: row {row}: column {column}: {shown_value(shown, row)} {what}")


def _pair(symbol: str, rows: pd.DataFrame, name: str) -> str:
    try:
        return pair_of(symbol)
    except ValueError as error:
        raise FileError(f"{name}: row {rows.index[0]}: column symbol {error}") from None


def _readings(rows: pd.DataFrame) -> pd.DataFrame:
    values = {series: rows[column].to_numpy() for column, series in COLUMNS.items()}
    frame = pd.DataFrame({"date": dates_of(rows["timestamp"]), **values})
    return frame.replace({series: {0.0: np.nan} for series in COLUMNS.values()})
