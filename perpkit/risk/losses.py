"""How much of the equity a trade, or all trades of an enter tag, have lost.

The loss of a tag is the open loss of its trades and what those that closed lately have lost. Gains
that were taken do not widen the limit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from math import isnan, nan
from typing import NamedTuple


def share_lost(profit: float, equity: float) -> float:
    """Returns a loss as a share of what the equity would be without it; NaN if unknown.

    It is 0 for a profit, and 1 where nothing but the loss stands between the account and ruin.

    :param profit: of the trade, or of all trades of a tag, included in `equity`

    >>> share_lost(-100.0, equity=900.0)
    0.1
    """
    if isnan(profit) or isnan(equity):
        return nan
    if profit >= 0:
        return 0.0
    before = equity - profit
    return min(-profit / before, 1.0) if before > 0 else 1.0


def beyond(share: float, allowed: float | None) -> bool:
    """Returns whether a share of equity that is lost is more than allowed; not if it is unknown."""
    return allowed is not None and (share > allowed or share == 1.0)


class TagResult(NamedTuple):
    """A closed trade.

    :param closed_at: seconds since 1970 UTC
    :param profit: realised, in stake currency
    """

    closed_at: float
    tag: str
    profit: float


class RecentResults:
    """What the trades of each tag have made that closed within some time.

    :param seconds: that time
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._results: deque[TagResult] = deque()
        self._sums: dict[str, float] = {}

    def add(self, results: Iterable[TagResult]) -> None:
        if new := list(results):
            self._results = deque(sorted([*self._results, *new]))
            self._add_up()

    def at(self, now: float) -> Mapping[str, float]:
        """Returns the profit of each tag; a trade that closed exactly that long ago is out."""
        before = len(self._results)
        while self._results and self._results[0].closed_at <= now - self._seconds:
            self._results.popleft()
        if len(self._results) < before:
            self._add_up()
        return self._sums

    def _add_up(self) -> None:
        self._sums = {}
        for each in self._results:
            self._sums[each.tag] = self._sums.get(each.tag, 0.0) + each.profit


def tag_profits(
    open_trades: Iterable[tuple[str, float]], closed: Mapping[str, float]
) -> dict[str, float]:
    """Returns what counts for each tag: its open profit, and the net loss of its closed trades.

    :param open_trades: (tag, profit), NaN where unknown
    :param closed: profit by tag

    >>> tag_profits([("dip", -50.0), ("dip", 20.0)], {"dip": 100.0, "top": -5.0})
    {'dip': -30.0, 'top': -5.0}
    """
    found: dict[str, float] = {}
    for tag, profit in open_trades:
        found[tag] = found.get(tag, 0.0) + profit
    for tag, profit in closed.items():
        if profit < 0:
            found[tag] = found.get(tag, 0.0) + profit
    return found
