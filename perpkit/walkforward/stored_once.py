"""Candle files, read once in a process that runs many backtests on them.

Freqtrade reads the files in every backtest, and looks for candles that are missing or there twice.
Here what was read is remembered, and cut to the time range of each backtest by Freqtrade itself;
what was cut is left as it is where each candle follows the one before it.
tests/contract/test_walkforward_seams.py holds what is relied on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
from freqtrade.data.history import get_datahandler
from freqtrade.data.history.datahandlers import idatahandler
from freqtrade.exchange import timeframe_to_msecs
from pandas import DataFrame

from perpkit.durations import DAY_MS
from perpkit.market.asof import nanoseconds

_COLUMNS = ["date", "open", "high", "low", "close", "volume"]


class StoredOnce:
    """Frames by data directory, pair, timeframe and type of candles.

    :param data_format: Freqtrade's, such as feather
    """

    def __init__(self, data_format: str) -> None:
        self._kind: Any = type(get_datahandler(Path(), data_format))
        self._read: dict[tuple[Path, str, str, str], DataFrame] = {}

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Has Freqtrade read each file once, as long as the files do not change."""
        with ExitStack() as replaced:
            for owner, name, value in (
                (self._kind, "_ohlcv_load", self._remembering(self._kind._ohlcv_load)),
                (idatahandler, "clean_ohlcv_dataframe", _cleaning()),
            ):
                if name in vars(owner):
                    replaced.callback(setattr, owner, name, getattr(owner, name))
                else:
                    replaced.callback(delattr, owner, name)
                setattr(owner, name, value)
            yield

    def _remembering(self, stock: Any) -> Any:
        @wraps(stock)
        def load(
            handler: Any,
            pair: str,
            timeframe: str,
            timerange: Any,  # noqa: ARG001
            candle_type: Any,
        ) -> DataFrame:
            key = (handler._datadir, pair, timeframe, str(candle_type))
            if key not in self._read:
                self._read[key] = stock(handler, pair, timeframe, None, candle_type)
            return self._read[key].copy()  # Freqtrade writes to what it has read

        return load


def _cleaning() -> Any:
    stock = idatahandler.clean_ohlcv_dataframe

    @wraps(stock)
    def clean(dataframe: DataFrame, timeframe: str, pair: str, **options: Any) -> DataFrame:
        if options.get("drop_incomplete") or not is_clean(dataframe, timeframe):
            return stock(dataframe, timeframe, pair, **options)
        return dataframe.reset_index(drop=True)

    return clean


def is_clean(candles: DataFrame, timeframe: str) -> bool:
    """Whether each candle follows the one before it, without a value that is missing."""
    step = timeframe_to_msecs(timeframe)
    if list(candles.columns) != _COLUMNS or DAY_MS % step:
        return False
    times = nanoseconds(candles["date"]) // 10**6
    values = candles[_COLUMNS[1:]].to_numpy()
    return bool(
        times[0] % step == 0
        and (np.diff(times) == step).all()
        and values.dtype == np.float64
        and not np.isnan(values).any()
    )
