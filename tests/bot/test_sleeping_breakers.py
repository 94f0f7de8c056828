"""How often the watch asks a breaker that has nothing to say.

That any breaker locks asleep what it locks awake: tests/protections/test_every_breaker.py.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from freqtrade.enums import RunMode
from freqtrade.persistence import PairLocks, Trade, disable_database_use, enable_database_use

from perpkit.bot.watching.protection import WatchedProtection
from perpkit.bot.watching.venue_probe import VenueProbe
from perpkit.bot.watching.watch import Watch
from tests.factories import START

HOUR = timedelta(hours=1)
BTC, ETH = (f"{base}/USDT:USDT" for base in ("BTC", "ETH"))


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


def watch(config: dict[str, Any], pairs: Whitelist, runmode=RunMode.BACKTEST) -> Watch:
    config = {**config, "runmode": runmode, "enable_protections": True}
    return Watch(config, pairs, lambda: SILENT)


@pytest.fixture
def asked(monkeypatch):
    """(breaker, time) of every look."""
    stock, looks = Watch._decide, []

    def decide(self, place, breaker, now):
        looks.append((breaker.name, now))
        yield from stock(self, place, breaker, now)

    monkeypatch.setattr(Watch, "_decide", decide)
    return looks


# Its calendar is empty: it has nothing to say, ever.
SILENT = [{"method": "VenueHealthBreaker"}]


def steps(subject: Watch, *hours: int) -> None:
    for hour in hours:
        subject.step(START + hour * HOUR)


def test_one_that_has_nothing_to_say_is_asked_once(default_futures_config, asked):
    steps(watch(default_futures_config, Whitelist([BTC])), *range(20))
    assert len(asked) == 1


def test_another_epoch_wakes_it(default_futures_config, asked):
    subject = watch(default_futures_config, Whitelist([BTC]))
    steps(subject, *range(20), *range(20))
    assert [now for _, now in asked] == [START, START]


def test_another_whitelist_wakes_it(default_futures_config, asked):
    subject = watch(default_futures_config, Whitelist([BTC]))
    steps(subject, *range(5))
    subject._dp.append(ETH)
    steps(subject, *range(5, 9))
    assert [now for _, now in asked] == [START, START + 5 * HOUR]


def test_in_a_running_bot_none_sleeps(default_futures_config, asked, trade_database, monkeypatch):
    enable_database_use()
    monkeypatch.setattr(PairLocks, "timeframe", "1h")
    monkeypatch.setattr(VenueProbe, "__init__", lambda *_: None)
    monkeypatch.setattr(VenueProbe, "poll", lambda *_: None)
    subject = watch(default_futures_config, Whitelist([BTC]), RunMode.DRY_RUN)
    steps(subject, *range(5))
    assert not subject.decision().restricts
    assert len(asked) == 5
