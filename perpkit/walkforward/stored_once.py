"""Candle files, read once in a process that runs many backtests on them.

Freqtrade reads the files in every backtest. Here what was read is remembered, and cut to the time
range of each backtest by Freqtrade itself. tests/contract/test_walkforward_seams.py holds what is
relied on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

from freqtrade.data.history import get_datahandler
from pandas import DataFrame


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
        kind, stock = self._kind, self._kind._ohlcv_load

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

        inherited = "_ohlcv_load" not in vars(kind)
        kind._ohlcv_load = load
        try:
            yield
        finally:
            if inherited:
                del kind._ohlcv_load
            else:
                kind._ohlcv_load = stock
