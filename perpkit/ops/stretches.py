"""The periods in which breakers restrict trading, and their share of the time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from perpkit.durations import HOUR
from perpkit.ops.stored import wide_console

# rich and Freqtrade load inside the functions, so that `perpkit --help` stays quick.
if TYPE_CHECKING:
    from perpkit.breakers.breaker import Decision

Moments = Iterable[tuple[datetime, Sequence["Decision"]]]


@dataclass(frozen=True)
class Stretch:
    """A period in which the effect of a breaker on one pair and side stays the same.

    :param level: the trading state; `active` if only size or leverage is restricted. A replay of
        the crypto-VIX alone has its own levels instead
    :param reason: the breaker's reason at the start
    """

    start: datetime
    until: datetime
    level: str
    reason: str
    breaker: str
    pair: str = "*"
    side: str = "*"

    def between(self, start: datetime, stop: datetime) -> Stretch:
        return replace(self, start=max(self.start, start), until=min(self.until, stop))


def stretches(breaker: str, moments: Moments, end: datetime) -> list[Stretch]:
    """Converts decisions at successive moments into stretches, ordered by their starts.

    :param end: of stretches that are still open
    """
    found: list[Stretch] = []
    going: dict[tuple[str, str], tuple[datetime, Decision]] = {}

    def close(key: tuple[str, str], at: datetime) -> None:
        start, decision = going.pop(key)
        found.append(Stretch(start, at, decision.trading.value, decision.reason, breaker, *key))

    for now, decisions in moments:
        by_key: dict[tuple[str, str], Decision] = {
            (d.pair, d.side): d for d in decisions if d.restricts
        }
        for key in [k for k, (_, d) in going.items() if _effect(by_key.get(k)) != _effect(d)]:
            close(key, now)
        for key, decision in by_key.items():
            going.setdefault(key, (now, decision))
    for key in list(going):
        close(key, end)
    return sorted(found, key=lambda stretch: (stretch.start, stretch.pair, stretch.side))


def _effect(decision: Decision | None) -> object:
    return decision and (decision.trading, decision.size_factor, decision.max_leverage)


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
            *((stretch.breaker, _where(stretch)) if several else ()),
            stretch.level,
            stretch.reason,
        )
    console = wide_console()
    console.print(table)
    console.print(closing, soft_wrap=True, highlight=False)


def _where(stretch: Stretch) -> str:
    return " ".join(part for part in (stretch.pair, stretch.side) if part != "*") or "all pairs"
