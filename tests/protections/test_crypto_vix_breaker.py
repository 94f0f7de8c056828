"""The plugin only translates; what the breaker decides is tested in tests/breakers."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest
from freqtrade.exceptions import ConfigurationError
from freqtrade.resolvers import ProtectionResolver

from perpkit.breakers.breaker import Trading
from perpkit.breakers.volatility import VolatilityLimits, timeline
from tests import factories

HOUR = timedelta(hours=1)
SHORT_MEMORY = {"window_days": 20, "min_history_days": 5}


def breaker(config, **parameters):
    method = {"method": "CryptoVixBreaker", **parameters}
    return ProtectionResolver.load_protection("CryptoVixBreaker", config, method)


def crash() -> pd.DataFrame:
    """Thirty calm days, then a violent one."""
    calm = factories.candles(720, volatility=0.004)
    start = calm["date"].iloc[-1] + HOUR
    wild = factories.candles(24, start=start, price=calm["close"].iloc[-1], volatility=0.04, seed=3)
    return pd.concat([calm, wild], ignore_index=True)


class Feed:
    """Sources whose candles are always the same."""

    def __init__(self, candles: pd.DataFrame) -> None:
        self.data = candles
        self.candles = self
        self.asked = []

    def history(self, *request):
        self.asked.append(request)
        return self.data


def test_it_decides_as_its_timeline(default_futures_config):
    candles = crash()
    subject, feed = breaker(default_futures_config, **SHORT_MEMORY), Feed(candles)
    expected = timeline(VolatilityLimits(**SHORT_MEMORY), candles)
    times = list(candles["date"] + HOUR)
    decisions = [subject.evaluate(feed, now)[0] for now in times]
    assert decisions == [expected.at(now) for now in times]
    assert {decision.trading for decision in decisions} == {Trading.ACTIVE, Trading.REDUCING}


def test_it_watches_the_market_it_is_told_to(default_futures_config):
    subject = breaker(default_futures_config, pair="ETH/USDT:USDT")
    assert subject.informative_pairs(["BTC/USDT:USDT"]) == [("ETH/USDT:USDT", "1h")]
    feed = Feed(crash())
    [decision] = subject.evaluate(feed, feed.data["date"].iloc[-1] + HOUR)
    assert feed.asked[0][:2] == ("ETH/USDT:USDT", "1h")
    assert decision.reason.startswith("ETH volatility")


@pytest.mark.parametrize(
    ("age", "blocked"), [(HOUR, False), (2 * HOUR, False), (3 * HOUR, True), (99 * HOUR, True)]
)
def test_candles_that_stopped_block_entries(default_futures_config, age, blocked):
    candles = factories.candles(720)
    [decision] = breaker(default_futures_config, stressed_percentile=98).evaluate(
        Feed(candles), candles["date"].iloc[-1] + HOUR + age
    )
    assert ("no current candles of BTC/USDT:USDT" in decision.reason) is blocked
    assert decision.entries_blocked is blocked


def test_without_any_candle_entries_are_blocked(default_futures_config):
    nothing = Feed(factories.candles(5)[:0])
    [decision] = breaker(default_futures_config).evaluate(nothing, factories.START)
    assert decision.entries_blocked
    assert "none seen" in decision.reason


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"stressed_percentile": 130}, "stressed_percentile must be"),
        ({"calm_candles": 0}, "calm_candles must be"),
        ({"stressed": 95}, "unknown parameter 'stressed'. Allowed: calm_candles"),
        ({"estimator": "magic"}, "estimator must be one of classic"),
    ],
)
def test_a_bad_parameter_is_named(default_futures_config, parameters, message):
    with pytest.raises(ConfigurationError, match="CryptoVixBreaker: ") as error:
        breaker(default_futures_config, **parameters)
    assert message in str(error.value)


def test_it_introduces_itself(default_futures_config):
    assert breaker(default_futures_config).short_desc() == (
        "CryptoVixBreaker - No entries while BTC/USDT:USDT volatility is in the top 4% of 180 "
        "days, until 2 calm hours."
    )
