"""Pairlists of stock Freqtrade on a market of many contracts, most of which must not be traded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from perpkit.durations import DAY_MS
from perpkit.venue.http.server import running_venue
from perpkit.venue.market import synthetic
from perpkit.venue.market.clock import SystemClock
from perpkit.venue.market.market import Market
from perpkit.venue.market.universe import first_pairs
from tests.cases import SLOW

pytestmark = pytest.mark.integration

COUNT, DAYS, MARGIN_DAYS = 120, 12, 2
VOLUME = {"method": "VolumePairList", "number_assets": 200, "sort_key": "quoteVolume"}


@pytest.fixture(scope="module")
def market() -> Market:
    today = SystemClock().now() // DAY_MS * DAY_MS
    history = synthetic.generate(
        seed=4,
        start=today - DAYS * DAY_MS,
        days=DAYS + MARGIN_DAYS,
        pairs=first_pairs(COUNT, today),
        anchor=today,
    )
    return Market(history, SystemClock(), 4)


@pytest.fixture(scope="module")
def venue_url(market: Market) -> Iterator[str]:
    """A wide one takes the place of the session's."""
    with running_venue(market) as url:
        yield url


def listed(bot, *pairlists: dict[str, object]) -> list[str]:
    """What `freqtrade test-pairlist` prints."""
    whitelist = {"pair_whitelist": [".*/USDT:USDT"]}
    result = bot("test-pairlist", "--print-json", pairlists=list(pairlists), exchange=whitelist)
    assert "Traceback" not in result.stdout, result.stdout[-3000:]
    (line,) = (line for line in result.stdout.splitlines() if line.startswith("["))
    found: list[str] = json.loads(line)
    return found


def tradable(market: Market) -> dict[str, str]:
    """Pairs of USDT-margined perpetuals that are open, by symbol."""
    instruments = map(market.instrument, market.traded)
    return {
        each.symbol: each.pair for each in instruments if each.quote == "USDT" and not each.delivery
    }


def test_all_that_are_open_are_ranked_by_turnover(bot, market):
    found = listed(bot, VOLUME)
    known = tradable(market)
    assert sorted(found) == sorted(known.values())
    assert len(known) > 100
    assert any(not pair.isascii() for pair in found)
    turnover = {pair: market.ticker(symbol).turnover for symbol, pair in known.items()}
    best, worst = found[:20], found[-20:]
    assert min(turnover[pair] for pair in best) > 20 * max(turnover[pair] for pair in worst)


@SLOW
def test_filters_of_perpkit_on_a_wide_whitelist(bot, market):
    """Each leaves out what it is for, and the rest passes."""
    known = tradable(market)
    new = {"method": "NewListingFilter", "min_days_listed": 30}
    liquid = {"method": "LiquidityFilter", "notional": 500, "min_depth": 5000}
    funding = {"method": "FundingRateFilter", "max_interval_hours": 4, "min_interval_hours": 4}
    apart = {"method": "CorrelationFilter", "number_assets": 10}
    static = {"method": "StaticPairList"}

    grown = listed(bot, static, new)
    month = datetime.now(UTC).timestamp() * 1000 - 30 * DAY_MS
    young = {
        pair
        for symbol, pair in known.items()
        if (life := market.listing(symbol)).onboard > month or life.delivery < 4e12
    }
    # The five are as old as the market.
    assert set(grown) == set(known.values()) - young
    assert young

    deep = listed(bot, static, liquid)
    turnover = {pair: market.ticker(symbol).turnover for symbol, pair in known.items()}
    assert 20 < len(deep) < len(known)
    assert min(turnover[pair] for pair in deep) > 1e6
    assert {pair for pair, value in turnover.items() if value > 3e8} <= set(deep)

    four = {market.instrument(symbol).pair for symbol in known
            if market.instrument(symbol).funding_hours == 4}  # fmt: skip
    chosen = listed(bot, static, liquid, funding, apart)
    assert len(chosen) == 10
    assert set(chosen) <= four & set(deep)
