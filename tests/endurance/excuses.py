"""Which breaches of the venue's invariants no bot could have avoided."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from perpkit.venue.exchange.invariants import Breach, Invariant
from perpkit.venue.faults.faults import Fault
from perpkit.venue.faults.kinds import REQUEST_KINDS
from tests.soak.rehearsal import EXCUSES

# Episodes of the soak are minutes long; of days, some have minutes in which hardly any request is
# answered.
EXCUSED = frozenset({*EXCUSES, *REQUEST_KINDS})

# The longest between two attempts at a request: `freqtrade.exchange.common`, as it looks up orders.
_WAIT_MS = 17_000


def with_wait(fault: Fault) -> Fault:
    """A fault of requests lasts until Freqtrade asks again."""
    if fault.kind not in REQUEST_KINDS or fault.until is None:
        return fault
    return replace(fault, until=fault.until + _WAIT_MS)


def is_excused(
    breach: Breach, faults: Collection[Fault], inexcusable_ms: int, limit_ms: int
) -> bool:
    """Whether a fault explains a breach.

    Of a position without a stop the stopwatch has judged. A second stop stays as long as no
    cancellation is answered.

    :param faults: those that there have been, `with_wait`
    :param inexcusable_ms: the longest without a stop for which there was no excuse
    :param limit_ms: how long a breach may last
    """
    if breach.invariant is Invariant.PROTECTED:
        return inexcusable_ms <= limit_ms
    return breach.invariant is Invariant.SINGLE_STOP and any(
        fault.kind in REQUEST_KINDS
        and fault.since <= breach.at
        and (fault.until is None or breach.at < fault.until + limit_ms)
        for fault in faults
    )
