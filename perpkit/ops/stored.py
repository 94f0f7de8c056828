"""Stored candles and time ranges, as an operator names them on the command line."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from perpkit.rehearsal.datadir_mark import marked

# pandas and Freqtrade load inside the functions, so that `perpkit --help` stays quick.
if TYPE_CHECKING:
    from pandas import DataFrame
    from rich.console import Console

FORMATS = ("feather", "parquet", "json", "jsongz")


class BadInputError(ValueError):
    """Input of the operator that cannot be used; the message is for the operator."""


def config_words(error: Exception) -> str:
    """Returns what is wrong with a configuration, without quoting its content.

    For a file that is not valid JSON, Freqtrade quotes the lines around the error, which may hold a
    secret.
    """
    return str(error).split("\nPlease verify the following segment")[0]


def parse_timerange(text: str) -> tuple[datetime | None, datetime | None]:
    """Returns both ends of a Freqtrade time range; None for an open end.

    :raises BadInputError: for an empty range, and for anything that Freqtrade itself refuses
    """
    from freqtrade.configuration import TimeRange
    from freqtrade.exceptions import OperationalException

    try:
        parsed = TimeRange.parse_timerange(text)
    except (OperationalException, OverflowError) as error:
        raise BadInputError(
            f"timerange must be like 20200101-20240101, start before stop, got {text!r}"
        ) from error
    ends = (parsed.startdt, parsed.stopdt)
    if None not in ends and ends[0] == ends[1]:
        raise BadInputError(f"timerange must not be empty, got {text!r}")
    return ends


def load_candles(
    datadir: Path, pair: str, data_format: str, stop: datetime | None, timeframe: str = "1h"
) -> DataFrame:
    """Returns stored candles that open before `stop`; gaps are not filled.

    :raises BadInputError: if there is no such directory, format or candle
    """
    from freqtrade.data.history.datahandlers import get_datahandler
    from freqtrade.enums import CandleType

    from perpkit.market.times import dated

    if not datadir.is_dir():
        raise BadInputError(f"datadir must be a directory with Freqtrade data, got {datadir}")
    if data_format not in FORMATS:
        raise BadInputError(f"data_format must be one of {', '.join(FORMATS)}, got {data_format!r}")
    kind = CandleType.FUTURES if ":" in pair else CandleType.SPOT
    candles: DataFrame = get_datahandler(datadir, data_format).ohlcv_load(
        pair, timeframe, kind, fill_missing=False, warn_no_data=False
    )
    if stop is not None:
        candles = candles[candles["date"] < stop]
    if candles.empty:
        stored = f"{timeframe} {kind.value} candles ({data_format}) in {datadir}"
        before = f" before {stop:%Y-%m-%d %H:%M}" if stop else ""
        raise BadInputError(f"pair must have {stored}{before}, got {pair}")
    return dated(candles)


def stored_pairs(datadir: Path, data_format: str) -> list[str]:
    """Returns every pair with stored 1h futures candles."""
    from freqtrade.data.history.datahandlers import get_datahandler
    from freqtrade.enums import CandleType, TradingMode

    available = get_datahandler(datadir, data_format).ohlcv_get_available_data(
        datadir, TradingMode.FUTURES
    )
    return sorted(
        pair
        for pair, timeframe, kind in available
        if timeframe == "1h" and kind == CandleType.FUTURES
    )


def say_if_marked(datadir: Path) -> None:
    """Prints one line if the data are a venue's: results then prove nothing about the exchange."""
    if says := marked(datadir):
        print(f"{says}.", file=sys.stderr)


def wide_console(width_of_a_file: int = 160) -> Console:
    """Returns a console for tables of sentences: as wide as the terminal, or wide without one."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else width_of_a_file
    return Console(width=width, markup=False, emoji=False)
