"""Reads stored positioning: long/short ratios, taker volume and open interest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from freqtrade.configuration import TimeRange

from perpkit.bot.candles.candles import is_simulated
from perpkit.market.store import PERIODS, path_of, read_periods

# The modification time (ns) and size of each file of a pair; None for a missing one.
Stamps = tuple[tuple[int, int] | None, ...]


class StoredPositioning:
    """The positioning data in a run's data directory.

    In a running bot `perpkit.bot.positioning.refresh` keeps the files current. In a simulated run
    the readings end with its time range, as candles do.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self._datadir = Path(config["datadir"])
        self._simulated = is_simulated(config)
        stop = TimeRange.parse_timerange(config.get("timerange") if self._simulated else None)
        self._until = stop.stopdt if stop.stoptype == "date" else None
        self._held: dict[str, tuple[Stamps, Mapping[str, pd.DataFrame]]] = {}

    def readings(self, pair: str) -> Mapping[str, pd.DataFrame]:
        """Returns all stored readings of a pair by period, the shortest first.

        See `store.read_periods`; `perpkit.market.positioning.with_positioning` joins them to
        candles without look-ahead.

        :return: empty if nothing is stored; read-only, and the same object until the files change
        :raises StoreError: for a file that cannot be used
        """
        held = self._held.get(pair)
        if held is not None and self._simulated:
            return held[1]
        stamps = stamps_of(self._datadir, pair)
        if held is None or held[0] != stamps:
            stored = read_periods(self._datadir, pair)
            held = self._held[pair] = stamps, {p: self._cut(stored[p]) for p in stored}
        return held[1]

    def _cut(self, readings: pd.DataFrame) -> pd.DataFrame:
        return readings if self._until is None else readings[readings["date"] <= self._until]


def stamps_of(datadir: Path, pair: str) -> Stamps:
    """Returns what changes whenever a file of the pair does."""
    return tuple(_stamp(path_of(datadir, pair, period)) for period in PERIODS)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
