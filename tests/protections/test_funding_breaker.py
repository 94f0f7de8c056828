"""The plugin only translates; what the breaker decides is tested in tests/breakers."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest
from freqtrade.enums import CandleType, RunMode
from freqtrade.exceptions import ConfigurationError, TemporaryError
from freqtrade.persistence import PairLocks, disable_database_use, enable_database_use
from freqtrade.resolvers import ProtectionResolver

from perpkit.bot.candles.known_funding import KnownFunding
from perpkit.bot.watching.protection import Watched
from perpkit.breakers.breaker import Trading
from perpkit.breakers.funding import FundingLimits
from tests import factories
from tests.breakers.wild import line_of_rates

HOUR = timedelta(hours=1)
BTC, ETH, XRP = "BTC/USDT:USDT", "ETH/USDT:USDT", "XRP/USDT:USDT"
KNOWN = factories.START + (90 * 8 + 1) * HOUR  # when the last rate of `market` may be used


def breaker(config, **parameters):
    method = {"method": "FundingBreaker", **parameters}
    return ProtectionResolver.load_protection("FundingBreaker", config, Watched(method))


def market() -> dict[str, pd.DataFrame]:
    """Thirty usual days; then longs of one pair pay, shorts of another, nobody of the third."""
    return {
        pair: factories.funding([0.0001] * 90 + [last])
        for pair, last in ((BTC, 0.0015), (ETH, -0.0015), (XRP, 0.0001))
    }


class Feed:
    """Sources with these funding rates."""

    def __init__(self, rates) -> None:
        self.rates = rates
        self.candles = self
        self.funding = KnownFunding()
        self.pairs = list(rates)
        self.asked = []

    def history(self, *request):
        self.asked.append(request)
        found = self.rates[request[0]]
        if isinstance(found, Exception):
            raise found
        return found


def test_it_decides_as_its_timelines(default_futures_config):
    subject, feed = breaker(default_futures_config), Feed(market())
    lines = [line_of_rates(FundingLimits(), pair, rates) for pair, rates in market().items()]
    for hours in range(0, 91 * 8, 5):
        now = factories.START + hours * HOUR
        assert subject.evaluate(feed, now) == [d for line in lines for d in line.at(now)]
    blocked = {(d.pair, d.side) for d in subject.evaluate(feed, KNOWN)}
    assert blocked == {(BTC, "long"), (ETH, "short")}
    assert feed.asked[0] == (BTC, "1h", CandleType.FUNDING_RATE, FundingLimits().history)


def test_new_rates_are_seen(default_futures_config):
    subject, feed = breaker(default_futures_config), Feed({BTC: market()[BTC]})
    [before] = subject.evaluate(feed, KNOWN)
    feed.rates = {BTC: factories.funding([0.0001] * 90 + [0.0015, 0.0001])}
    assert subject.evaluate(feed, before.release) == []


@pytest.mark.parametrize(
    "columns", [["date", "funding_rate"], ["date", "open", "close"], []], ids=str
)
def test_without_rates_nothing_is_extreme_and_it_is_said_once(
    default_futures_config, caplog, columns
):
    subject = breaker({**default_futures_config, "runmode": RunMode.BACKTEST})
    for _ in range(3):
        assert subject.evaluate(Feed({BTC: pd.DataFrame(columns=columns)}), KNOWN) == []
    assert caplog.text.count(f"no funding rates of {BTC}") == 1


@pytest.mark.parametrize("runmode", [RunMode.DRY_RUN, RunMode.LIVE])
def test_rates_that_were_never_fetched_block_their_pair_alone(default_futures_config, runmode):
    """As Freqtrade answers after a refresh that failed: it raises nothing."""
    feed = Feed({BTC: pd.DataFrame(), ETH: pd.DataFrame(columns=["date", "open", "close"])})
    subject = breaker({**default_futures_config, "runmode": runmode})
    [found] = subject.evaluate(feed, KNOWN)
    assert (found.trading, found.pair, found.side) == (Trading.REDUCING, BTC, "*")
    assert found.reason.startswith("funding rates could not be fetched (Freqtrade has none")
    feed.rates = {pair: factories.funding([0.0001] * 91) for pair in (BTC, ETH)}
    assert subject.evaluate(feed, KNOWN) == []


def test_rates_that_cannot_be_fetched_block_their_pair_alone(default_futures_config):
    feed = Feed(market() | {XRP: TemporaryError("timed out")})
    decisions = breaker(default_futures_config).evaluate(feed, KNOWN)
    assert [(d.pair, d.side) for d in decisions] == [(BTC, "long"), (ETH, "short"), (XRP, "*")]
    assert decisions[-1].reason == "funding rates could not be fetched (timed out): no new entries"


def test_freqtrade_itself_locks_the_side_that_pays(default_futures_config):
    """In a backtest of a strategy that knows nothing of Perpkit."""
    config = {**default_futures_config, "runmode": RunMode.BACKTEST}
    for pair, rates in market().items():
        factories.write_candles(config["datadir"], pair, rates, "funding_rate")
    subject = breaker(config)
    disable_database_use("1h")
    PairLocks.reset_locks()
    try:
        longs = subject.stop_per_pair(BTC, KNOWN, "long", 1000)
        assert (longs.lock_side, longs.until) == ("long", KNOWN + 8 * HOUR - timedelta(seconds=1))
        assert subject.stop_per_pair(BTC, KNOWN, "short", 1000) is None
        assert subject.stop_per_pair(ETH, KNOWN, "short", 1000).lock_side == "short"
        assert subject.stop_per_pair(XRP, KNOWN, "long", 1000) is None
        assert not subject.has_global_stop
    finally:
        enable_database_use()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"extreme_percentile": 130}, "extreme_percentile must be"),
        ({"expected_edge": 0}, "expected_edge must be"),
        ({"extreme": 95}, "unknown parameter 'extreme'. Allowed: calm_rates"),
        ({"holding_hours": "long"}, "holding_hours must be"),
    ],
)
def test_a_bad_parameter_is_named(default_futures_config, parameters, message):
    with pytest.raises(ConfigurationError, match="FundingBreaker: ") as error:
        breaker(default_futures_config, **parameters)
    assert message in str(error.value)


def test_it_introduces_itself(default_futures_config):
    assert breaker(default_futures_config).short_desc() == (
        "FundingBreaker - No entries on the side of a pair that pays funding in the top 2% of 30 "
        "days and 0.050% per 8 h, or a predicted 0.50% over 48 h."
    )
