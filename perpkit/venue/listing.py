"""Where a contract stands between its listing and its end, as exchangeInfo tells it."""

from __future__ import annotations

from dataclasses import dataclass

from perpkit.venue.candles import MINUTE_MS
from perpkit.venue.faults import FaultKind, FaultPlan

NEVER_DELIVERED = 4_133_404_800_000
# "Users may not open new positions starting 30 minutes before" (the exchange's notices).
CLOSING_MS = 30 * MINUTE_MS


@dataclass(frozen=True)
class Listing:
    """:param onboard, delivery: ms; `NEVER_DELIVERED` until an end is announced"""

    status: str
    onboard: int
    delivery: int


def listing(plan: FaultPlan, symbol: str, first_candle: int, now: int) -> Listing:
    """The status at `now` by the faults of symbols; TRADING where the plan has none.

    A delisting is announced at its `since` (the delivery date changes), takes no new positions in
    the last half hour and closes at its `until`. A maintenance of the whole exchange closes every
    symbol while it lasts.
    """
    status, onboard, delivery = "TRADING", first_candle, NEVER_DELIVERED
    for fault in plan.of(FaultKind.DELISTING, symbol=symbol):
        if fault.since <= now:
            assert fault.until is not None
            delivery = fault.until
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
