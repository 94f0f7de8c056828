"""Positioning data of pairs for the pairlists, from the store and from the exchange."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from math import nan
from pathlib import Path
from typing import Any

import pandas as pd
from freqtrade.data.history import load_pair_history
from freqtrade.enums import CandleType
from freqtrade.exchange import Exchange, timeframe_to_seconds

from perpkit.durations import HOUR_S
from perpkit.market import open_interest
from perpkit.market.asof import KnownReadings
from perpkit.market.crowd_band import Crowd
from perpkit.market.exchanges import facts_at
from perpkit.market.open_interest import Interest, interest_readings
from perpkit.market.positioning import positioning_readings
from perpkit.market.store import PERIODS, read_periods
from perpkit.market.times import dated, dates_at, shifted

# Requested from the exchange: a page of 500 hourly readings reaches back 20 days.
ASKED_PERIOD, PAGE = "1h", 500
_CROWD = ("long_short_ratio", "long_short_rank")
_NATIVE = {"open_interest_amount": "open_interest", "open_interest_value": "open_interest_value"}


def crowd_readings(stored: pd.DataFrame, period: str, timeframe: str) -> KnownReadings:
    """Returns which `Crowd` was known at which time.

    :param stored: readings with the columns of the store
    :param period: of the readings, such as "1h"
    """
    every = timedelta(seconds=timeframe_to_seconds(timeframe))
    return KnownReadings(positioning_readings(stored, period, every), _CROWD)


def stored_crowd(datadir: Path, pair: str, timeframe: str) -> list[KnownReadings]:
    """Returns the stored `crowd_readings` of a pair by period, the shortest first.

    :raises StoreError: for a file that cannot be used
    """
    stored = read_periods(datadir, pair, _CROWD[:1])
    return [crowd_readings(frame, period, timeframe) for period, frame in stored.items()]


async def asked_crowd(exchange: Exchange, pair: str, timeframe: str) -> KnownReadings:
    """Requests the newest `crowd_readings` of a pair from the exchange.

    :raises ccxt.BaseError: if the request fails
    """
    answer = await exchange._api_async.fetch_long_short_ratio_history(
        pair, ASKED_PERIOD, limit=PAGE
    )
    delay = facts_at(exchange).ratio_date_delay(PERIODS[ASKED_PERIOD])
    frame = _frame(answer, {"longShortRatio": "long_short_ratio"}, delay)
    return crowd_readings(frame, ASKED_PERIOD, timeframe)


def crowds_at(readings: Iterable[KnownReadings], when: datetime) -> list[Crowd]:
    """Returns the `Crowd` at `when` of each of the readings that has one."""
    return [Crowd(*values) for one in readings if (values := one.at(when))]


def stored_interest(
    datadir: Path, pair: str, timeframe: str, change_hours: int, marks: pd.DataFrame
) -> list[KnownReadings]:
    """Returns which `Interest` of a pair was known at which time, by source and period.

    Perpkit's store comes first, then Freqtrade's own candles of open interest.

    :param marks: mark prices, as for `interest_readings`
    :raises StoreError: for a file that cannot be used
    """
    stored = read_periods(datadir, pair, tuple(_NATIVE.values()))
    sources = [*stored.items(), *_native(datadir, pair)]
    return [
        _interest(frame, period, timeframe, change_hours, marks)
        for period, frame in sources
        if frame["open_interest"].notna().any()
    ]


async def asked_interest(
    exchange: Exchange, pair: str, timeframe: str, change_hours: int
) -> KnownReadings:
    """Requests the newest readings of `Interest` from the exchange.

    :raises ccxt.BaseError: if the request fails
    """
    # A few more than the change spans, for the current candle and for missing readings.
    hours = change_hours + timeframe_to_seconds(timeframe) // HOUR_S + 5
    answer = await exchange._api_async.fetch_open_interest_history(
        pair, ASKED_PERIOD, limit=min(hours, PAGE)
    )
    columns = {"openInterestAmount": "open_interest", "openInterestValue": "open_interest_value"}
    return _interest(_frame(answer, columns), ASKED_PERIOD, timeframe, change_hours, None)


def interest_at(readings: Iterable[KnownReadings], when: datetime) -> Interest | None:
    """Returns the `Interest` at `when` from the first of the readings that has one."""
    known = (values for one in readings if (values := one.at(when)))
    return next((Interest(*values) for values in known if values[0] > 0), None)


def _interest(
    frame: pd.DataFrame,
    period: str,
    timeframe: str,
    change_hours: int,
    marks: pd.DataFrame | None,
) -> KnownReadings:
    every = timedelta(seconds=timeframe_to_seconds(timeframe))
    readings = interest_readings(frame, period, every, timedelta(hours=change_hours), marks)
    return KnownReadings(readings, open_interest.COLUMNS)


def _native(datadir: Path, pair: str) -> list[tuple[str, pd.DataFrame]]:
    if "open_interest" not in list(CandleType):  # before Freqtrade 2026.9
        return []
    loaded = (
        (
            period,
            load_pair_history(
                pair,
                period,
                datadir,
                fill_up_missing=False,
                data_format="feather",
                candle_type=CandleType("open_interest"),
            ),
        )
        for period in PERIODS
    )
    return [(p, dated(frame).rename(columns=_NATIVE)) for p, frame in loaded if len(frame)]


def _frame(
    answer: list[dict[str, Any]], columns: dict[str, str], delay: timedelta = timedelta(0)
) -> pd.DataFrame:
    """Returns rows by ascending date; values that are missing or 0 in the answer become NaN.

    :param delay: what the date of a reading is later than its time
    """
    rows = {int(row["timestamp"]): [row.get(field) or nan for field in columns] for row in answer}
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=list(columns.values()))
    frame = frame.sort_index().astype(float)
    dates = shifted(dates_at(frame.index.to_numpy(dtype="int64")), delay)
    return frame.set_axis(dates).rename_axis("date").reset_index()
