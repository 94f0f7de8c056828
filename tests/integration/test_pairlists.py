"""The pairlists in stock Freqtrade: `test-pairlist` against the venue, dynamic backtests, live."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from perpkit.venue.faults.faults import Fault, FaultKind
from perpkit.venue.market.instruments import Instrument
from tests.bench.live import differences, live_bench
from tests.bench.planted import KEY, SECRET
from tests.bench.scripted_market import scripted_market
from tests.cases import SLOW
from tests.integration.conftest import PAIRS

pytestmark = pytest.mark.integration

STATIC = {"method": "StaticPairList"}
# Each as a user would set it, with limits that the venue's synthetic market keeps.
FILTERS = {
    "FundingRateFilter": {"max_carry_cost": 0.01, "max_interval_hours": 8, "sort": "asc"},
    "PositioningFilter": {"max_percentile": 100, "sort": "desc"},
    "LiquidityFilter": {"notional": 5000},
    "CorrelationFilter": {"max_correlation": 1},
    "NewListingFilter": {"min_days_listed": 30},
}
KEYS = {"key": KEY, "secret": SECRET}
MINUTE = timedelta(minutes=1)
# Freqtrade takes the end of BTC for that of all pairs that go on.
ETH = Instrument("ETH", tick_size=0.01, step_size=0.001)


def offered(bot, *pairlists, **config) -> list[str]:
    """What `freqtrade test-pairlist` prints."""
    result = bot("test-pairlist", "--print-json", pairlists=list(pairlists), **config)
    assert "Traceback" not in result.stdout, result.stdout[-3000:]
    (line,) = (line for line in result.stdout.splitlines() if line.startswith("["))
    return json.loads(line)


@SLOW  # one by one what the next has together
@pytest.mark.parametrize("method", FILTERS)
def test_a_filter_at_the_venue(bot, method):
    assert sorted(offered(bot, STATIC, {"method": method, **FILTERS[method]})) == sorted(PAIRS)


def test_the_generator_at_the_venue_and_all_filters_after_it(bot):
    filters = [{"method": method, **FILTERS[method]} for method in FILTERS]
    pairs = offered(bot, {"method": "OpenInterestPairList", "number_assets": 3}, *filters)
    assert len(pairs) == 3
    assert set(pairs) < set(PAIRS)


@pytest.mark.parametrize(
    "parameters",
    [
        {"method": "FundingRateFilter", "max_carry_cost": -0.2, "carry_side": "long"},
        pytest.param({"method": "PositioningFilter", "min_long_short_ratio": 900}, marks=SLOW),
        pytest.param({"method": "LiquidityFilter", "min_depth": 1e12}, marks=SLOW),
        pytest.param({"method": "NewListingFilter", "min_days_listed": 3650}, marks=SLOW),
    ],
)
def test_a_filter_that_nothing_passes_at_the_venue(bot, parameters):
    assert offered(bot, STATIC, parameters) == []


def test_the_least_correlated_pairs_at_the_venue(bot):
    pairs = offered(bot, STATIC, {"method": "CorrelationFilter", "number_assets": 2})
    assert len(pairs) == 2
    assert pairs[0] == "BTC/USDT:USDT"


# Each leaves out some pairs some of the time.
CHANGING = [
    [STATIC, {"method": "FundingRateFilter", "max_predicted_rate_8h": 0.0001}],
    [STATIC, {"method": "PositioningFilter", "max_percentile": 60}],
    [STATIC, {"method": "CorrelationFilter", "number_assets": 3}],
    [{"method": "OpenInterestPairList", "number_assets": 3}],
    [STATIC, {"method": "NewListingFilter", "min_days_listed": 60}],
]


Entries = set[tuple[str, str]]
_every: Entries = set()


def entries(bot, *pairlists) -> Entries:
    """Pair and time of every entry in 73 days."""
    statistics = bot.backtest(
        "RsiSmaSwing",
        "--enable-dynamic-pairlist",
        "--timerange=20250118-20250401",
        pairlists=list(pairlists),
    )
    return {(trade["pair"], trade["open_date"]) for trade in statistics["trades"]}


@pytest.fixture
def every(bot) -> Entries:
    """Those without a filter, from one backtest for the module."""
    if not _every:
        _every.update(entries(bot, STATIC))
    return _every


@pytest.mark.parametrize(
    "pairlists",
    [*CHANGING[:2], *(pytest.param(lists, marks=SLOW) for lists in CHANGING[2:])],
    ids=lambda lists: lists[-1]["method"],
)
def test_a_dynamic_backtest(bot, every, pairlists):
    some = entries(bot, *pairlists)
    assert some
    assert some != every


def test_a_live_only_filter_leaves_a_backtest_alone(bot, every):
    assert entries(bot, STATIC, {"method": "LiquidityFilter", "max_spread_bps": 0}) == every


def test_live_a_delisting_ends_entries_and_the_position_is_managed_on():
    """The pair leaves the whitelist of the filter; Freqtrade keeps it among those it manages."""
    start = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
    pairlists = [STATIC, {"method": "NewListingFilter", "min_days_listed": 0}]
    settings = {"pairlists": pairlists, "exchange": KEYS | {"markets_refresh_interval": 1}}
    market = scripted_market(start, [(0, 2000.0)], instrument=ETH)
    with live_bench("HealthSteered", market, start, venue_health=None, **settings) as (bot, venue):
        steered = bot.bot.strategy
        steered.side = "long"
        bot.run_until(lambda: venue.amount > 0, 5 * MINUTE)
        assert bot.bot.pairlists.whitelist == ["ETH/USDT:USDT"]

        until = int((bot.now + timedelta(days=3)).timestamp() * 1000)
        since = int(bot.now.timestamp() * 1000)
        fault = Fault(FaultKind.DELISTING, symbol="ETHUSDT", since=since, until=until)
        venue.exchange.market.faults.add(fault)
        bot.run(5)
        handler = bot.bot.pairlists._pairlist_handlers[1]
        assert handler.filter_pairlist(["ETH/USDT:USDT"], {}) == []
        assert bot.bot.active_pair_whitelist == ["ETH/USDT:USDT"]  # for the position

        steered.leave = True
        bot.run_until(lambda: venue.amount == 0, 5 * MINUTE)
        bot.run(10)
        assert bot.bot.active_pair_whitelist == []
        assert len(bot.trades()) == 1  # the signal goes on, and is not followed
        assert differences(bot.trades(), venue) == []
