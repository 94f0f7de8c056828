"""Look-ups of stored positioning: long/short ratios, taker volume and open interest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from freqtrade.configuration import TimeRange

from perpkit.bot.candles.candles import is_simulated
from perpkit.market.store import PERIODS, path_of, read_periods

# Of each file of a pair, when it was written and its size.
Stamps = tuple[tuple[int, int] | None, ...]


class StoredPositioning:
    """Positioning of a run's data directory: long/short ratios, taker volume, open interest.

    In a running bot `perpkit.bot.positioning.refresh` keeps the files current. In a simulated run
    they end with its time range, as candles do.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self._datadir = Path(config["datadir"])
        self._simulated = is_simulated(config)
        stop = TimeRange.parse_timerange(config.get("timerange") if self._simulated else None)
        self._until = stop.stopdt if stop.stoptype == "date" else None
        self._held: dict[str, tuple[Stamps, Mapping[str, pd.DataFrame]]] = {}

    def readings(self, pair: str) -> Mapping[str, pd.DataFrame]:
        """Everything stored of a pair, by period, the shortest first; see `store.read_periods`.

        `perpkit.market.positioning.with_positioning` joins it to candles, without look-ahead.

        :return: empty where nothing is stored; the same object for as long as nothing is new, and
            read-only
        :raises StoreError: for a file that cannot be used
        """
        held = self._held.get(pair)
        if held is not None and self._simulated:
            return held[1]
        stamps = tuple(_stamp(path_of(self._datadir, pair, period)) for period in PERIODS)
        if held is None or held[0] != stamps:
            stored = read_periods(self._datadir, pair)
            held = self._held[pair] = stamps, {p: self._cut(stored[p]) for p in stored}
        return held[1]

    def _cut(self, readings: pd.DataFrame) -> pd.DataFrame:
        return readings if self._until is None else readings[readings["date"] <= self._until]


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
