"""What an account can query of its past: how far back, in which order, how many rows at a time.

USD-M futures: "All Orders", "Query All Algo Orders", "Account Trade List", "Get Income History".
A query with `first` or `start` returns the oldest rows from there on, any other the most recent
ones. Rows are always sorted oldest first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from perpkit.durations import DAY_MS
from perpkit.venue.engine.account import Income, IncomeKind, MarginChange
from perpkit.venue.engine.orders import Algo, AlgoStatus, Amendment, Fill, Order, OrderStatus
from perpkit.venue.engine.refusals import Refusal

WINDOW_MS = 7 * DAY_MS  # the longest window that may be requested, and the default
KEPT_MS = 90 * DAY_MS
MARGIN_KEPT_MS = 30 * DAY_MS
UNFILLED_KEPT_MS = 3 * DAY_MS

Row = TypeVar("Row")
Placed = TypeVar("Placed", Order, Algo)


class Forced(StrEnum):
    """Kinds of orders that the exchange itself sends, by how their client ids begin."""

    LIQUIDATION = "autoclose-"
    ADL = "adl_autoclose"


@dataclass(frozen=True, slots=True)
class Lookup:
    """Which rows of an account's history a query requests.

    :param limit: maximum number of rows, at least 1
    :param start, end: ms, both inclusive
    :param first: smallest id, inclusive
    :param page: pages have `limit` rows each; page 1 begins with the oldest row
    """

    limit: int
    start: int | None = None
    end: int | None = None
    first: int | None = None
    page: int | None = None

    def __post_init__(self) -> None:
        # A negative limit would slice from the wrong end.
        for name in ("limit", "page"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")


def trades(
    fills: Iterable[Fill], lookup: Lookup, now: int, symbol: str, order_id: int | None = None
) -> list[Fill]:
    """Returns the account's trades in a symbol.

    :raises VenueError: -1106 for an id together with a time, -4165 for a window that is too long,
        -1023 for a start after the end
    """
    if lookup.first is not None:
        for name, value in (("startTime", lookup.start), ("endTime", lookup.end)):
            if value is not None:
                raise Refusal.NOT_REQUIRED.error(name)
    start, end = _span(lookup, now, WINDOW_MS)
    least = lookup.first or 0
    return _chosen(
        [
            fill
            for fill in fills
            if fill.symbol == symbol
            and start <= fill.time <= end
            and fill.id >= least
            and order_id in (None, fill.order_id)
        ],
        lookup,
    )


def orders(every: Iterable[Order], lookup: Lookup, now: int, symbol: str) -> list[Order]:
    """Returns the orders of a symbol that were placed in the window.

    :raises VenueError: -4165, -1023, as for `trades`; -4166 for a start before those that are kept
    """
    found = _placed(every, lookup, now, symbol, order_forgotten)
    if lookup.start is not None and lookup.start < now - KEPT_MS:
        raise Refusal.OLD_WINDOW.error(KEPT_MS // DAY_MS)
    return found


def algos(every: Iterable[Algo], lookup: Lookup, now: int, symbol: str) -> list[Algo]:
    """Returns the conditional orders of a symbol, as `orders`, from any start."""
    return _placed(every, lookup, now, symbol, algo_forgotten)


def _placed(
    every: Iterable[Placed],
    lookup: Lookup,
    now: int,
    symbol: str,
    forgotten: Callable[[Placed, int], bool],
) -> list[Placed]:
    start, end = _span(lookup, now, WINDOW_MS)
    least = lookup.first or 0
    return _chosen(
        [
            each
            for each in every
            if each.symbol == symbol
            and start <= each.created <= end
            and each.id >= least
            and not forgotten(each, now)
        ],
        lookup,
    )


def incomes(
    every: Iterable[Income],
    lookup: Lookup,
    now: int,
    symbol: str | None = None,
    kind: IncomeKind | None = None,
) -> list[Income]:
    """Returns the incomes in a window of any length; without start and end, the last seven days.

    :raises VenueError: -1023 for a start after the end
    """
    start, end = _span(lookup, now, None)
    return _chosen(
        [
            income
            for income in every
            if start <= income.time <= end
            and symbol in (None, income.symbol)
            and kind in (None, income.kind)
        ],
        lookup,
    )


def forced(
    every: Iterable[Order],
    lookup: Lookup,
    now: int,
    symbol: str | None = None,
    kind: Forced | None = None,
) -> list[Order]:
    """Returns the orders with which the exchange has closed positions, of one kind or of both.

    :raises VenueError: -4165, -1023, as for `trades`
    """
    start, end = _span(lookup, now, WINDOW_MS)
    begins = [each.value for each in Forced] if kind is None else [kind.value]
    return _chosen(
        [
            order
            for order in every
            if start <= order.created <= end
            and symbol in (None, order.symbol)
            and order.forced
            and order.client_id.startswith(tuple(begins))
        ],
        lookup,
    )


def amendments(every: Iterable[Amendment], lookup: Lookup, now: int) -> list[Amendment]:
    """Returns the changes of one order, the newest first.

    :raises VenueError: -4165, -1023, as for `trades`
    """
    start, end = _span(lookup, now, KEPT_MS)
    return _chosen([each for each in every if start <= each.time <= end], lookup)[::-1]


def margin_changes(
    every: Iterable[MarginChange],
    lookup: Lookup,
    now: int,
    symbol: str,
    adding: bool | None = None,
) -> list[MarginChange]:
    """Returns what was added to the margin of positions in a symbol, or taken from it, or both.

    :raises VenueError: -4165, -1023, as for `trades`
    """
    start, end = _span(lookup, now, MARGIN_KEPT_MS)
    start = max(start, now - MARGIN_KEPT_MS)
    return _chosen(
        [
            change
            for change in every
            if change.symbol == symbol
            and start <= change.time <= end
            and adding in (None, change.amount > 0)
        ],
        lookup,
    )


def order_forgotten(order: Order, now: int) -> bool:
    """Returns whether the exchange has deleted the order and answers -2013."""
    unfilled = order.status in (OrderStatus.CANCELED, OrderStatus.EXPIRED) and not order.executed
    return _forgotten(order.created, now, unfilled=unfilled)


def algo_forgotten(algo: Algo, now: int) -> bool:
    ended = algo.status in (AlgoStatus.CANCELED, AlgoStatus.EXPIRED)
    filled = algo.order is not None and bool(algo.order.executed)
    return _forgotten(algo.created, now, unfilled=ended and not filled)


def _forgotten(created: int, now: int, *, unfilled: bool) -> bool:
    return created + (UNFILLED_KEPT_MS if unfilled else KEPT_MS) < now


def _span(lookup: Lookup, now: int, longest: int | None) -> tuple[int, int]:
    """Returns the first and the last time to search, ms, both inclusive.

    :param longest: longest window, ms; a window with only a start ends after it, too (users of the
        exchange measured that: no error, and no later rows)
    """
    start, end = lookup.start, lookup.end
    if start is not None and end is not None:
        if start > end:
            raise Refusal.START_AFTER_END.error()
        if longest is not None and end - start > longest:
            raise Refusal.LONG_WINDOW.error(longest // DAY_MS)
    if start is None:
        everything = lookup.first is not None if end is None else longest is None
        end = now if end is None else end
        start = 0 if everything else end - (longest or WINDOW_MS)
    elif end is None:
        end = now if longest is None else start + longest
    return max(start, now - KEPT_MS), end


def _chosen(rows: Sequence[Row], lookup: Lookup) -> list[Row]:
    if lookup.page is not None:
        skipped = (lookup.page - 1) * lookup.limit
        return list(rows[skipped : skipped + lookup.limit])
    if lookup.first is not None or lookup.start is not None:
        return list(rows[: lookup.limit])
    return list(rows[-lookup.limit :])
