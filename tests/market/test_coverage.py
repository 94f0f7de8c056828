"""Which readings are missing, and in which pages they are to be fetched."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.market.coverage import ReadingSpan, gaps, missing, reading_time
from tests.factories import START

HOUR = timedelta(hours=1)


def at(hours: float):
    return START + hours * HOUR


def stored(hours, unknown=()) -> pd.DataFrame:
    values = [np.nan if hour in unknown else 1.0 for hour in hours]
    return pd.DataFrame({"date": pd.DatetimeIndex([at(h) for h in hours], tz="UTC"), "x": values})


def test_gaps_lie_between_the_first_and_the_last():
    found = gaps(stored([3, 4, 6, 7, 11])["date"], HOUR)
    assert found == [ReadingSpan(at(5), at(5)), ReadingSpan(at(8), at(10))]
    assert [gap.readings(HOUR) for gap in found] == [1, 3]
    assert gaps(stored([])["date"], HOUR) == gaps(stored([1])["date"], HOUR) == []


@pytest.mark.parametrize(
    ("held", "pages"),
    [
        (None, [(0, 3), (4, 7), (8, 9)]),
        (stored(range(10)), []),
        (stored(range(6)), [(6, 9)]),
        (stored(range(3, 10)), [(0, 2)]),
        (stored([0, 1, 2, 4, 5, 6, 7, 8, 9]), [(3, 3)]),
        (stored(range(10), unknown=(1, 2, 9)), [(1, 2), (9, 9)]),
        (stored(range(-5, 20)), []),
    ],
)
def test_what_is_missing_is_fetched_in_pages(held, pages):
    wanted = missing(held, ["x"], ReadingSpan(at(0), at(9)), HOUR, page=4)
    assert wanted == [ReadingSpan(at(first), at(last)) for first, last in pages]


@given(held=st.sets(st.integers(0, 50)), page=st.integers(1, 20))
def test_pages_cover_all_that_is_missing_and_fit_a_request(held, page):
    pages = missing(stored(sorted(held)), ["x"], ReadingSpan(at(0), at(50)), HOUR, page)
    covered = {h for h in range(51) for p in pages if p.first <= at(h) <= p.last}
    assert covered >= set(range(51)) - held
    assert all(window.readings(HOUR) <= page for window in pages)
    assert all(at(h) not in {edge for p in pages for edge in (p.first, p.last)} for h in held)


def test_the_grid():
    assert reading_time(at(2.5), HOUR) == at(2)
    assert reading_time(at(2.5), HOUR, up=True) == at(3)
    assert reading_time(at(2), HOUR) == reading_time(at(2), HOUR, up=True) == at(2)


def test_a_window_backwards_is_refused():
    with pytest.raises(ValueError, match="first must not be after last"):
        ReadingSpan(at(1), at(0))
