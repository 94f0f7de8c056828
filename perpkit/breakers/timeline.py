"""What every timeline shares: all decisions of a breaker over stored data, worked out at once.

A row of its grid is what was known from one moment on, such as a closed candle. Most rows restrict
nothing, and a backtest must not pay for them: a look at one costs a microsecond, and `quiet_until`
says how many of them need no look.
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

# What a timeline answers: one decision, or one for each side that it blocks.
T = TypeVar("T", bound="Decision | tuple[Decision, ...]")


class Grid(Protocol):
    """When each row of a timeline is known; `CandleGrid` is one."""

    def row_at(self, now: datetime) -> int:
        """The newest row known at `now`; negative before the first. Raises for a naive time."""

    def closed_at(self, row: int) -> datetime:
        """When the row is known."""


@dataclass(frozen=True)
class Moments:
    """The grid of rows that come at any time.

    :param seconds: since 1970-01-01 00:00 UTC, ascending
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
    """A breaker gives it `decide` and, where the grid is irregular, another `grid`.

    :param restricted: a byte for each row, 1 where it restricts something. As bytes, for one of
        them is looked up three times as fast as an element of an array
    """

    grid: Grid
    restricted: bytes

    # The answer where nothing is restricted.
    NOTHING: ClassVar[Any]

    @abstractmethod
    def decide(self, row: int, now: datetime) -> T:
        """The answer at `now` where `row`, the newest that is known, is `restricted`."""

    def __len__(self) -> int:
        return len(self.restricted)

    @property
    def last_close(self) -> datetime | None:
        """When the newest row closed; how old it may be is for the caller to judge."""
        return self.grid.closed_at(len(self) - 1) if self.restricted else None

    def at(self, now: datetime) -> T:
        """The answer at `now` (aware), from what was known by then.

        Before the first row nothing is restricted; past the newest one it holds.
        """
        row = self.row_at(now)
        if row < 0 or not self.restricted[row]:
            nothing: T = self.NOTHING
            return nothing
        return self.decide(row, now)

    def restrictions(self, now: datetime) -> tuple[Decision, ...]:
        """The decisions at `now` (aware) that take anything away: none of them, nearly always."""
        row = self.row_at(now)
        if row < 0 or not self.restricted[row]:
            return ()
        found = self.at(now)
        decisions = found if isinstance(found, tuple) else (found,)
        return tuple(decision for decision in decisions if decision.restricts)

    def quiet_until(self, now: datetime) -> datetime:
        """The first time from `now` (aware) on at which it restricts, `FOREVER` without one."""
        row = self.row_at(now)
        following = self.restricted.find(1, max(row, 0))
        return max(self.grid.closed_at(following), now) if following >= 0 else FOREVER

    def row_at(self, now: datetime) -> int:
        """The newest row known at `now`; negative before the first."""
        return min(self.grid.row_at(now), len(self.restricted) - 1)


@dataclass(frozen=True)
class CandleTimeline(Timeline[T]):
    """Of closed candles: row i belongs to the candle that closed at `grid.closed_at(i)`."""

    grid: CandleGrid

    def closed_by(self, now: datetime) -> datetime:
        """The last close at or before `now`; of a candle that is missing, where it is the newest.

        With it a release moves on with the clock: candles that nobody saw do not count as calm.
        """
        return self.grid.closed_at(self.grid.row_at(now))
