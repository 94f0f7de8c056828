"""Candles under price faults: what a finely sampled path would have shown."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.venue.faults.faults import Fault, FaultKind
from perpkit.venue.market.candles import Candles, PriceKind, path_within
from perpkit.venue.market.shocks import Shocks, _along, shocked, shocks

MS = 300_000
K = FaultKind


def candle(open_: float, high: float, low: float, close: float, time: int = 0) -> Candles:
    columns = (np.array([v]) for v in (open_, high, low, close, 60.0))
    return Candles(np.array([time], dtype=np.int64), *columns)


def numbers(candles: Candles) -> list[float]:
    return [float(column[0]) for column in candles.columns()[1:5]]


prices = st.tuples(*[st.floats(50, 150)] * 4).map(lambda p: candle(p[0], max(p), min(p), p[1]))


@given(
    stored=prices,
    since=st.integers(-MS, MS),
    length=st.integers(1, 2 * MS),
    change=st.floats(-0.8, 2.0),
    passed=st.integers(1, MS),
)
def test_a_shocked_candle_is_its_path_times_the_factor(stored, since, length, change, passed):
    parameters = {"change": change, "recovery": 0.5}
    fault = Fault(K.FLASH_CRASH, since=since, until=since + length, parameters=parameters)
    over = shocks([fault], PriceKind.LAST)
    turns, path = path_within(stored)
    last = min(passed, MS - 1)
    turning = np.concatenate((turns * MS, over.times))
    moments = np.union1d(np.linspace(0, last, 5000), turning[(turning > 0) & (turning < last)])
    sampled = np.interp(moments / MS, turns, path) * over.at(moments)
    open_, high, low, close = numbers(shocked(stored, MS, over, passed, None))
    assert open_ == pytest.approx(sampled[0], rel=1e-9)
    assert close == pytest.approx(sampled[-1], rel=1e-4)
    # Not below what was sampled, and above it by no more than sampling misses.
    assert high >= sampled.max() * (1 - 1e-9)
    assert high == pytest.approx(sampled.max(), rel=1e-4)
    assert low <= sampled.min() * (1 + 1e-9)
    assert low == pytest.approx(sampled.min(), rel=1e-4)


# Gaps have a point 1 ms before and one at 1000, 5000 and 6000; the crash ends at 20,000.
MOVES = [
    ((0, 998), False),
    ((0, 999), False),  # the gap is not in what ends before it
    ((0, 1000), True),
    ((999, 1000), True),
    ((1000, 4999), False),  # between two gaps
    ((1000, 5000), True),
    ((2000, 7000), True),
    ((6000, 9999), False),
    ((6000, 10_001), True),
    ((11_000, 12_000), True),  # within the crash
    ((19_999, 20_000), True),
    ((20_000, 99_000), False),
]


def test_what_a_factor_moves():
    at = [(since, {"change": change}) for since, change in ((1000, -0.2), (5000, 0.1), (6000, 0.3))]
    gaps = [Fault(K.PRICE_GAP, since=since, parameters=given) for since, given in at]
    crash = Fault(K.FLASH_CRASH, since=10_000, until=20_000, parameters={"change": -0.3})
    spans = np.array([span for span, _ in MOVES], dtype=np.int64)
    moves = shocks([*gaps, crash], PriceKind.LAST).moves(spans[:, 0], spans[:, 1])
    assert moves.tolist() == [moved for _, moved in MOVES]


changes = st.tuples(st.sampled_from([K.PRICE_GAP, K.FLASH_CRASH]), st.integers(0, 8 * MS))


@given(
    rows=st.lists(prices, min_size=8, max_size=8),
    drawn=st.lists(changes, min_size=1, max_size=5),
)
def test_candles_between_shocks_are_as_if_walked_one_by_one(rows, drawn):
    faults = [
        Fault(
            kind,
            since=since,
            until=since + MS if kind is K.FLASH_CRASH else None,
            parameters={"change": -0.3},
        )
        for kind, since in drawn
    ]
    over = shocks(faults, PriceKind.LAST)
    for number, row in enumerate(rows):
        row.time[0] = number * MS
    columns = zip(*(row.columns() for row in rows), strict=True)
    out = shocked(Candles(*map(np.concatenate, columns)), MS, over, 8 * MS, None)
    for number, row in enumerate(rows):
        walked = _along(row, MS, over, 1.0)
        assert numbers(out[number : number + 1]) == pytest.approx(walked, rel=1e-12)


def test_the_highest_price_may_lie_between_all_turns():
    # From the low at 3/10 of its time to the high at 7/10 it rises from 100 to 500.
    rising = candle(100, 500, 100, 500)
    over = Shocks(np.array([90_000, 210_000], dtype=np.int64), np.array([1.0, 0.5]))
    # (1 + 4s)(1 - s/2) = 1 + 3.5 s - 2 s², highest at s = 7/8: 2.53125
    assert numbers(shocked(rising, MS, over, MS, None))[1] == pytest.approx(253.125)


def test_a_gap_at_the_opening_of_a_candle_is_not_in_the_one_before():
    before, after = candle(100, 101, 99, 100), candle(100, 101, 99, 100, time=MS)
    over = shocks([Fault(K.PRICE_GAP, since=MS, parameters={"change": -0.5})], PriceKind.LAST)
    assert numbers(shocked(before, MS, over, 2 * MS, None)) == [100, 101, 99, 100]
    assert numbers(shocked(after, MS, over, 2 * MS, None)) == [50, 50.5, 49.5, 50]


@pytest.mark.parametrize(
    ("kind", "share", "factor"),
    [
        (PriceKind.LAST, 1.0, 0.6),
        (PriceKind.LAST, 0.25, 0.6),
        (PriceKind.MARK, 0.25, 0.9),
        (PriceKind.INDEX, 0.0, 1.0),
    ],
)
def test_mark_and_index_follow_by_their_share(kind, share, factor):
    parameters = {"change": -0.4, "mark_share": share}
    over = shocks([Fault(K.PRICE_GAP, since=1000, parameters=parameters)], kind)
    assert over.at(np.array([0, 999, 1000, 9999])) == pytest.approx([1, 1, factor, factor])


def test_faults_multiply():
    gaps = [Fault(K.PRICE_GAP, since=t, parameters={"change": -0.5}) for t in (1000, 2000)]
    over = shocks(gaps, PriceKind.LAST)
    assert over.at(np.array([999, 1500, 2500])) == pytest.approx([1, 0.5, 0.25])


def test_prices_stay_on_the_tick_and_above_zero():
    over = shocks([Fault(K.PRICE_GAP, parameters={"change": -0.99})], PriceKind.LAST)
    out = numbers(shocked(candle(3.0, 3.7, 0.2, 1.3), MS, over, MS, 0.1))
    assert out == [0.1, 0.1, 0.1, 0.1]


def test_no_price_faults_are_no_shocks():
    assert shocks([], PriceKind.LAST) is None
