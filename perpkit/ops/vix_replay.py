"""What the crypto-VIX breaker would have done on stored candles, at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from perpkit.ops.stored import BadInputError, wide_console

# pandas, rich and Freqtrade load inside the functions, so that `perpkit --help` stays quick.
if TYPE_CHECKING:
    from perpkit.breakers.volatility import VolatilityTimeline

HOUR = timedelta(hours=1)
ALMOST_HOUR = timedelta(minutes=59, seconds=59)  # time ranges are in whole seconds


@dataclass(frozen=True)
class Interval:
    """A longest stretch at one level above calm.

    :param start: close of the candle that began it, when the decision took effect
    :param reason: what the breaker said at its start
    """

    start: datetime
    until: datetime
    level: str
    reason: str
    breaker: str = "CryptoVixBreaker"
    pair: str = "*"


@dataclass(frozen=True)
class Replay:
    start: datetime
    stop: datetime
    hours_locked_share: float
    intervals: list[Interval]


def summarise(
    decisions: VolatilityTimeline, start: datetime | None, stop: datetime | None
) -> Replay:
    """Intervals and share of blocked hours between `start` and `stop`, as far as candles reach.

    :raises BadInputError: if no candle lies in the range
    """
    import numpy as np

    from perpkit.market.volatility import hour_of, time_of

    first_open, last_close = decisions.first_close - 1, decisions.first_close - 1 + len(decisions)
    # An hour counts if it begins inside the range.
    begin = first_open if start is None else max(hour_of(start + ALMOST_HOUR), first_open)
    end = last_close if stop is None else min(hour_of(stop + ALMOST_HOUR), last_close)
    if begin >= end:
        asked = "-".join(f"{end:%Y%m%d}" if end else "" for end in (start, stop))
        raise BadInputError(
            f"timerange must overlap the stored candles ({time_of(first_open):%Y%m%d}-"
            f"{time_of(last_close):%Y%m%d}), got {asked}"
        )
    # The level in force during an hour is the one of the candle that closed as the hour began.
    level = np.concatenate(([0], decisions.level))[begin - first_open : end - first_open]
    blocked = np.concatenate(([False], decisions.entries_blocked))
    return Replay(
        time_of(begin),
        time_of(end),
        float(blocked[begin - first_open : end - first_open].mean()),
        list(_intervals(decisions, level, begin)),
    )


def _intervals(decisions: VolatilityTimeline, level: Any, begin: int) -> Iterator[Interval]:
    import numpy as np

    from perpkit.market.volatility import time_of

    edges = [0, *(np.flatnonzero(np.diff(level)) + 1).tolist(), len(level)]
    for first, after in pairwise(edges):
        if level[first]:
            start = time_of(begin + first)
            decision = decisions.at(start)
            yield Interval(start, time_of(begin + after), str(decision.level), decision.reason)


def as_dict(result: Replay) -> dict[str, Any]:
    return {
        "hours_locked_share": result.hours_locked_share,
        "intervals": [
            {
                "from": interval.start.isoformat(),
                "until": interval.until.isoformat(),
                "level": interval.level,
                "reason": interval.reason,
            }
            for interval in result.intervals
        ],
    }


def print_table(pair: str, result: Replay) -> None:
    from rich.table import Table

    table = Table("from (UTC)", "until (UTC)", "hours", "level", "reason")
    table.columns[2].justify = "right"
    for interval in result.intervals:
        hours = (interval.until - interval.start) // HOUR
        table.add_row(
            f"{interval.start:%Y-%m-%d %H:%M}",
            f"{interval.until:%Y-%m-%d %H:%M}",
            str(hours),
            interval.level,
            interval.reason,
        )
    console = wide_console()
    console.print(table)
    blocked = round(result.hours_locked_share * ((result.stop - result.start) / HOUR))
    console.print(
        f"{pair} {result.start:%Y-%m-%d %H:%M} to {result.stop:%Y-%m-%d %H:%M}: "
        f"{len(result.intervals)} intervals above calm, entries blocked {blocked} hours "
        f"({result.hours_locked_share:.1%})",
        soft_wrap=True,
        highlight=False,
    )
