"""The time in a backtest, for plugins that Freqtrade passes none.

With `--enable-dynamic-pairlist`, Freqtrade refreshes the pairlist once a candle but passes no time.
Its DataProvider has one, with three traps: it is set while pairs are processed, after the refresh,
so it is that of the previous candle; it does not move while the whitelist is empty; and a second
run in the same process still sees the time of the first. This clock avoids them:

- A run starts with an emptied slice index (a new object), and with the analysed candles in place.
  Its first candle is the second of those that remain after the start-up candles are cut.
- From then on every refresh is one candle later; if the DataProvider's time has moved, that time
  decides.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from freqtrade.data.dataprovider import DataProvider
from freqtrade.exchange import timeframe_to_seconds


class BacktestClock:
    """Counts the candles of a backtest, one for each refresh of the pairlist.

    :param dataprovider: of the backtest
    :param timeframe: of the strategy
    """

    def __init__(self, dataprovider: DataProvider, timeframe: str) -> None:
        self._dp = dataprovider
        self._timeframe = timeframe
        self._step = timedelta(seconds=timeframe_to_seconds(timeframe))
        self._run: dict[str, int] | None = None
        self._reached: datetime | None = None
        self._now: datetime

    @property
    def started(self) -> bool:
        """Whether the run has its candles; Freqtrade asks a generator for all pairs before that."""
        return bool(self._dp._DataProvider__cached_pairs)

    def tick(self) -> datetime:
        """Returns the time at which the current candle starts; call it once at every refresh.

        Data that closed or were published by then are known, nothing later.
        """
        run: dict[str, int] = self._dp._DataProvider__slice_index
        reached: datetime | None = self._dp._DataProvider__slice_date
        if run is not self._run:
            self._now = self._first_candle()
        elif reached is not None and reached != self._reached:
            # In whole candles: with a detail timeframe, the time also moves inside a candle.
            self._now += (reached - self._now) // self._step * self._step
        self._run, self._reached = run, reached
        self._now += self._step
        return self._now

    def _first_candle(self) -> datetime:
        analysed: dict[Any, Any] = self._dp._DataProvider__cached_pairs
        start_up = self._dp.get_required_startup(self._timeframe)
        return min(
            frame["date"].iloc[start_up].to_pydatetime()
            for (_, timeframe, _), (frame, _) in analysed.items()
            if timeframe == self._timeframe and len(frame) > start_up
        )
