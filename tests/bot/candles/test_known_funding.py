"""What the rates of a pair say is made once for all its readers, and again when one is settled."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

import numpy as np
import pytest
from freqtrade.enums import CandleType
from freqtrade.resolvers import ProtectionResolver

from perpkit.bot.candles.known_funding import KnownFunding
from perpkit.bot.candles.market_columns import MarketColumns
from perpkit.bot.candles.rank_columns import RankColumns
from perpkit.bot.watching.protection import Watched
from perpkit.bot.watching.sources import Sources
from perpkit.market import funding
from perpkit.market.asof import ReadingArrays
from perpkit.market.funding import (
    COLUMNS,
    DEFAULT_RULE,
    FundingRule,
    funding_arrays,
    funding_readings,
)
from tests import factories
from tests.breakers.wild import wild_funding

PAIRS = ["BTC/USDT:USDT", "ETH/USDT:USDT"]
CANDLES = factories.candles(900)
NOW = factories.START + timedelta(hours=len(CANDLES))
WEEK = FundingRule(window=timedelta(days=7))


class Feed:
    """The same frame for as long as nothing is new, as the feeds have it."""

    def __init__(self) -> None:
        self.funding = KnownFunding()
        self.settle(100)

    def settle(self, count: int) -> None:
        self.rates = {p: wild_funding(seed, 200)[:count] for seed, p in enumerate(PAIRS)}

    def history(self, pair, timeframe, candle_type, warm_up):
        return self.rates[pair] if candle_type is CandleType.FUNDING_RATE else CANDLES


def assert_equal(found: ReadingArrays, expected: ReadingArrays) -> None:
    for name, values in asdict(expected).items():
        np.testing.assert_equal(asdict(found)[name], values)


@pytest.fixture
def compared(monkeypatch):
    """The rules by which rates were compared with their past, each time."""
    own, made = funding._compare, []
    monkeypatch.setattr(
        funding, "_compare", lambda hourly, rule: made.append(rule) or own(hourly, rule)
    )
    return made


@pytest.mark.parametrize("reverse", [False, True])
def test_breaker_and_columns_share_them(default_futures_config, tmp_path, compared, reverse):
    feed = Feed()
    method = Watched({"method": "FundingBreaker"})
    breaker = ProtectionResolver.load_protection("FundingBreaker", default_futures_config, method)
    columns = MarketColumns({"datadir": tmp_path}, feed, PAIRS[0])
    ranks = RankColumns(feed, "1h", 2)
    readers = [
        lambda: breaker.evaluate(Sources({}, feed, pairs=PAIRS), NOW),
        lambda: [columns.join(CANDLES, pair, "1h") for pair in PAIRS],
        lambda: ranks.columns(CANDLES, PAIRS[0], PAIRS),
    ]
    for count, made in ((100, 2), (100, 2), (101, 4)):
        if count != 100:
            feed.settle(count)
        for reader in readers[::-1] if reverse else readers:
            reader()
        assert compared == [DEFAULT_RULE] * made


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rule", [DEFAULT_RULE, WEEK], ids=["default", "week"])
def test_they_are_those_of_the_newest_rates(seed, rule):
    known, whole = KnownFunding(), wild_funding(seed)
    for end in (0, 150, 151, 192, 151):
        rates = whole[:end]
        for _ in range(2):
            expected = ReadingArrays.of(funding_readings(rates, rule), COLUMNS)
            assert_equal(known.readings(PAIRS[0], rates, rule), expected)


def test_another_rule_is_compared_each_time_and_not_held(compared):
    known, rates = KnownFunding(), wild_funding(0)
    default = known.readings(PAIRS[0], rates)
    assert_equal(known.readings(PAIRS[0], rates, WEEK), funding_arrays(rates, WEEK))
    assert known.readings(PAIRS[0], rates) is default
    assert compared == [DEFAULT_RULE, WEEK, WEEK]
    assert len(known._held) == 1
