"""Stops at the exchange that no position needs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.bot.live.at_exchange import AtExchange, Resting
from perpkit.bot.live.coverage import in_excess, not_there
from perpkit.bot.live.held import Sides
from perpkit.record.whose import Whose

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
LONG, SHORT, HEDGED = Sides(long=2.0), Sides(short=2.0), Sides(2.0, 2.0)


def stop(number, side="sell", amount=2.0, whose=Whose.OURS, pair=BTC) -> Resting:
    return Resting(str(number), pair, side, amount, 0.0, whose)


@pytest.mark.parametrize(
    ("held", "stops", "known", "cancelled"),
    [
        # All that the position has.
        (LONG, [stop(1)], "", ""),
        (SHORT, [stop(1, "buy")], "", ""),
        (LONG, [stop(1, whose=Whose.OLD)], "", ""),
        # A known stop covers.
        (LONG, [stop(1), stop(2)], "2", "1"),
        (SHORT, [stop(1, "buy"), stop(2, "buy")], "2", "1"),
        (LONG, [stop(1), stop(2), stop(3)], "3", "12"),
        (LONG, [stop(1), stop(2, amount=float("inf"))], "2", "1"),
        (LONG, [stop(1), stop(2, amount=1.0), stop(3, amount=1.0)], "23", "1"),
        # A part only, or for another pair or side.
        (LONG, [stop(1), stop(2, amount=1.9)], "2", ""),
        (LONG, [stop(1), stop(2, pair=ETH)], "2", ""),
        (LONG, [stop(1), stop(2, "buy")], "2", ""),
        (HEDGED, [stop(1), stop(2, "buy")], "2", ""),
        # Nothing that it could close.
        (Sides(), [stop(1)], "", "1"),
        (SHORT, [stop(1)], "", "1"),
        (Sides(), [stop(1, whose=Whose.OLD)], "", "1"),
        # What is known is not looked at here, and what others have placed is theirs.
        (Sides(), [stop(1)], "1", ""),
        (Sides(), [stop(1, whose=Whose.FOREIGN), stop(2, whose=Whose.ANOTHERS)], "", ""),
        (LONG, [stop(1, whose=Whose.ANOTHERS), stop(2)], "2", ""),
        # Another's stop may be gone tomorrow: it does not cover.
        (LONG, [stop(1), stop(2, whose=Whose.FOREIGN)], "", ""),
    ],
)
def test_a_stop_is_cancelled_where_no_position_needs_it(held, stops, known, cancelled):
    seen = AtExchange(held={BTC: held}, stops=tuple(stops))
    assert [each.id for each in in_excess(seen, set(known))] == list(cancelled)


def test_stops_of_the_database_that_are_not_there():
    seen = AtExchange(stops=(stop(1), stop(2)))
    assert not_there(seen, {"2", "3"}) == {"3"}


AMOUNTS = st.sampled_from([0.0, 1.0, 2.0])
STOPS = st.lists(
    st.tuples(
        st.sampled_from(["buy", "sell"]),
        st.sampled_from([1.0, 2.0]),
        st.sampled_from([*Whose]),
        st.booleans(),
    ),
    max_size=5,
)


@given(AMOUNTS, AMOUNTS, STOPS)
def test_what_is_cancelled_never_bares_a_position(long, short, stops):
    placed = [stop(n, side, amount, whose) for n, (side, amount, whose, _) in enumerate(stops)]
    known = {str(n) for n, (*_, is_known) in enumerate(stops) if is_known}
    held = Sides(long, short)
    gone = {each.id for each in in_excess(AtExchange({BTC: held}, stops=tuple(placed)), known)}
    for each in placed:
        if each.id in gone:
            assert each.whose in (Whose.OURS, Whose.OLD)
            assert each.id not in known
    for side, amount in (("sell", long), ("buy", short)):
        before = sum(each.amount for each in placed if each.side == side)
        left = sum(each.amount for each in placed if each.side == side and each.id not in gone)
        assert left >= min(before, amount)
