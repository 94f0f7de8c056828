"""What a timeline promises to restrict until a later time, it does until then."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.breakers import volatility
from perpkit.breakers.funding import FundingLimits
from perpkit.breakers.volatility import VolatilityLimits
from tests import factories
from tests.breakers.wild import line_of_rates, swinging_candles, wild_funding
from tests.cases import cases

PAIR = "BTC/USDT:USDT"
HALF_HOUR = timedelta(minutes=30)


def funding_line(seed):
    limits = FundingLimits(window_days=7, extreme_percentile=80, extreme_release_percentile=70)
    return line_of_rates(limits, PAIR, wild_funding(seed))


def volatility_line(seed):
    limits = VolatilityLimits(window_days=7, min_history_days=1, floor_annual=0.0)
    return volatility.timeline(limits, swinging_candles(seed))


def effect(line, now):
    found = line.restrictions(now)
    return {(d.pair, d.side, d.trading, d.size_factor, d.max_leverage) for d in found}


@pytest.mark.parametrize("made", [funding_line, volatility_line])
@given(seed=st.integers(0, 5))
@cases(6)
def test_the_effect_stays_until_then(made, seed):
    line = made(seed)
    kept = 0
    end = line.last_close + timedelta(days=2)
    now = factories.START - 3 * HALF_HOUR
    while now < end:
        until, before = line.same_until(now), effect(line, now)
        assert until >= now
        while now < min(until, end):
            assert effect(line, now) == before
            kept, now = kept + 1, now + HALF_HOUR
        now += HALF_HOUR
    assert kept > 100
