"""A lock of a backtest, twelve times as fast to look at as Freqtrade's own.

At each entry Freqtrade compares the end of every lock there has been with the time of the candle, a
pandas Timestamp. With another Timestamp that takes 0.25 us, with a datetime 2.4 us, and 3.1 us with
the attribute of a database row, which its own locks are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from freqtrade.persistence.pairlock import PairLock

from perpkit.breakers.breaker import Side


@dataclass(eq=False)
class SimulatedLock:
    """:param lock_time: when it begins, and `lock_end_time_utc`, when it ends: aware"""

    pair: str
    side: Side
    lock_time: datetime
    lock_end_time_utc: datetime
    reason: str
    active: bool = True

    def __post_init__(self) -> None:
        self.extend(self.lock_end_time_utc)

    def extend(self, end: datetime) -> None:
        self.lock_end_time_utc = end
        self.lock_end_time = pd.Timestamp(end)

    def to_json(self) -> dict[str, Any]:
        """For the export: as Freqtrade writes its own."""
        lock = PairLock(
            pair=self.pair,
            side=self.side,
            lock_time=self.lock_time,
            lock_end_time=self.lock_end_time_utc,
            reason=self.reason,
            active=self.active,
        )
        return lock.to_json()
