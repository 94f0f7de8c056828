"""Loss streaks: after too many losing trades in a row, entries are blocked for a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from perpkit.breakers.breaker import ALL_PAIRS, Decision, Trading
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range


@dataclass(frozen=True)
class ClosedTrade:
    """A trade that has been closed.

    :param profit: realised profit after fees and funding, in stake currency
    :param tag: of its entry, empty where it has none
    """

    pair: str
    closed_at: datetime
    profit: float
    tag: str = ""


@dataclass(frozen=True)
class StreakLimit(Parameters):
    """How many losing trades in a row block entries, and for how long."""

    losses: Annotated[
        int, Range(0, 1000, "trades"), "How many losing trades in a row trip it; 0 is off"
    ]
    hours: Annotated[
        float, Range(0.1, 8760, "h"), "How long entries stay blocked, counted from the last loss"
    ]

    def check_together(self) -> None:
        if self.losses == 1:
            raise ValueError("losses must be 0 or at least 2, got 1")


@dataclass(frozen=True)
class Streak:
    """The number of losing trades in a row, and the time of the last one."""

    losses: int = 0
    last_loss: datetime | None = None


NO_STREAK = Streak()
# By pair, and by `*` for the account.
Streaks = Mapping[str, Streak]


def observe(streaks: Streaks, trades: Iterable[ClosedTrade]) -> Streaks:
    """Returns the streaks after more closed trades. A trade without a loss ends a streak.

    >>> lost = ClosedTrade("BTC/USDT:USDT", datetime(2026, 1, 1), profit=-5.0)
    >>> observe({}, [lost, lost])["*"].losses
    2
    """
    after = dict(streaks)
    for trade in trades:
        for key in (ALL_PAIRS, trade.pair):
            if trade.profit >= 0:
                after.pop(key, None)
            else:
                after[key] = Streak(after.get(key, NO_STREAK).losses + 1, trade.closed_at)
    return after


def decide(
    account: StreakLimit, pair: StreakLimit, streaks: Streaks, now: datetime
) -> Iterator[Decision]:
    """Yields the decisions of the streaks that block entries at `now`."""
    for key, streak in streaks.items():
        limit = account if key == ALL_PAIRS else pair
        if not limit.losses or streak.losses < limit.losses or streak.last_loss is None:
            continue
        release = streak.last_loss + timedelta(hours=limit.hours)
        if now < release:
            where = "" if key == ALL_PAIRS else f" on {key}"
            yield Decision(
                Trading.REDUCING,
                0.0,
                release,
                f"{streak.losses} losses in a row{where} (limit {limit.losses}): no new entries",
                pair=key,
            )
