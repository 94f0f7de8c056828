"""Until when nothing is restricted, of breakers that look at stored candles only.

Stored candles do not change, so a backtest need not ask at every one of them what is known of all.
"""

from __future__ import annotations

from datetime import UTC, datetime

from perpkit.market.candle_grid import CandleGrid

FOREVER = datetime.max.replace(tzinfo=UTC)


def quiet_until(restricts: bytes, grid: CandleGrid, now: datetime) -> datetime:
    """The first time from `now` (aware) on at which there is a restriction, `FOREVER` without one.

    :param restricts: a byte for each row of `grid`, 1 where it restricts; past the end the last row
        holds, before the first there is no restriction
    """
    row = min(grid.row_at(now), len(restricts) - 1)
    following = restricts.find(1, max(row, 0))
    return max(grid.closed_at(following), now) if following >= 0 else FOREVER
