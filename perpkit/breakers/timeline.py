"""The base of timelines: all decisions of a breaker over stored data, computed at once.

A row of the grid is the knowledge from one moment on, such as a closed candle. Most rows restrict
nothing, and a backtest must not pay for them: looking one up takes a microsecond, and `quiet_until`
returns the time up to which no lookup is needed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from perpkit.breakers.breaker import Decision
from perpkit.market.candle_grid import CandleGrid

FOREVER = datetime.max.replace(tzinfo=UTC)

# The result of a timeline: one decision, or one for each side that it blocks.
T = TypeVar("T", bound="Decision | tuple[Decision, ...]")


class Grid(Protocol):
    """The times from which the rows of a timeline are known; `CandleGrid` is one."""

    def row_at(self, now: datetime) -> int:
        """Returns the newest row known at `now`; negative before the first.

        :raises ValueError: for a naive time
        """

    def closed_at(self, row: int) -> datetime:
        """Returns the time from which the row is known."""


@dataclass(frozen=True)
class Moments:
    """A grid of rows at irregular times.

    :param seconds: the times in seconds since 1970-01-01 00:00 UTC, ascending

    >>> Moments([0.0, 100.0]).row_at(datetime(1970, 1, 1, 0, 1, tzinfo=UTC))
    0
    """

    seconds: Sequence[float]

    def row_at(self, now: datetime) -> int:
        if now.tzinfo is None:
            raise ValueError(f"now must carry its time zone, got {now.isoformat()}")
        return bisect_right(self.seconds, now.timestamp()) - 1

    def closed_at(self, row: int) -> datetime:
        return datetime.fromtimestamp(self.seconds[row], UTC)


@dataclass(frozen=True)
class Timeline(ABC, Generic[T]):
    """All decisions of a breaker over stored data; a breaker's subclass implements `decide`.

    :param grid: the times of the rows; `Moments` where they are irregular
    :param restricted: one byte per row, 1 where it restricts something; bytes are looked up three
        times as fast as elements of an array
    """

    grid: Grid
    restricted: bytes

    # The result where nothing is restricted.
    NOTHING: ClassVar[Any]

    @abstractmethod
    def decide(self, row: int, now: datetime) -> T:
        """Returns the result at `now` for `row`, the newest known row, which restricts."""

    def __len__(self) -> int:
        return len(self.restricted)

    @property
    def last_close(self) -> datetime | None:
        """The close of the newest row; the caller decides whether it is too old."""
        return self.grid.closed_at(len(self) - 1) if self.restricted else None

    def at(self, now: datetime) -> T:
        """Returns the result at `now` (with its time zone), from the rows known by then.

        Before the first row nothing is restricted; after the newest row that row still applies.
        """
        row = self.row_at(now)
        if row < 0 or not self.restricted[row]:
            nothing: T = self.NOTHING
            return nothing
        return self.decide(row, now)

    def restrictions(self, now: datetime) -> tuple[Decision, ...]:
        """Returns the decisions that restrict anything at `now` (with its time zone), if any."""
        row = self.row_at(now)
        if row < 0 or not self.restricted[row]:
            return ()
        found = self.decide(row, now)
        decisions = found if isinstance(found, tuple) else (found,)
        return tuple(decision for decision in decisions if decision.restricts)

    def quiet_until(self, now: datetime) -> datetime:
        """Returns the first time from `now` on at which a row restricts; `FOREVER` if none does."""
        row = self.row_at(now)
        following = self.restricted.find(1, max(row, 0))
        return max(self.grid.closed_at(following), now) if following >= 0 else FOREVER

    def same_until(self, now: datetime) -> datetime:
        """Returns a time before which the result restricts what it does at `now`, in the same way.

        Figures and releases may differ. A subclass that knows more than the present moment says so.
        """
        return now

    def _known_from(self, row: int) -> datetime:
        """The time from which a row is known; `FOREVER` after the last."""
        return self.grid.closed_at(row) if row < len(self) else FOREVER

    def row_at(self, now: datetime) -> int:
        """Returns the newest row known at `now`; negative before the first."""
        return min(self.grid.row_at(now), len(self.restricted) - 1)


@dataclass(frozen=True)
class CandleTimeline(Timeline[T]):
    """A timeline of closed candles: row i is the candle that closed at `grid.closed_at(i)`."""

    grid: CandleGrid

    def closed_by(self, now: datetime) -> datetime:
        """Returns the last close on the grid at or before `now`, even if that candle is missing.

        So a release moves on with the clock: missing candles do not count as calm.
        """
        return self.grid.closed_at(self.grid.row_at(now))
