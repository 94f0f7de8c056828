"""Sends market alerts of a bot in dry-run or live through Freqtrade's messages."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from math import isnan
from typing import Any

from freqtrade.data.dataprovider import DataProvider
from freqtrade.exchange import timeframe_to_seconds

from perpkit.bot.running_bot import NO_MARKDOWN
from perpkit.breakers.alert_crossings import MarketReadings
from perpkit.breakers.alert_log import AlertLog, admit, summary
from perpkit.breakers.market_alerts import Alert, AlertLimits, MarketReading
from perpkit.durations import HOUR_S

logger = logging.getLogger(__name__)

# The summary waits for a candle that closes with the hour, but at most this long.
GRACE = timedelta(minutes=10)
# In candles: alerts are sent only for candles that closed more recently than this.
CURRENT = 2


class MarketAlerts:
    """Watches the analysed candles that the bot already has; it sends no requests."""

    def __init__(self, config: dict[str, Any], dp: DataProvider, limits: AlertLimits) -> None:
        self._dp = dp
        self._timeframe: str = config["timeframe"]
        self._step = timedelta(seconds=timeframe_to_seconds(self._timeframe))
        self._limits = limits.on(self._step)
        self._started: datetime | None = None
        self._summarised = 0
        self._newest: dict[str, MarketReading] = {}
        self._log = AlertLog()
        self._failed = False

    def step(self, now: datetime) -> None:
        """Checks for alerts, once a loop. Never raises, since nothing depends on an alert."""
        try:
            self._look(now)
            self._failed = False
        except Exception:
            if not self._failed:
                logger.exception("Market alerts failed.")
            self._failed = True

    def _look(self, now: datetime) -> None:
        if self._started is None:
            # After a restart, alerts for earlier candles have already been sent.
            self._started, self._summarised = now, self._slot(now)
        traded = self._dp.current_whitelist()
        pairs = [pair for pair in traded if not self._limits.pairs or pair in self._limits.pairs]
        found = [alert for pair in pairs for alert in self._new(pair, self._started, now)]
        self._log, sent = admit(self._limits, self._log, found, now)
        if sent:
            self._send("\n".join(alert.text for alert in sent))
        self._summarise(pairs, now)

    def _new(self, pair: str, started: datetime, now: datetime) -> tuple[Alert, ...]:
        """Returns the alerts of the candles that have closed since the last check."""
        candles, _ = self._dp.get_analyzed_dataframe(pair, self._timeframe)
        if candles.empty:
            return ()
        before = self._newest.get(pair)
        seen = started if before is None else before.closed_at
        if before is not None and candles["date"].iloc[-1] + self._step <= seen:
            return ()
        readings = MarketReadings(self._limits, candles, self._step)
        newest = self._newest[pair] = readings.at(-1)
        if before is None and isnan(newest.price_change):
            hours = self._limits.price_hours
            logger.warning(f"Market alerts: the candles of {pair} do not reach back {hours:g} h.")
        return readings.crossings(pair, max(seen, self._too_old(now)))

    def _summarise(self, pairs: Sequence[str], now: datetime) -> None:
        newest = {pair: self._newest.get(pair) for pair in pairs}
        closed = (reading.closed_at for reading in newest.values() if reading is not None)
        slot = self._slot(max([*closed, now - GRACE]))
        if slot <= self._summarised:
            return
        self._summarised = slot
        current = {
            pair: reading
            if reading is not None and reading.closed_at > self._too_old(now)
            else None
            for pair, reading in newest.items()
        }
        self._send(summary(self._limits, self._log, current, now))
        self._log = replace(self._log, kept=())

    def _slot(self, at: datetime) -> int:
        """Number of the summary that is due from `at` on; always 0 if summaries are off."""
        hours = self._limits.summary_hours
        return int(at.timestamp() // (hours * HOUR_S)) if hours else 0

    def _too_old(self, now: datetime) -> datetime:
        return now - CURRENT * self._step

    def _send(self, text: str) -> None:
        self._dp.send_msg(text.translate(NO_MARKDOWN), always_send=True)
