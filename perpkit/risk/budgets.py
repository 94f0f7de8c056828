"""Budgets of risk: which share of it each source of signals may take.

A budget is a share of the risk of one trade and of the limit of open risk. All budgets together are
at most 1, so that sources cannot take more than one strategy alone may. A position that several
sources entered uses the budgets of all of them, in proportion.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from math import fsum, nan
from typing import Annotated

from perpkit.checks import refuse
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range
from perpkit.risk.exposure import Holding, Limit, PlannedEntry, Room

# Shares that were rounded when they were written down may exceed 1 by this.
_ROUNDING = 1e-6


class Budgets(StrEnum):
    """Where budgets come from."""

    EQUAL = "equal"
    FIXED = "fixed"
    OUT_OF_SAMPLE = "out_of_sample"


@dataclass(frozen=True)
class SourceRisk(Parameters):
    """What one source did out of sample, traded alone and with the whole budget."""

    daily_volatility: Annotated[
        float,
        Range(1e-6, 1, "a day"),
        "The standard deviation of its daily returns, marked to market",
    ]
    days: Annotated[int, Range(30, 100_000, "days"), "How many daily returns that is of"]
    until: Annotated[
        str | None,
        "The day after the last of them, such as `2024-01-01`; no walk-forward whose tests begin "
        "before it can use the budget",
    ] = None

    def check_together(self) -> None:
        if self.until is not None:
            try:
                date.fromisoformat(self.until)
            except ValueError:
                refuse("until", "a day such as 2024-01-01, or null", self.until)


@dataclass(frozen=True)
class OutOfSample(Parameters):
    """The content of the file: what sources did in windows by which their parameters were not
    chosen."""

    sources: Annotated[Mapping[str, SourceRisk], "By name of the source"]
    version: Annotated[int, Range(1, 1, "number"), "Of the format"] = 1


def equal(names: Sequence[str]) -> dict[str, float]:
    """Returns the same budget for each source.

    >>> equal(["rsi_sma", "trend"])
    {'rsi_sma': 0.5, 'trend': 0.5}
    """
    return {name: 1 / len(names) for name in names}


def fixed(given: Mapping[str, float | None]) -> dict[str, float]:
    """Returns the budgets that are given.

    :raises ValueError: naming the source without one, or the sum where it is above 1
    """
    found = {}
    for name, budget in given.items():
        if budget is None:
            raise ValueError(f"budget of {name} must be given with fixed budgets, got null")
        found[name] = budget
    if (total := fsum(found.values())) > 1 + _ROUNDING:
        raise ValueError(f"budgets of all sources must be at most 1 together, got {total:g}")
    return found


def by_risk(names: Sequence[str], known: OutOfSample) -> dict[str, float]:
    """Returns budgets by which each source brings as much volatility to the account: in proportion
    to 1 over that of its daily returns out of sample.

    :raises ValueError: naming a source of which nothing is known

    >>> calm, wild = SourceRisk(0.01, 700), SourceRisk(0.03, 700)
    >>> by_risk(["calm", "wild"], OutOfSample({"calm": calm, "wild": wild}))
    {'calm': 0.75, 'wild': 0.25}
    """
    for name in names:
        if name not in known.sources:
            there = ", ".join(sorted(known.sources)) or "none"
            raise ValueError(f"sources must have {name}, has {there}")
    inverse = {name: 1 / known.sources[name].daily_volatility for name in names}
    total = fsum(inverse.values())
    return {name: share / total for name, share in inverse.items()}


def share_of(owners: Iterable[str], budgets: Mapping[str, float]) -> float:
    """Returns the budget of a position of these sources, at most 1."""
    return min(1.0, fsum(budgets.get(name, 0.0) for name in owners))


def budget_rooms(
    budgets: Mapping[str, float],
    max_open_risk: float,
    owners: Sequence[str],
    equity: float,
    held: Iterable[tuple[Sequence[str], Holding]],
    entry: PlannedEntry,
) -> list[Room]:
    """Returns the room that the budget of each owner leaves for an entry; NaN where the equity or
    the distance of the stop is unknown or not above 0.

    :param max_open_risk: what all stops together may lose, a share of the equity
    :param owners: the sources of the entry; without any there is no budget, and no room is limited
    :param equity: marked to market, in stake currency
    :param held: the sources of each open position, and the position

    >>> held = [(["rsi_sma"], Holding("ETH/USDT:USDT", 500.0, risk=10.0, margin=250.0))]
    >>> entry = PlannedEntry("BTC/USDT:USDT", is_short=False, stop_distance=0.05, leverage=2.0)
    >>> shares = {"rsi_sma": 0.5, "trend": 0.5}
    >>> [room.notional for room in budget_rooms(shares, 0.03, ["rsi_sma"], 1000.0, held, entry)]
    [100.0]
    """
    positions, rooms = list(held), []
    usable, distance = (x if x > 0 else nan for x in (equity, entry.stop_distance))
    share = share_of(owners, budgets)
    for name in owners:
        own = budgets.get(name, 0.0)
        used = fsum(
            max(holding.risk, 0.0) * own / share_of(whose, budgets)
            for whose, holding in positions
            if name in whose and own
        )
        allowed = own * max_open_risk
        room = (allowed * usable - used) * share / own if own else 0.0
        rooms.append(Room(Limit.BUDGET, room / distance, used / usable, allowed, whose=name))
    return rooms
