"""Candles on the full grid of their timeframe: a row for each, whether it is there or not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class CandleGrid:
    """When the rows of a gapless frame of candles close.

    :param first_close: of row 0, in seconds since 1970-01-01 00:00 UTC
    :param seconds: length of a candle
    """

    first_close: int
    seconds: int

    def row_at(self, now: datetime) -> int:
        """The newest candle closed at or before `now`; negative before the first.

        :raises ValueError: for a naive time, which would be read in the machine's own zone
        """
        if now.tzinfo is None:
            raise ValueError(f"now must carry its time zone, got {now.isoformat()}")
        return int((now.timestamp() - self.first_close) // self.seconds)

    def closed_at(self, row: int) -> datetime:
        return datetime.fromtimestamp(self.first_close + row * self.seconds, UTC)


def on_grid(candles: pd.DataFrame, timeframe_minutes: int) -> tuple[CandleGrid, pd.DataFrame]:
    """The candles by open time, a row for each; NaN where one is missing or contradictory.

    :raises ValueError: if they are not of `timeframe_minutes`
    """
    frame = candles.set_index("date")[["open", "high", "low", "close", "volume"]].astype(float)
    frame = frame[~frame.index.duplicated(keep="last")].sort_index()
    body = frame[["open", "close"]]
    usable = (frame["low"] > 0) & (frame["high"] < np.inf) & (frame["volume"] >= 0)
    usable &= (body.min(axis=1) >= frame["low"]) & (body.max(axis=1) <= frame["high"])
    frame = frame.where(usable)
    candle = pd.Timedelta(minutes=timeframe_minutes)
    if frame.empty:
        return CandleGrid(0, timeframe_minutes * 60), frame
    rows = pd.date_range(frame.index[0], frame.index[-1], freq=candle)
    steps = frame.index.to_series().diff()
    # Candles may be missing, but after half of them, at least, the next one follows.
    usual = steps.quantile(0.5, interpolation="lower")
    if not frame.index.isin(rows).all() or (len(frame) > 2 and usual != candle):
        raise ValueError(f"candles must be of {timeframe_minutes} minutes")
    first_close = int((frame.index[0] + candle).timestamp())
    return CandleGrid(first_close, timeframe_minutes * 60), frame.reindex(rows)
