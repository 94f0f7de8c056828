"""The plugin only translates; what the breaker decides is tested in tests/breakers."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from freqtrade.enums import RunMode
from freqtrade.exceptions import ConfigurationError
from freqtrade.resolvers import ProtectionResolver

from perpkit.bot.watching.protection import Watched
from perpkit.breakers.breaker import Trading, strictest
from perpkit.breakers.volatility import VolatilityLimits, index_timeline, timeline
from perpkit.market.basket import HourlyIndex, basket_index
from perpkit.market.volatility import Estimator, hour_of
from tests import factories

HOUR = timedelta(hours=1)
SHORT_MEMORY = {"window_days": 20, "min_history_days": 5}


def breaker(config, **parameters):
    method = {"method": "CryptoVixBreaker", **parameters}
    return ProtectionResolver.load_protection("CryptoVixBreaker", config, Watched(method))


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
    decisions = [strictest(subject.evaluate(feed, now)) for now in times]
    assert decisions == [strictest([expected.at(now)]) for now in times]
    assert {decision.trading for decision in decisions} == {Trading.ACTIVE, Trading.REDUCING}


def test_it_watches_the_market_it_is_told_to(default_futures_config):
    subject = breaker(default_futures_config, pair="ETH/USDT:USDT", **SHORT_MEMORY)
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
    decisions = breaker(default_futures_config, stressed_percentile=98).evaluate(
        Feed(candles), candles["date"].iloc[-1] + HOUR + age
    )
    assert [decision.entries_blocked for decision in decisions] == [True] * blocked
    assert all("no current candles of BTC/USDT:USDT" in d.reason for d in decisions)


@pytest.mark.parametrize(("hours", "blocked"), [(2, False), (3, True), (720, True)])
@pytest.mark.parametrize("broken", ["missing", "flat", "upside down"])
def test_newest_hours_that_cannot_be_used_block_entries(
    default_futures_config, hours, blocked, broken
):
    candles = factories.candles(720)
    tail = candles.index >= 720 - hours
    if broken == "missing":
        candles.loc[tail, ["open", "high", "low", "close"]] = np.nan
    elif broken == "flat":
        candles.loc[tail, ["open", "high", "low", "close"]] = 100.0
    else:
        candles.loc[tail, "high"] = candles.loc[tail, "low"] / 2
    decisions = breaker(default_futures_config, stressed_percentile=98).evaluate(
        Feed(candles), candles["date"].iloc[-1] + HOUR
    )
    assert ["no current candles" in decision.reason for decision in decisions] == [True] * blocked


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
        ({"stressed": 95}, "unknown parameter 'stressed'. Allowed: basket, calm_candles"),
        ({"estimator": "magic"}, "estimator must be one of classic"),
        ({"basket": []}, "basket must have at least one pair"),
        ({"basket": "BTC/USDT:USDT"}, "basket must be a list of pairs"),
        ({"basket": ["BTC/USDT"]}, "pairs of basket must be a pair such as BTC/USDT:USDT"),
        ({"pair": "BTC/USDT"}, "pair must be a pair such as BTC/USDT:USDT, got 'BTC/USDT'"),
        ({"basket": {"BTC/USDT:USDT": 0}}, "weight of BTC/USDT:USDT must be"),
        ({"basket": ["ETH/USDT:USDT"], "pair": "BTC/USDT:USDT"}, "pair must not be given"),
        ({"dvol": "yes"}, "dvol must be true or false"),
        ({"dvol": True, "pair": "XRP/USDT:USDT"}, "dvol must be of BTC or ETH"),
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


def test_a_basket_is_watched_as_one(default_futures_config):
    weights = {"BTC/USDT:USDT": 2.0, "ETH/USDT:USDT": 1.0}
    subject = breaker(default_futures_config, basket=weights, **SHORT_MEMORY)
    assert subject.informative_pairs([]) == [(pair, "1h") for pair in weights]
    frames = {
        "BTC/USDT:USDT": factories.candles(744, volatility=0.004),
        "ETH/USDT:USDT": crash(),
    }
    index = basket_index(frames, weights, Estimator.PARKINSON, 2.0)
    expected = index_timeline(VolatilityLimits(**SHORT_MEMORY, asset="BTC, ETH"), index)

    class Feeds(Feed):
        def history(self, pair, *request):
            return frames[pair]

    now = frames["BTC/USDT:USDT"]["date"].iloc[-1] + HOUR
    [decision] = subject.evaluate(Feeds(crash()), now)
    assert decision == expected.at(now)
    assert decision.reason.startswith("BTC, ETH volatility")


class Options:
    """In place of `Dvol`: an index that is there, or is not."""

    def __init__(self, vol: float) -> None:
        hours = np.full(31 * 24, 0.5)
        hours[-1] = vol
        self._index = HourlyIndex(hour_of(factories.START), hours)
        self.there = True

    def index(self, now):
        return self._index if self.there else None


@pytest.mark.parametrize("candles", [factories.candles(744, volatility=0.004), crash()])
@pytest.mark.parametrize("vol", [0.4, 0.9])
def test_dvol_decides_beside_the_candles(default_futures_config, candles, vol):
    """The stricter of both counts: with it, entries are blocked at least as often."""
    now = candles["date"].iloc[-1] + HOUR
    alone = breaker(default_futures_config, **SHORT_MEMORY).evaluate(Feed(candles), now)
    subject = breaker(default_futures_config, dvol=True, **SHORT_MEMORY)
    subject._dvol = Options(vol)
    both = subject.evaluate(Feed(candles), now)
    assert both[: len(alone)] == alone
    implied = [decision.reason for decision in both[len(alone) :]]
    assert len(implied) == (vol > 0.5)
    assert all(reason.startswith("BTC implied volatility 90%") for reason in implied)


def test_without_dvol_the_candles_decide_alone_and_it_is_said_once(default_futures_config, caplog):
    subject = breaker(default_futures_config, dvol=True, **SHORT_MEMORY)
    subject._dvol = options = Options(0.9)
    calm = factories.candles(744, volatility=0.004)
    now = calm["date"].iloc[-1] + HOUR
    for there in (False, False, True, True, False):
        options.there = there
        assert len(subject.evaluate(Feed(calm), now)) == there
    said = [record.getMessage() for record in caplog.records if "DVOL" in record.getMessage()]
    assert said == [
        "CryptoVixBreaker: no current DVOL, candles decide alone.",
        "CryptoVixBreaker: DVOL is back, it decides with the candles.",
        "CryptoVixBreaker: no current DVOL, candles decide alone.",
    ]


def test_a_backtest_asks_nobody_for_dvol(default_futures_config, caplog):
    config = {**default_futures_config, "runmode": RunMode.BACKTEST}
    subject = breaker(config, dvol=True, **SHORT_MEMORY)
    calm = factories.candles(744, volatility=0.004)
    assert subject.evaluate(Feed(calm), calm["date"].iloc[-1] + HOUR) == []
    assert subject._dvol is None
    assert "no DVOL in backtests" in caplog.text


def test_dvol_is_off_unless_asked_for(default_futures_config):
    assert breaker(default_futures_config)._dvol is None
