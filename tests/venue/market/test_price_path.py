"""The path is what the market shows at each moment, and turns nowhere but at its own points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.durations import DAY_MS, HOUR_MS, MINUTE_MS
from perpkit.venue.faults.faults import Fault, FaultKind
from perpkit.venue.market.candles import Candles, PriceKind, resample
from perpkit.venue.market.history import Funding, History, PairHistory
from perpkit.venue.market.instruments import Instrument
from perpkit.venue.market.market import Market
from perpkit.venue.market.price_path import price_path
from perpkit.venue.market.shocks import Shocks
from tests.cases import cases
from tests.venue.conftest import START, HandClock

BTC = "BTCUSDT"
FIRST = START + 20 * DAY_MS


def shown(market: Market, times, kind: PriceKind) -> list[float]:
    return [market.as_of(int(time)).price(BTC, kind) for time in times]


def disturbed(history: History, now: int, crash_from: int, length: int) -> Market:
    market = Market(history, HandClock(now), seed=7)
    crash = {"change": -0.2, "recovery": 0.6, "mark_share": 0.5}
    market.faults.add(
        Fault(FaultKind.FLASH_CRASH, since=crash_from, until=crash_from + length, parameters=crash)
    )
    market.faults.add(Fault(FaultKind.PRICE_GAP, since=crash_from + 90_001))
    return market


@pytest.mark.parametrize("shocks", [False, True])
def test_it_is_what_the_market_shows(history, shocks):
    now = FIRST + 2 * HOUR_MS
    market = Market(history, HandClock(now), seed=7)
    if shocks:
        market = disturbed(history, now, FIRST + 17 * MINUTE_MS + 777, 23 * MINUTE_MS)
    path = market.path(BTC, FIRST + 12_345, now)
    assert path.times[0] == FIRST + 12_345
    assert path.times[-1] == now
    tick = market.instrument(BTC).tick_size
    np.testing.assert_allclose(path.last, shown(market, path.times, PriceKind.LAST), atol=tick)
    np.testing.assert_allclose(path.mark, shown(market, path.times, PriceKind.MARK), rtol=1e-9)


@cases(60)
@given(
    since=st.integers(0, HOUR_MS),
    length=st.integers(1, 2 * HOUR_MS),
    crash_from=st.integers(0, HOUR_MS),
    crash=st.integers(2, HOUR_MS),
    share=st.floats(0, 1),
)
def test_between_two_points_prices_only_rise_or_only_fall(
    history, since, length, crash_from, crash, share
):
    until = FIRST + since + length
    market = disturbed(history, FIRST + DAY_MS, FIRST + crash_from, crash)
    path = market.path(BTC, FIRST + since, until)
    at = int(FIRST + since + share * length)
    row = max(1, int(path.times.searchsorted(at)))
    for kind, prices in ((PriceKind.LAST, path.last), (PriceKind.MARK, path.mark)):
        low, high = sorted(prices[row - 1 : row + 1])
        # A tick for the rounding of what is shown.
        assert low - 0.1 <= market.as_of(at).price(BTC, kind) <= high + 0.1


def test_coarser_candles_take_over_where_fine_ones_are_missing(history):
    """As in a data directory of real candles: 1h for years, 5m for the last of them."""
    pair = history.pairs[BTC]
    fine = pair.stored[PriceKind.LAST]["5m"]
    row = int(fine.time.searchsorted(FIRST))
    stored = {PriceKind.LAST: {"1h": resample(fine, HOUR_MS), "5m": fine[row:]}}
    market = Market(History({BTC: replace(pair, stored=stored)}), HandClock(FIRST + DAY_MS), seed=7)
    path = market.path(BTC, FIRST - 3 * HOUR_MS, FIRST + HOUR_MS)
    np.testing.assert_allclose(path.last, shown(market, path.times, PriceKind.LAST), atol=0.1)
    assert np.diff(path.times[path.times < FIRST]).max() > 5 * MINUTE_MS
    assert np.diff(path.times[path.times > FIRST]).max() <= 5 * MINUTE_MS


def test_an_interval_without_candles_is_passed_over(history):
    pair, until = history.pairs[BTC], FIRST + 2 * HOUR_MS
    empty = pair.candles(PriceKind.LAST, "5m")[:0]
    more = {kind: {**by, "1m": empty} for kind, by in pair.stored.items()}
    mine = price_path(replace(pair, stored=more), (None, None), FIRST, until)
    other = price_path(pair, (None, None), FIRST, until)
    np.testing.assert_array_equal(mine.times, other.times)
    np.testing.assert_array_equal(mine.last, other.last)
    np.testing.assert_array_equal(mine.mark, other.mark)


def test_after_the_history_the_price_stands_still(history):
    end = history.end
    market = Market(history, HandClock(end - 1), seed=7)
    market.clock = HandClock(end + HOUR_MS)
    path = market.path(BTC, end - MINUTE_MS, end + HOUR_MS)
    assert path.last[-1] == market.price(BTC)


def test_a_moment_is_a_path_of_one_point(history):
    market = Market(history, HandClock(FIRST), seed=7)
    path = market.path(BTC, FIRST, FIRST)
    assert path.times.tolist() == [FIRST]
    assert path.mark[0] == pytest.approx(market.price(BTC, PriceKind.MARK))


def test_a_price_that_rises_while_pulled_down_turns_between_all_turns():
    # As in test_shocks: (1 + 4s)(1 - s/2) is highest at 7/8 of the way from 3/10 to 7/10.
    columns = (np.array([value]) for value in (100.0, 500.0, 100.0, 500.0, 60.0))
    rising = Candles(np.array([0], dtype=np.int64), *columns)
    pair = PairHistory(
        Instrument("BTC", 0.1, 0.001),
        {PriceKind.LAST: {"5m": rising}},
        Funding(np.array([], dtype=np.int64), np.array([])),
    )
    over = Shocks(np.array([90_000, 210_000], dtype=np.int64), np.array([1.0, 0.5]))
    path = price_path(pair, (over, over), 0, 299_000)
    assert path.last.max() == pytest.approx(253.125)
    assert path.times[path.last.argmax()] == 195_000
