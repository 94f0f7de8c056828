"""Shows the periods in which breakers restrict trading, and their share of the time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from perpkit.breakers.stretches import Stretch
from perpkit.durations import HOUR
from perpkit.ops.stored import wide_console


def locked_share(found: Sequence[Stretch], start: datetime, stop: datetime) -> float:
    """Returns the share of the time in which entries of every pair and side were blocked."""
    market_wide = sorted(
        (s.start, s.until) for s in found if s.pair == s.side == "*" and s.level != "active"
    )
    locked, reached = timedelta(0), start
    for begin, until in market_wide:
        locked += max(timedelta(0), min(until, stop) - max(begin, reached))
        reached = max(reached, until)
    return locked / (stop - start)


def as_dict(found: Sequence[Stretch], share: float, also: Sequence[str] = ()) -> dict[str, Any]:
    """Returns the stretches as a JSON-compatible dictionary.

    :param share: of the time in which entries were blocked
    :param also: fields of a stretch to include in addition to its time, level and reason
    """
    return {
        "hours_locked_share": share,
        "intervals": [
            {
                "from": stretch.start.isoformat(),
                "until": stretch.until.isoformat(),
                "level": stretch.level,
                "reason": stretch.reason,
                **{name: getattr(stretch, name) for name in also},
            }
            for stretch in found
        ],
    }


def print_table(
    found: Sequence[Stretch], closing: str, *, level: str, several: bool = False
) -> None:
    """Prints the stretches as a table.

    :param closing: the line below the table
    :param level: the header of the level column
    :param several: whether to show the breaker and where it restricts
    """
    from rich.table import Table

    of_several = ("breaker", "where") if several else ()
    table = Table("from (UTC)", "until (UTC)", "hours", *of_several, level, "reason")
    for column in table.columns[:-1]:
        column.no_wrap = True
    table.columns[2].justify = "right"
    for stretch in found:
        table.add_row(
            f"{stretch.start:%Y-%m-%d %H:%M}",
            f"{stretch.until:%Y-%m-%d %H:%M}",
            f"{(stretch.until - stretch.start) / HOUR:.4g}",
            *((stretch.breaker, stretch.where) if several else ()),
            stretch.level,
            stretch.reason,
        )
    console = wide_console()
    console.print(table)
    console.print(closing, soft_wrap=True, highlight=False)
