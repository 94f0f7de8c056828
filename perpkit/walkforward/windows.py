"""The calendar of a walk-forward: stretches of training, each followed by its test."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from perpkit.market.times import opening
from perpkit.walkforward.record import Window

_TEXT = re.compile(r"([1-9]\d{0,3})([dwmy])")
_DAYS: Final = {"d": 1, "w": 7}
_MONTHS: Final = {"m": 1, "y": 12}
_MOST_WINDOWS = 999
_MOST_MONTHS, _MOST_DAYS = 1_200, 36_525


@dataclass(frozen=True)
class Span:
    """A length in calendar months, or in days; one of them is 0."""

    months: int = 0
    days: int = 0

    @classmethod
    def of(cls, text: str, name: str, *, may_be_none: bool = False) -> Span:
        """Reads a length: 90d, 12w, 3m, 1y.

        :param name: of the option, for messages
        :param may_be_none: whether 0 is allowed, too
        :raises ValueError: for anything else
        """
        if may_be_none and text in ("0", "0d"):
            return cls()
        match = _TEXT.fullmatch(text)
        if match is None:
            raise ValueError(
                f"{name} must be a number of days, weeks, months or years, such as 90d, 12w, 3m or "
                f"1y{', or 0' if may_be_none else ''}, got {text!r}"
            )
        count, unit = int(match[1]), match[2]
        in_days = unit in _DAYS
        found = cls(days=count * _DAYS[unit]) if in_days else cls(months=count * _MONTHS[unit])
        if found.months > _MOST_MONTHS or found.days > _MOST_DAYS:
            raise ValueError(f"{name} must be at most 100 years, got {text!r}")
        return found

    def __str__(self) -> str:
        return f"{self.months}m" if self.months else f"{self.days}d"

    def after(self, time: datetime, times: int = 1) -> datetime:
        """Returns the time that is this much later, `times` over; before it, if that is below 0.

        A day that the month does not have becomes its last one.
        """
        if self.days:
            return time + timedelta(days=times * self.days)
        month = time.year * 12 + time.month - 1 + times * self.months
        year, month = divmod(month, 12)
        day = min(time.day, monthrange(year, month + 1)[1])
        return time.replace(year=year, month=month + 1, day=day)


@dataclass(frozen=True)
class Calendar:
    """How windows are laid out.

    :param train: what is seen before each test; with `anchored`, before the first one
    :param test: length of a test, and the step from one window to the next
    :param purge: cut off the end of training: what was decided then is still open in the test
    :param embargo: left out between training and test on top of it
    :param anchored: training begins at the same moment in every window, so that it grows
    """

    train: Span
    test: Span
    purge: Span = Span()
    embargo: Span = Span()
    anchored: bool = False

    def windows(self, start: datetime, end: datetime) -> tuple[Window, ...]:
        """Returns the windows whose tests tile a period, without gap or overlap.

        :param start, end: of the first test and of the last one, which may be cut short
        :raises ValueError: if there is none, or if nothing is left of the training
        """
        if end <= start:
            raise ValueError(f"timerange must end after it starts, got {start} to {end}")
        found: list[Window] = []
        begin = start
        while begin < end:
            if len(found) == _MOST_WINDOWS:
                raise ValueError(f"test must give at most {_MOST_WINDOWS} windows, gives more")
            # From the start, so that the last day of a month stays the last day.
            until = min(self.test.after(start, len(found) + 1), end)
            found.append(self._window(len(found) + 1, start, begin, until))
            begin = until
        return tuple(found)

    def _window(self, number: int, first: datetime, begin: datetime, until: datetime) -> Window:
        train_start = self.train.after(first if self.anchored else begin, -1)
        train_end = self.embargo.after(self.purge.after(begin, -1), -1)
        if train_end <= train_start:
            raise ValueError(
                f"purge and embargo must be shorter than train, {self.train}, got {self.purge} and "
                f"{self.embargo}"
            )
        return Window(number, train_start, train_end, begin, until)


def timerange_of(start: datetime, end: datetime) -> str:
    """Returns a time range in Freqtrade's words; the candle that opens at its end is in it."""
    return f"{int(start.timestamp())}-{int(end.timestamp())}"


def days_tested(windows: Sequence[Window]) -> tuple[date, date]:
    """Returns the first day of the tests, and the day after their last one."""
    last = windows[-1].test_end - timedelta(milliseconds=1)
    return windows[0].test_start.date(), last.date() + timedelta(days=1)


def in_sample_range(window: Window, step: timedelta) -> str:
    """Returns the time range of a window's training, whose last candle closes at its end.

    :param step: timeframe of the candles
    """
    return timerange_of(window.train_start, window.train_end - step)


def out_of_sample_range(window: Window, step: timedelta) -> str:
    """Returns the time range of a window's test, at whose end open trades are closed.

    It begins with the candle that goes on at the test's start, as the test before it has ended with
    that one: of weeks and the like, which begin on some days only, none is lost in between.

    :param step: timeframe of the candles
    """
    start = opening(int(window.test_start.timestamp()), int(step.total_seconds()))
    return timerange_of(datetime.fromtimestamp(start, UTC), window.test_end)
