"""What the layer draws in the charts of Freqtrade and FreqUI: what the breakers restrict."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from freqtrade.exchange import timeframe_to_seconds

from perpkit.bot.candles.candles import CandleFeed, is_trading
from perpkit.bot.watching.displayed import DisplayedBreakers, locked_stretches
from perpkit.breakers.breaker import Trading
from perpkit.breakers.stretches import Stretch
from perpkit.market.times import dates_of

# Columns of a chart: 1 for smaller or less leveraged entries, 2 for none, 3 for a halt.
COLUMNS = {"long": "breakers_long", "short": "breakers_short"}
_HEIGHTS = {str(state): state.strictness + 1 for state in Trading}
# Of both sides, longs only, shorts only.
_COLOURS = {
    "active": dict.fromkeys(("*", "long", "short"), "rgba(240, 190, 60, 0.20)"),
    "reducing": {
        "*": "rgba(230, 110, 40, 0.25)",
        "long": "rgba(60, 140, 220, 0.22)",
        "short": "rgba(60, 170, 120, 0.22)",
    },
    "halted": dict.fromkeys(("*", "long", "short"), "rgba(120, 0, 90, 0.30)"),
}
_WHAT = {"active": "smaller {}", "reducing": "no new {}", "halted": "halted, {} closed"}
_ENTRIES = {"*": "entries", "long": "longs", "short": "shorts"}


class Charts:
    """
    :param strategy: whose charts are drawn
    """

    def __init__(self, strategy: Any, feed: CandleFeed) -> None:
        self._trading = is_trading(strategy.config)
        self._step = timedelta(seconds=timeframe_to_seconds(strategy.timeframe))
        self._displayed = DisplayedBreakers(
            strategy.config, strategy.dp, lambda: strategy.protections, feed
        )

    def annotations(self, pair: str, start: datetime, end: datetime) -> list[dict[str, Any]]:
        """Returns an area for each stretch in which this pair is restricted.

        :param start, end: opening times of the first and the last candle
        """
        return [_area(stretch) for stretch in self._of(pair, start, end)]

    def with_columns(self, frame: pd.DataFrame, pair: str) -> pd.DataFrame:
        """Returns a copy with the columns of `COLUMNS`, for charts without annotations."""
        if frame.empty:
            return frame
        start, end = (frame["date"].iloc[row].to_pydatetime() for row in (0, -1))
        found, dates = self._of(pair, start, end), frame["date"]
        return frame.assign(
            **{name: _levels(dates, found, pair, side) for side, name in COLUMNS.items()}
        )

    def _of(self, pair: str, start: datetime, end: datetime) -> list[Stretch]:
        until = end + self._step
        if self._trading:
            found = locked_stretches(start, until + self._step)  # with the candle that is running
        else:
            found = self._displayed.stretches(pair, start, until, self._step)
        return [stretch for stretch in found if stretch.pair in ("*", pair)]


def _levels(dates: pd.Series, found: Iterable[Stretch], pair: str, side: str) -> Any:
    levels = np.zeros(len(dates), dtype=np.int64)
    for stretch in found:
        if stretch.concerns(pair, side):
            first, after = dates.searchsorted(dates_of([stretch.start, stretch.until]))
            levels[first:after] = np.maximum(levels[first:after], _HEIGHTS[stretch.level])
    return levels


def _area(stretch: Stretch) -> dict[str, Any]:
    what = _WHAT[stretch.level].format(_ENTRIES[stretch.side])
    where = "all pairs" if stretch.pair == "*" else stretch.pair
    return {
        "type": "area",
        "start": stretch.start,
        "end": stretch.until,
        "color": _COLOURS[stretch.level][stretch.side],
        "label": f"{stretch.breaker}: {what} ({where}). {stretch.reason}",
    }
