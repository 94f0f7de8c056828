"""The status of a contract between its listing and its end, as exchangeInfo reports it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from perpkit.durations import DAY_MS, MINUTE_MS
from perpkit.venue.faults.faults import FaultKind, FaultPlan

NEVER_DELIVERED = 4_133_404_800_000
# How long before its end a delisting is announced: about when the exchange publishes its notice.
ANNOUNCED_MS = 7 * DAY_MS
# "Users may not open new positions starting 30 minutes before" (the exchange's notices).
CLOSING_MS = 30 * MINUTE_MS


@dataclass(frozen=True)
class Lifetime:
    """The beginning and the end of a contract on record.

    :param onboard, delivery: times of the listing and of the end, ms
    :param dated: whether the end is known from the beginning
    """

    onboard: int
    delivery: int = NEVER_DELIVERED
    dated: bool = False

    def moved(self, new_time: Callable[[int], int]) -> Lifetime:
        never = self.delivery == NEVER_DELIVERED
        end = self.delivery if never else new_time(self.delivery)
        return replace(self, onboard=new_time(self.onboard), delivery=end)


@dataclass(frozen=True)
class Listing:
    """The status of a contract at one time.

    :param onboard: time of the listing, ms
    :param delivery: time of the end, ms; `NEVER_DELIVERED` until an end is announced
    """

    status: str
    onboard: int
    delivery: int


def listing(plan: FaultPlan, symbol: str, life: Lifetime, now: int) -> Listing:
    """The status of a contract at `now` (ms), by its record and by the faults of its symbol.

    The earliest announced end counts. An end on record is announced a week ahead (a dated one from
    the beginning), a fault's end at the fault's `since`: the delivery date changes then. The
    contract takes no new positions in its last half hour and closes at the delivery. A maintenance
    of the whole exchange closes every symbol while it lasts.
    """
    status = "TRADING" if life.onboard <= now else "PENDING_TRADING"
    onboard, delivery = life.onboard, _delivery(plan, symbol, life, now)
    if now >= delivery:
        status = "CLOSE"
    elif now >= delivery - CLOSING_MS:
        status = "SETTLING"
    state = plan.active(FaultKind.SYMBOL_STATUS, symbol, now)
    if state is not None:
        status = state.text("status")
        if status == "PENDING_TRADING" and state.until is not None:
            onboard = state.until
    if plan.active(FaultKind.MAINTENANCE, symbol, now):
        status = "CLOSE"
    return Listing(status, onboard, delivery)


def _delivery(plan: FaultPlan, symbol: str, life: Lifetime, now: int) -> int:
    """The earliest end that has been announced by `now`, ms."""
    ends = [NEVER_DELIVERED]
    if life.dated or now >= life.delivery - ANNOUNCED_MS:
        ends.append(life.delivery)
    for fault in plan.of(FaultKind.DELISTING, symbol=symbol):
        if fault.since <= now:
            assert fault.until is not None
            ends.append(fault.until)
    return min(ends)
