"""Trades are on the path of the candles, add up to their volume, and stay what they were."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.durations import DAY_MS, HOUR_MS, MINUTE_MS
from perpkit.venue.faults.faults import Fault, FaultKind
from perpkit.venue.market.candles import PriceKind
from perpkit.venue.market.history import History
from perpkit.venue.market.market import Market
from tests.cases import cases
from tests.venue.conftest import CLOCK, START, HandClock, without_trades

BTC = "BTCUSDT"
FIVE = 5 * MINUTE_MS


def test_those_of_a_candle_add_up_to_it(market):
    candle = market.candles(BTC, "5m", end=CLOCK - FIVE - 1, limit=1)
    opened = int(candle.time[0])
    found = market.trades(BTC, start=opened, end=opened + FIVE - 1, limit=1000)
    instrument = market.instrument(BTC)
    assert len(found) == 300
    assert found.quantity.sum() == pytest.approx(candle.volume[0], abs=instrument.step_size)
    assert found.price[0] == pytest.approx(candle.open[0])
    assert found.price.max() == pytest.approx(candle.high[0])
    assert found.price.min() == pytest.approx(candle.low[0])


def test_the_last_one_is_at_the_present_price(market, clock):
    clock.time = CLOCK // 1000 * 1000
    newest = market.trades(BTC, limit=1)
    assert newest.time[0] == clock.time
    assert newest.price[0] == pytest.approx(market.price(BTC))


@cases(60)
@given(
    now=st.integers(START + DAY_MS, START + 3 * DAY_MS),
    back=st.integers(0, HOUR_MS),
    limit=st.integers(1, 1000),
)
def test_whichever_way_they_are_asked_for(history, now, back, limit):
    market = Market(history, HandClock(now), seed=7)
    whole = market.trades(BTC, start=now - HOUR_MS, limit=4000)
    assert (np.diff(whole.id) > 0).all()
    assert (whole.quantity > 0).all()
    assert whole.time.max() <= now
    newest = market.trades(BTC, limit=limit)
    np.testing.assert_array_equal(newest.id, whole.id[-limit:])
    by_id = market.trades(BTC, first=int(newest.id[0]), limit=limit)
    by_time = market.trades(BTC, start=int(newest.time[0]), limit=limit)
    earlier = market.as_of(now - back).trades(BTC, start=now - HOUR_MS, limit=4000)
    for others in (by_id, by_time):
        for mine, other in zip(newest.columns(), others.columns(), strict=True):
            np.testing.assert_array_equal(mine, other)
    # What was shown then is shown now, and nothing of what came later was shown then.
    for mine, other in zip(whole[: len(earlier)].columns(), earlier.columns(), strict=True):
        np.testing.assert_array_equal(mine, other)
    assert (whole.time[len(earlier) :] > now - back).all()


def test_the_taker_buys_as_the_price_rises_and_sells_as_it_falls(market):
    found = market.trades(BTC, limit=1000)
    moves = np.diff(found.price)
    assert not found.sold[1:][moves > 0].any()
    assert found.sold[1:][moves < 0].all()


def test_a_thin_market_leaves_seconds_out(history):
    pair = history.pairs[BTC]
    stored = {
        kind: {
            interval: replace(candles, volume=np.full(len(candles), 0.05))
            for interval, candles in by.items()
        }
        for kind, by in pair.stored.items()
    }
    market = Market(History({BTC: replace(pair, stored=stored)}), HandClock(CLOCK), seed=7)
    step = market.instrument(BTC).step_size
    opened = CLOCK // FIVE * FIVE - FIVE
    found = market.trades(BTC, start=opened, end=opened + FIVE - 1, limit=1000)
    assert len(found) == round(0.05 / step)
    assert found.quantity.sum() == pytest.approx(0.05)
    # Three hours of it are looked through for a thousand.
    assert len(market.trades(BTC, limit=1000)) == 1000


def test_all_that_is_kept_is_searched(history):
    quiet = CLOCK - 47 * HOUR_MS, CLOCK - HOUR_MS
    market = Market(without_trades(history, *quiet), HandClock(CLOCK), seed=7)
    first = market.trade_id(BTC, quiet[0] + FIVE)
    later = market.trades(BTC, first=first, limit=5)
    earlier = market.trades(BTC, end=quiet[1] - FIVE, limit=5)
    assert (len(later), len(earlier)) == (5, 5)
    assert quiet[1] <= later.time.min() <= later.time.max() < quiet[1] + FIVE
    assert quiet[0] - FIVE < earlier.time.min() <= earlier.time.max() < quiet[0] + FIVE


def test_a_gap_of_the_price_is_in_its_trades(market):
    market.faults.add(Fault(FaultKind.PRICE_GAP, since=CLOCK - 10_000, parameters={"change": -0.1}))
    found = market.trades(BTC, limit=20)
    before, after = found.time < CLOCK - 10_000, found.time >= CLOCK - 10_000
    assert found.price[after].max() < 0.95 * found.price[before].min()


def test_none_before_the_listing_or_after_the_end(history):
    pair = history.pairs[BTC]
    early = Market(history, HandClock(pair.start + 5_500), seed=7)
    assert early.trades(BTC).id.tolist() == [1, 2, 3, 4, 5, 6]
    assert len(early.trades(BTC, first=7)) == 0
    late = Market(history, HandClock(pair.end - 1), seed=7).as_of(pair.end - 1)
    assert late.trades(BTC, limit=1).time[0] == pair.end - 1000
    assert late.candles(BTC, "5m", PriceKind.LAST, limit=1).time[0] == pair.end - FIVE
