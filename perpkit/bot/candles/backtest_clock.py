"""The time in a backtest, for plugins that Freqtrade does not tell.

With `--enable-dynamic-pairlist`, Freqtrade refreshes the pairlist once a candle but passes no time.
Its DataProvider knows one, with three traps: it is set while pairs are processed, after the
refresh, so it is the previous candle's; it stands still while the whitelist is empty; and a second
run in the same process still sees the last one's. This clock avoids them:

- A run starts with an emptied slice index (a new object), and with the analysed candles in place.
  Its first candle is the second of those that remain when the start-up candles are cut.
- From then on every refresh is one candle later, and where the DataProvider's time has moved, it
  has the last word.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from freqtrade.data.dataprovider import DataProvider
from freqtrade.exchange import timeframe_to_seconds


class BacktestClock:
    """:param dataprovider: of the backtest
    :param timeframe: of the strategy"""

    def __init__(self, dataprovider: DataProvider, timeframe: str) -> None:
        self._dp = dataprovider
        self._timeframe = timeframe
        self._step = timedelta(seconds=timeframe_to_seconds(timeframe))
        self._run: dict[str, int] | None = None
        self._reached: datetime | None = None
        self._now: datetime

    @property
    def started(self) -> bool:
        """Whether the run has its candles: a generator is asked once before, for all its pairs."""
        return bool(self._dp._DataProvider__cached_pairs)

    def tick(self) -> datetime:
        """The time of the candle that starts now; to be called once at every refresh.

        What has closed or was published by then is known, nothing later.
        """
        run: dict[str, int] = self._dp._DataProvider__slice_index
        reached: datetime | None = self._dp._DataProvider__slice_date
        if run is not self._run:
            self._now = self._first_candle()
        elif reached is not None and reached != self._reached:
            # In whole candles: with a detail timeframe, time moves inside them too.
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
