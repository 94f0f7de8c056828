"""The pairlists in stock Freqtrade: `test-pairlist` against the venue, and dynamic backtests."""

from __future__ import annotations

import json

import pytest

from tests.integration.conftest import PAIRS

pytestmark = pytest.mark.integration

STATIC = {"method": "StaticPairList"}
LISTS = {
    "FundingRateFilter": {"max_carry_cost": 0.01, "max_interval_hours": 8, "sort": "asc"},
    "PositioningFilter": {"min_percentile": 0, "sort": "desc"},
    "LiquidityFilter": {"notional": 5000},
    "CorrelationFilter": {"max_correlation": 1},
    "NewListingFilter": {},
}


def whitelist(bot, *pairlists, **config) -> list[str]:
    result = bot("test-pairlist", "--print-json", pairlists=list(pairlists), **config)
    assert "Traceback" not in result.stdout, result.stdout[-3000:]
    (line,) = (line for line in result.stdout.splitlines() if line.startswith("["))
    return json.loads(line)


@pytest.mark.parametrize("method", LISTS)
def test_a_filter_keeps_what_the_venue_offers(bot, method):
    assert set(whitelist(bot, STATIC, {"method": method, **LISTS[method]})) == set(PAIRS)


def test_the_generator_ranks_what_the_venue_lists(bot):
    pairs = whitelist(bot, {"method": "OpenInterestPairList", "number_assets": 3})
    assert len(pairs) == 3
    assert set(pairs) < set(PAIRS)
