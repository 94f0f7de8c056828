"""Which limits of the market alerts the candles of a pair have crossed.

A crossing is a function of the candles up to that time, so a restarted bot finds the same crossings
again and needs to store no state for them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from perpkit.breakers.alert_kinds import KINDS, Floats
from perpkit.breakers.latch import Hysteresis
from perpkit.breakers.market_alerts import Alert, AlertKind, AlertLimits, MarketReading
from perpkit.durations import HOUR
from perpkit.market.asof import nanoseconds


class MarketReadings:
    """The `MarketReading` of every candle of a pair.

    :param limits: adapted to `step` by `AlertLimits.on`
    :param candles: with `date` (open time, UTC, without gaps), `close`, and columns of
        `market.funding` and `market.positioning`; absent ones are unknown
    :param step: length of a candle
    """

    def __init__(self, limits: AlertLimits, candles: pd.DataFrame, step: timedelta) -> None:
        self._limits = limits
        self._closed_at = nanoseconds(candles["date"]) + pd.Timedelta(step).value
        unknown = np.full(len(candles), np.nan)
        self._columns: dict[str, Floats] = {
            name: candles[name].to_numpy(dtype=float) if name in candles else unknown
            for name in MarketReading._fields[1:]
        }
        for name, hours in (
            ("price_change", limits.price_hours),
            ("sudden_change", limits.sudden_hours),
        ):
            self._columns[name] = _change(self._columns["close"], round(hours * HOUR / step))

    def at(self, row: int) -> MarketReading:
        """Returns the reading of one candle.

        :param row: its index as in a list, -1 for the newest
        """
        closed_at = datetime.fromtimestamp(int(self._closed_at[row]) / 1e9, UTC)
        return MarketReading(closed_at, *(float(of[row]) for of in self._columns.values()))

    def crossings(self, pair: str, since: datetime) -> tuple[Alert, ...]:
        """Returns an alert for each limit that was crossed after `since`, oldest first.

        A limit is reported when it is crossed, and not again while the pair stays beyond it.
        """
        first = int(np.searchsorted(self._closed_at / 1e9, since.timestamp(), side="right"))
        if first == len(self._closed_at):
            return ()
        limits = self._limits
        arm, found = Hysteresis(1.0, limits.rearm_share), []
        for order, kind in enumerate(limits.kinds):
            for severity in KINDS[kind].severities(limits, self._columns):
                on, _ = arm.sweep(severity)
                began = on & ~np.append(False, on[:-1])
                found += [(first + row, order) for row in np.flatnonzero(began[first:]).tolist()]
        return tuple(self._alert(pair, limits.kinds[order], row) for row, order in sorted(found))

    def _alert(self, pair: str, kind: AlertKind, row: int) -> Alert:
        at = self.at(row)
        return Alert(at.closed_at, pair, kind, f"{pair}: {KINDS[kind].text(self._limits, at)}")


def _change(values: Floats, rows: int) -> Floats:
    """Returns the change of each value from the one `rows` before, as a fraction; NaN without."""
    change = np.full(len(values), np.nan)
    change[rows:] = values[rows:] / values[:-rows] - 1
    return change
