"""Lengths of time, in the units that exchanges and Freqtrade use."""

from __future__ import annotations

from datetime import timedelta

MINUTE_S = 60
HOUR_S = 60 * MINUTE_S
DAY_S = 24 * HOUR_S

MINUTE_MS = 1000 * MINUTE_S
HOUR_MS = 1000 * HOUR_S
DAY_MS = 1000 * DAY_S

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

# Perpetuals trade around the clock, all year.
DAYS_A_YEAR = 365
HOURS_A_YEAR = 24 * DAYS_A_YEAR
