"""Where a contract stands: by its record, and by the faults laid over it."""

import pytest

from perpkit.durations import DAY_MS, HOUR_MS, MINUTE_MS
from perpkit.venue.faults.faults import Fault, FaultKind, FaultPlan
from perpkit.venue.market.listing import NEVER_DELIVERED, Lifetime, Listing, listing

BEGIN = 1_704_067_200_000
END = BEGIN + 30 * DAY_MS
ALWAYS = Lifetime(BEGIN)
ENDING = Lifetime(BEGIN, END)
QUARTER = Lifetime(BEGIN, END, dated=True)


@pytest.mark.parametrize(
    ("life", "now", "expected"),
    [
        (ALWAYS, BEGIN - 1, Listing("PENDING_TRADING", BEGIN, NEVER_DELIVERED)),
        (ALWAYS, BEGIN, Listing("TRADING", BEGIN, NEVER_DELIVERED)),
        (ALWAYS, END + DAY_MS, Listing("TRADING", BEGIN, NEVER_DELIVERED)),
        # a delisting is announced a week ahead
        (ENDING, END - 7 * DAY_MS - 1, Listing("TRADING", BEGIN, NEVER_DELIVERED)),
        (ENDING, END - 7 * DAY_MS, Listing("TRADING", BEGIN, END)),
        (ENDING, END - 30 * MINUTE_MS - 1, Listing("TRADING", BEGIN, END)),
        (ENDING, END - 30 * MINUTE_MS, Listing("SETTLING", BEGIN, END)),
        (ENDING, END - 1, Listing("SETTLING", BEGIN, END)),
        (ENDING, END, Listing("CLOSE", BEGIN, END)),
        # the end of a dated contract is in its name
        (QUARTER, BEGIN - DAY_MS, Listing("PENDING_TRADING", BEGIN, END)),
        (QUARTER, BEGIN, Listing("TRADING", BEGIN, END)),
        (QUARTER, END - 30 * MINUTE_MS, Listing("SETTLING", BEGIN, END)),
        (QUARTER, END, Listing("CLOSE", BEGIN, END)),
    ],
)
def test_what_the_record_says(life, now, expected):
    assert listing(FaultPlan(), "XUSDT", life, now) == expected


@pytest.mark.parametrize(
    ("until", "now", "status", "delivery"),
    [
        (END - DAY_MS, END - 8 * DAY_MS, "TRADING", NEVER_DELIVERED),
        (END - DAY_MS, END - 2 * DAY_MS, "TRADING", END - DAY_MS),
        (END - DAY_MS, END - DAY_MS, "CLOSE", END - DAY_MS),
        # a fault does not put off an end that has been announced
        (END + DAY_MS, END - HOUR_MS, "TRADING", END),
        (END + DAY_MS, END, "CLOSE", END),
    ],
)
def test_the_earliest_end_counts(until, now, status, delivery):
    fault = Fault(FaultKind.DELISTING, symbol="XUSDT", since=END - 3 * DAY_MS, until=until)
    stands = listing(FaultPlan([fault]), "XUSDT", ENDING, now)
    assert (stands.status, stands.delivery) == (status, delivery)


def test_times_can_be_moved():
    moved = ENDING.moved(lambda time: time + 5)
    assert (moved.onboard, moved.delivery) == (BEGIN + 5, END + 5)
    assert ALWAYS.moved(lambda time: time + 5).delivery == NEVER_DELIVERED
