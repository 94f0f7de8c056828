"""Candles and funding of a data directory, read when they are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from perpkit.ops.stored import FORMATS, BadInputError

# pandas and Freqtrade load inside the functions, so that `perpkit --help` stays quick.
if TYPE_CHECKING:
    from pandas import DataFrame, Series

    from perpkit.risk.liquidation import MaintenanceTiers

# Of funding rates and mark prices: newer and older releases of Freqtrade.
_FUNDING_TIMEFRAMES = ("1h", "8h")


class StoredMarket:
    """See `perpkit.research.accounts.Market`.

    :param given: the directory was asked for; one that is only the usual place need not exist
    :raises BadInputError: if there is no such directory or format
    """

    def __init__(self, datadir: Path, data_format: str = "feather", *, given: bool = True) -> None:
        if given and not datadir.is_dir():
            raise BadInputError(f"datadir must be a directory with Freqtrade data, got {datadir}")
        if data_format not in FORMATS:
            raise BadInputError(
                f"data_format must be one of {', '.join(FORMATS)}, got {data_format!r}"
            )
        self._datadir = datadir
        self._format = data_format
        self._tiers: dict[str, Any] | None = None
        self._loaded: dict[tuple[str, str, str], DataFrame] = {}

    def candles(self, pair: str, timeframe: str) -> DataFrame | None:
        return self._read(pair, timeframe, "futures" if ":" in pair else "spot")

    def funding(self, pair: str) -> Series | None:
        from perpkit.research.settlements import funding_per_unit

        for timeframe in _FUNDING_TIMEFRAMES:
            rates = self._read(pair, timeframe, "funding_rate")
            marks = self._read(pair, timeframe, "mark")
            if rates is not None and marks is not None:
                return funding_per_unit(rates, marks)
        return None

    def tiers(self, pair: str) -> MaintenanceTiers | None:
        """Returns the leverage tiers of a pair in Freqtrade's own file, which backtests use."""
        from perpkit.ops.doctor.pairs import bundled_tiers, tiers_of

        if self._tiers is None:
            self._tiers = bundled_tiers()
        return tiers_of(self._tiers[pair]) if pair in self._tiers else None

    def _read(self, pair: str, timeframe: str, kind: str) -> DataFrame | None:
        from freqtrade.data.history.datahandlers import get_datahandler
        from freqtrade.enums import CandleType

        from perpkit.market.times import dated

        key = (pair, timeframe, kind)
        if key not in self._loaded:
            handler = get_datahandler(self._datadir, self._format)
            self._loaded[key] = handler.ohlcv_load(
                pair, timeframe, CandleType(kind), fill_missing=False, warn_no_data=False
            )
        found = self._loaded[key]
        return None if found.empty else dated(found)
