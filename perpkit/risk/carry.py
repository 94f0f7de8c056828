"""Carry: the funding that a position will cost over its planned life, against what it may earn."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, isnan
from typing import Annotated

from perpkit.durations import HOUR_S
from perpkit.market.funding import predicted_cost
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range


@dataclass(frozen=True)
class CarryRule(Parameters):
    """What funding may cost a position."""

    planned_hours: Annotated[
        float, Range(1, 10_000, "h"), "How long a position is expected to be held"
    ] = 48.0
    edge: Annotated[
        float,
        Range(0.0001, 1, "of the price"),
        "What a trade is expected to earn over that time, before funding; it is used up evenly as "
        "the time passes",
    ] = 0.01
    max_share: Annotated[
        float, Range(0.01, 10, "of the edge"), "How much of the edge that is left funding may cost"
    ] = 0.5


def settlements(now: float, hours: float, interval_hours: float) -> int:
    """Returns the number of funding settlements after `now` and within `hours` of it.

    :param now: seconds since 1970 UTC; settlements fall on multiples of the interval from midnight

    >>> settlements(now=0, hours=24, interval_hours=8)
    3
    """
    interval = interval_hours * HOUR_S
    first = ceil((now + 1) / interval) * interval
    return max(0, int((now + hours * HOUR_S - first) // interval) + 1)


def carry_cost(
    rate_8h: float,
    mean_8h: float,
    interval_hours: float,
    is_short: bool,
    now: float,
    hours: float,
) -> float:
    """Returns the funding that a position is predicted to pay within `hours`, as a fraction of its
    value; negative if it receives funding. A settlement counts in full until it has happened.

    :param rate_8h: the newest settled rate, per 8 h, positive when longs pay
    :param mean_8h: the mean to which rates revert; where it is unknown (NaN), the rate stays as is

    >>> round(carry_cost(0.0001, 0.0001, 8, is_short=True, now=0, hours=24), 6)
    -0.0003
    """
    ahead = settlements(now, hours, interval_hours) * interval_hours
    mean = rate_8h if isnan(mean_8h) else mean_8h
    cost = predicted_cost(rate_8h, mean, ahead)
    return -cost if is_short else cost


def too_dear(
    rule: CarryRule,
    rate_8h: float,
    mean_8h: float,
    interval_hours: float,
    is_short: bool,
    now: float,
    held_hours: float,
) -> str | None:
    """Returns why the carry is too expensive, as a message; None if it is not, or if no rate is
    known.

    :param held_hours: hours since the entry; 0 for an entry that is only considered

    >>> too_dear(CarryRule(), 0.002, 0.002, 8, is_short=False, now=0, held_hours=0)
    'funding is predicted to cost 1.20% in the next 48 h, more than 50% of an edge of 1.00%'
    """
    if isnan(rate_8h) or not interval_hours > 0:
        return None
    # A trade that has outlived its plan is judged by the next settlement only.
    hours = max(rule.planned_hours - held_hours, interval_hours)
    left = rule.edge * min(1.0, hours / rule.planned_hours)
    cost = carry_cost(rate_8h, mean_8h, interval_hours, is_short, now, hours)
    if cost <= rule.max_share * left:
        return None
    return (
        f"funding is predicted to cost {cost:.2%} in the next {hours:.0f} h, "
        f"more than {rule.max_share:.0%} of an edge of {left:.2%}"
    )
