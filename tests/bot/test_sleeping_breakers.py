"""In a backtest breakers sleep while stored candles restrict nothing; nothing else may change."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from freqtrade.enums import CandleType, RunMode
from freqtrade.persistence import PairLocks, Trade, disable_database_use, enable_database_use

from perpkit.bot.watching.protection import AWAKE, WatchedProtection
from perpkit.bot.watching.venue_probe import VenueProbe
from perpkit.bot.watching.watch import Watch
from tests import factories
from tests.breakers.wild import wild_funding
from tests.factories import START

HOUR = timedelta(hours=1)
BTC, ETH, XRP = (f"{base}/USDT:USDT" for base in ("BTC", "ETH", "XRP"))
BREAKERS: list[dict[str, Any]] = [
    {"method": "CryptoVixBreaker", "window_days": 7, "min_history_days": 2},
    {"method": "DrawdownBreaker"},
    {"method": "FlashCrashBreaker", "windows": [[60, 0.04], [240, 0.06]], "calm_range": 0.02},
    {"method": "FundingBreaker", "window_days": 7, "floor_8h": 0.0003, "extreme_percentile": 97},
    {"method": "VenueHealthBreaker"},
]


class Stored:
    """Candles and funding of three pairs: one begins late, one ends early, and the leader ends
    before the run does."""

    def __init__(self) -> None:
        wild = np.repeat([0.003, 0.02, 0.003], 200)
        self.frames = {
            BTC: self._candles(7, wild)[:590],
            ETH: self._candles(8, wild)[:400],
            XRP: self._candles(9, wild)[150:],
        }
        self.rates = {pair: wild_funding(seed) for seed, pair in enumerate((BTC, ETH, XRP))}

    @staticmethod
    def _candles(seed: int, volatility: np.ndarray) -> pd.DataFrame:
        moves = np.random.default_rng(seed).normal(0, volatility)
        close = 100 * np.exp(np.cumsum(moves))
        candles = factories.candles(len(moves)).assign(open=np.append(100, close[:-1]), close=close)
        candles["high"] = candles[["open", "close"]].max(axis=1) * 1.001
        candles["low"] = candles[["open", "close"]].min(axis=1) * 0.999
        return candles

    def history(self, pair: str, timeframe: str, kind: CandleType, warm_up: timedelta):
        return self.rates[pair] if kind is CandleType.FUNDING_RATE else self.frames[pair]


class Whitelist(list):
    def current_whitelist(self) -> list[str]:
        return list(self)

    def send_msg(self, text, *, always_send=False) -> None: ...


@pytest.fixture(autouse=True)
def backtest(monkeypatch):
    monkeypatch.setattr(WatchedProtection, "driven_at", None)
    disable_database_use("1h")
    PairLocks.reset_locks()
    Trade.reset_trades()
    yield
    PairLocks.reset_locks()
    Trade.reset_trades()
    enable_database_use()


def watch(
    config: dict[str, Any], pairs: Whitelist, runmode=RunMode.BACKTEST, breakers=BREAKERS
) -> Watch:
    config = {**config, "runmode": runmode, "enable_protections": True}
    return Watch(config, pairs, lambda: breakers, candles=Stored())


def run(subject: Watch, pairs: Whitelist) -> tuple[list, list]:
    """What is restricted at each candle, and all locks; halfway the whitelist changes."""
    restricted = []
    for hour in range(610):
        pairs[:] = [BTC, ETH, XRP] if hour < 300 else [BTC, XRP]
        subject.step(START + hour * HOUR)
        restricted.append(dict(subject._restrictions))
    return restricted, [lock.to_json() for lock in PairLocks.locks]


@pytest.fixture
def asked(monkeypatch):
    """(breaker, time) of every look."""
    stock, looks = Watch._decide, []

    def decide(self, breaker, now):
        looks.append((breaker.name, now))
        yield from stock(self, breaker, now)

    monkeypatch.setattr(Watch, "_decide", decide)
    return looks


def stay_awake(monkeypatch):
    stock = Watch._decide

    def decide(self, breaker, now):
        yield from stock(self, breaker, now)
        breaker.asleep_until = AWAKE

    monkeypatch.setattr(Watch, "_decide", decide)


def test_asleep_or_awake_the_decisions_are_the_same(default_futures_config, asked, monkeypatch):
    pairs = Whitelist()
    asleep, locks = run(watch(default_futures_config, pairs), pairs)
    looks = len(asked)
    stay_awake(monkeypatch)
    PairLocks.reset_locks()
    awake, expected = run(watch(default_futures_config, pairs), pairs)
    assert asleep == awake
    assert locks == expected
    assert looks < 0.6 * (len(asked) - looks)
    # All of them had something to say, and all were silent at times.
    names = {name for restricted in awake for name, *_ in restricted}
    assert names == {"CryptoVixBreaker", "FlashCrashBreaker", "FundingBreaker"}
    assert sum(not restricted for restricted in awake) > 100
    assert len(locks) > 20
    assert awake[-1]["CryptoVixBreaker", "*", "*"].reason.startswith("no current candles")


# Its calendar is empty: it has nothing to say, ever.
SILENT = [{"method": "VenueHealthBreaker"}]


def steps(subject: Watch, *hours: int) -> None:
    for hour in hours:
        subject.step(START + hour * HOUR)


def test_one_that_has_nothing_to_say_is_asked_once(default_futures_config, asked):
    steps(watch(default_futures_config, Whitelist([BTC]), breakers=SILENT), *range(20))
    assert len(asked) == 1


def test_another_epoch_wakes_it(default_futures_config, asked):
    subject = watch(default_futures_config, Whitelist([BTC]), breakers=SILENT)
    steps(subject, *range(20), *range(20))
    assert [now for _, now in asked] == [START, START]


def test_another_whitelist_wakes_it(default_futures_config, asked):
    subject = watch(default_futures_config, Whitelist([BTC]), breakers=SILENT)
    steps(subject, *range(5))
    subject._dp.append(ETH)
    steps(subject, *range(5, 9))
    assert [now for _, now in asked] == [START, START + 5 * HOUR]


def test_in_a_running_bot_none_sleeps(default_futures_config, asked, trade_database, monkeypatch):
    enable_database_use()
    monkeypatch.setattr(PairLocks, "timeframe", "1h")
    monkeypatch.setattr(VenueProbe, "__init__", lambda *_: None)
    monkeypatch.setattr(VenueProbe, "poll", lambda *_: None)
    subject = watch(default_futures_config, Whitelist([BTC]), RunMode.DRY_RUN, SILENT)
    steps(subject, *range(5))
    assert not subject.decision().restricts
    assert len(asked) == 5
