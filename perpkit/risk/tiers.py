"""Maintenance tiers of exchanges that state no amounts with them, only a rate for each.

Such a rate applies either to the part of a position's value that lies in its tier, or to the whole
value. Both become `MaintenanceTiers`, whose margin is the greatest of lines rate x value - amount.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from perpkit.risk.liquidation import MaintenanceTier

# A tier can require no more of a position than nearly all of its value.
_MOST = 0.99


def in_parts(rows: Sequence[MaintenanceTier]) -> tuple[MaintenanceTier, ...]:
    """Returns tiers whose rates apply to the part of the value above each floor.

    Bybit states the same amounts as `mmDeduction`.

    :param rows: the smallest notional first; their amounts are not read

    >>> rows = MaintenanceTier(0, 0.005, 0, 100), MaintenanceTier(2_000_000, 0.01, 0, 50)
    >>> [row.amount for row in in_parts(rows)]
    [0.0, 10000.0]
    """
    rows = _rising(rows)
    return _joined(rows, [row.rate for row in rows])


def of_whole(rows: Sequence[MaintenanceTier]) -> tuple[MaintenanceTier, ...]:
    """Returns tiers that require at least a rate applied to the whole value, as on OKX.

    That margin jumps at each floor. These lines run from one jump to the next, above the steps:
    equal to them at the floors, and in between at most what the next tier would require.

    :param rows: as for `in_parts`

    >>> rows = MaintenanceTier(0, 0.004, 0, 100), MaintenanceTier(50_000, 0.005, 0, 50)
    >>> [(row.rate, row.amount) for row in of_whole(rows)]
    [(0.005, 0.0), (0.005, 0.0)]
    """
    rows = _rising(rows)
    slopes = [
        (upper.floor * upper.rate - lower.floor * lower.rate) / (upper.floor - lower.floor)
        for lower, upper in pairwise(rows)
    ]
    rates, steepest = [], 0.0
    for row, slope in zip(rows, [*slopes, 0.0], strict=False):
        steepest = min(max(steepest, slope, row.rate), _MOST)
        rates.append(steepest)
    # A line that may not be steep enough for the way to the next jump begins at the jump itself.
    return tuple(
        replace(line, amount=min(line.amount, row.floor * (line.rate - row.rate)))
        for line, row in zip(_joined(rows, rates), rows, strict=True)
    )


def _rising(rows: Sequence[MaintenanceTier]) -> list[MaintenanceTier]:
    """Returns the rows without those whose floor does not rise: the row before takes their terms
    where they are stricter."""
    rising: list[MaintenanceTier] = []
    for row in rows:
        if rising and row.floor <= rising[-1].floor:
            last = rising.pop()
            rate, most = max(last.rate, row.rate), min(last.max_leverage, row.max_leverage)
            rising.append(replace(last, rate=rate, max_leverage=most))
        else:
            rising.append(row)
    return rising


def _joined(rows: Sequence[MaintenanceTier], rates: Sequence[float]) -> tuple[MaintenanceTier, ...]:
    """Returns the rows with other rates, and the amounts that join the lines at the floors."""
    amount, before, joined = 0.0, rates[0] if rates else 0.0, []
    for row, rate in zip(rows, rates, strict=True):
        amount += row.floor * (rate - before)
        joined.append(replace(row, rate=rate, amount=amount))
        before = rate
    return tuple(joined)
