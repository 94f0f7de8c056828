"""The positioning that a strategy's candles can use, read when its files have changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from perpkit.bot.candles.stored_positioning import Stamps, stamps_of
from perpkit.market.positioning import needed_since, positioning_readings
from perpkit.market.store import read_periods


@dataclass(frozen=True)
class _Known:
    """:param first: open time of the first candle that the readings were made for"""

    stamps: Stamps
    every: pd.Timedelta
    first: pd.Timestamp
    readings: Mapping[str, pd.DataFrame]


class KnownPositioning:
    """Readings by pair, made again when a file has changed or earlier candles need them.

    Only what the candles depend on is worked out and held, so that years of stored readings cost a
    running bot no more than the months that it looks at.

    :param datadir: the folder of `perpkit.market.store`
    """

    def __init__(self, datadir: Path) -> None:
        self._datadir = datadir
        # One entry for each pair that was ever analysed, until the strategy ends.
        self._held: dict[str, _Known] = {}

    def readings(
        self, pair: str, candles: pd.DataFrame, every: pd.Timedelta
    ) -> Mapping[str, pd.DataFrame]:
        """Returns the readings by period, as for `positioning.join_positioning`.

        :param candles: with `date` (open time, UTC), ascending
        :param every: length of a candle
        :return: empty if nothing is stored; read-only
        :raises StoreError: for a file that cannot be used
        """
        if candles.empty:
            return {}
        first, stamps = candles["date"].iloc[0], stamps_of(self._datadir, pair)
        held = self._held.get(pair)
        if held and (held.stamps, held.every) == (stamps, every) and held.first <= first:
            return held.readings
        made = {}
        for period, stored in read_periods(self._datadir, pair).items():
            needed = stored[stored["date"] >= needed_since(first, period, every)]
            made[period] = positioning_readings(needed, period, every)
        self._held[pair] = _Known(stamps, every, first, made)
        return made
