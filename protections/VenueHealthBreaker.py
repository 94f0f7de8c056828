from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from freqtrade.constants import Config

from perpkit.bot.watching.calendar_file import CalendarFile
from perpkit.bot.watching.candle_breaker import checked_pair
from perpkit.bot.watching.protection import WatchedProtection, limits_of
from perpkit.bot.watching.sources import Sources
from perpkit.bot.watching.venue_probe import VenueProbe
from perpkit.breakers.breaker import UNRESTRICTED, Decision, strictest
from perpkit.breakers.maintenance import (
    MaintenanceLimits,
    MaintenanceWindow,
    decide,
    in_maintenance,
    quiet_until,
)
from perpkit.breakers.venue_health import HealthLimits, HealthState, step
from perpkit.market.benchmark import benchmark_pair

logger = logging.getLogger(__name__)

BROKEN_CALENDAR = "the maintenance calendar cannot be read, see the log. The last good one counts."


class VenueHealthBreaker(WatchedProtection):
    """Blocks new entries while the exchange fails, lags or is about to be closed for maintenance.

    Parameters: those of `perpkit.breakers.venue_health.HealthLimits` and
    `perpkit.breakers.maintenance.MaintenanceLimits`; `pair`, whose order book is looked at; and
    `maintenance_file`, from the user directory where it is relative. Details: docs/venue_health.md.
    """

    LIMITS = (HealthLimits, MaintenanceLimits)
    BESIDE = frozenset({"pair", "maintenance_file"})
    REPLAYS = True  # its maintenance windows, as in a backtest

    def configure(self, config: Config, given: dict[str, Any]) -> None:
        self._pair = checked_pair(
            "pair", given.get("pair", benchmark_pair(config["stake_currency"]))
        )
        self._limits = limits_of(HealthLimits, given)
        self._maintenance = limits_of(MaintenanceLimits, given)
        path = given.get("maintenance_file")
        self._calendar = None if path is None else self._open(config, path)
        self._probe: VenueProbe | None = None
        self._state = HealthState()
        self._health: Decision = UNRESTRICTED

    @staticmethod
    def _open(config: Config, path: object) -> CalendarFile:
        if not isinstance(path, str):
            raise ValueError(f"maintenance_file must be a path, got {path!r}")
        try:
            return CalendarFile(Path(config["user_data_dir"]) / path)
        except ValueError as error:
            raise ValueError(f"maintenance_file: {error}") from error

    def short_desc(self) -> str:
        limits = self._limits
        calendar = f"; {len(self._calendar.windows)} maintenance windows" if self._calendar else ""
        return (
            f"{self.name} - No entries after {limits.confirm_reads} failed or stale reads in a row "
            f"(one every {limits.interval_s:g} s), until {limits.good_reads} good ones{calendar}."
        )

    def cannot_replay(self) -> str | None:
        if self._calendar is not None:
            return None
        return (
            "without the live exchange it has only maintenance windows, and no maintenance_file "
            "with them is set"
        )

    def evaluate(self, sources: Sources, now: datetime) -> Sequence[Decision]:
        # A backtest has no exchange to probe, but the calendar works there as well.
        if not self.simulated:
            self._follow_calendar(sources)
            self._look(sources, now)
        return [strictest([decide(self._maintenance, self._windows, now), self._health])]

    def quiet_until(self, sources: Sources, now: datetime) -> datetime:
        return quiet_until(self._maintenance, self._windows, now)

    @property
    def _windows(self) -> Sequence[MaintenanceWindow]:
        return self._calendar.windows if self._calendar else ()

    def _look(self, sources: Sources, now: datetime) -> None:
        if self._probe is None:
            timeframe = self._config["timeframe"]
            self._probe = VenueProbe(sources.provider, self._limits, self._pair, timeframe)
        reading = self._probe.poll(now, sources.pairs)
        if reading is not None:
            reading = replace(reading, maintenance=in_maintenance(self._windows, now))
            self._state, self._health = step(self._limits, self._state, reading)

    def _follow_calendar(self, sources: Sources) -> None:
        complaint = self._calendar.refresh() if self._calendar else None
        if complaint:
            logger.warning(complaint)
            # Without the details, whose characters Telegram may reject as broken Markdown.
            sources.provider.send_msg(f"{self.name}: {BROKEN_CALENDAR}", always_send=True)
