"""What becomes of funding rates that Freqtrade has already, against Freqtrade alone."""

from __future__ import annotations

from inspect import signature
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from freqtrade.enums import CandleType

from perpkit.bot.live.same_rates import PARAMETERS, SameRates, has_all
from perpkit.durations import HOUR_MS
from perpkit.market.times import dates_at

BTC = "BTC/USDT:USDT"
START = 1_767_225_600_000
# Rates of every 8 hours, each stamped some milliseconds late.
RATES = [[START + 8 * HOUR_MS * row + row % 3, 0.0001 * (row % 5)] for row in range(40)]
CORRECTED = [*RATES[:29], [RATES[29][0], 0.02]]
LATER = [[time + HOUR_MS, rate] for time, rate in RATES[:30]]
ALIKE = [[time, 0.0001] for time, _ in RATES]

EPISODES = {
    "nothing new": [RATES[:30], RATES[:30], RATES[:30]],
    "a new one": [RATES[:30], RATES[:31], RATES[1:31], RATES[1:32]],
    "a new one of the same size": [ALIKE[:30], ALIKE[:31]],
    "only the end": [RATES[:30], RATES[28:30], RATES[29:30]],
    "corrected": [RATES[:30], CORRECTED, CORRECTED, RATES[:30]],
    "at other hours": [RATES[:30], LATER],
    "stamped otherwise": [RATES[:30], [[time + 5, rate] for time, rate in RATES[:30]]],
    "none at all": [RATES[:30], [], RATES[:30]],
    "older ones": [RATES[10:30], RATES[:30]],
    "twice the same": [RATES[:30], [*RATES[:30], RATES[29]]],
}


def episode(exchange, responses):
    """The frame and the times that Freqtrade holds after each response, and all its frames."""
    exchange._klines.clear()
    exchange._pairs_last_refresh_time.clear()
    held, frames = [], []
    for number, ticks in enumerate(responses):
        asked = START + 1000 * HOUR_MS + number
        exchange._process_ohlcv_df(
            BTC, "1h", CandleType.FUNDING_RATE, list(ticks), True, False, asked
        )
        frames.append(exchange._klines[BTC, "1h", CandleType.FUNDING_RATE])
        times = exchange._pairs_last_refresh_time, exchange._pairs_last_poll_time
        held.append((frames[-1].copy(), *map(dict, times)))
    return held, frames


@pytest.fixture
def known(futures_exchange):
    if tuple(signature(futures_exchange._process_ohlcv_df).parameters) != PARAMETERS:
        assert not SameRates(SimpleNamespace(exchange=futures_exchange)).used
        assert "_process_ohlcv_df" not in vars(futures_exchange)
        pytest.skip("rates are merged by Freqtrade in this version")
    return futures_exchange


@pytest.mark.parametrize("name", EPISODES)
def test_freqtrade_holds_what_it_would_without(known, name):
    expected, _ = episode(known, EPISODES[name])
    assert SameRates(SimpleNamespace(exchange=known)).used
    found, _ = episode(known, EPISODES[name])
    for (frame, *times), (theirs, *their_times) in zip(found, expected, strict=True):
        pd.testing.assert_frame_equal(frame, theirs)
        assert times == their_times


def test_only_what_is_new_is_merged(known):
    SameRates(SimpleNamespace(exchange=known))
    _, frames = episode(known, [RATES[:30], RATES[:30], RATES[:31], RATES[:31]])
    assert frames[1] is frames[0]
    assert frames[2] is not frames[0]
    assert frames[3] is frames[2]


def test_candles_are_none_of_its_business(known):
    candles = [[START + HOUR_MS * row, 1.0, 2.0, 0.5, 1.5, 10.0] for row in range(50)]
    SameRates(SimpleNamespace(exchange=known))
    key = BTC, "1h", CandleType.FUTURES
    first = known._process_ohlcv_df(*key, candles, True, True, START)
    assert known._process_ohlcv_df(*key, candles, True, True, START) is not first
    uncached = known._process_ohlcv_df(BTC, "1h", CandleType.FUNDING_RATE, RATES, False, False, 0)
    assert len(uncached) == len(RATES)


@pytest.mark.parametrize("ticks", [[], [[START, None]], [["?", 1.0]], [[START]], [[START, 1.0, 2]]])
def test_what_cannot_be_compared_is_freqtrades(ticks):
    held = pd.DataFrame({"date": dates_at([START]), "funding_rate": [np.nan]})
    assert not has_all(held, ticks)
    assert not has_all(held[:0], ticks)
    assert not has_all(held[["date"]], [[START, 1.0]])
    assert has_all(held.assign(funding_rate=1.0), [[START + 7, 1.0]])
