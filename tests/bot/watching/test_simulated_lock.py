"""The lock of a backtest against Freqtrade's own."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest
from freqtrade.persistence import PairLocks, disable_database_use, enable_database_use

from perpkit.bot.watching.simulated_lock import SimulatedLock
from tests.factories import START

HOUR = timedelta(hours=1)
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
# pair, side, hours from START on
LOCKS = [(BTC, "*", 1, 3), (ETH, "long", 2, 5), ("*", "short", 4, 6), (BTC, "long", 4, 5)]


@pytest.fixture
def both():
    """The same locks as Freqtrade makes them in a backtest, and as Perpkit does."""
    disable_database_use("1h")
    PairLocks.reset_locks()
    for pair, side, begin, end in LOCKS:
        # Freqtrade moves an end up to the next candle.
        until = START + end * HOUR - timedelta(seconds=1)
        PairLocks.lock_pair(pair, until, "why", now=START + begin * HOUR, side=side)
    stock = PairLocks.locks
    own = [SimulatedLock(p, s, START + b * HOUR, START + e * HOUR, "why") for p, s, b, e in LOCKS]
    yield stock, own
    PairLocks.reset_locks()
    enable_database_use()


def answers(locks: list) -> list[tuple[bool, bool]]:
    PairLocks.locks = locks
    return [
        (PairLocks.is_pair_locked(pair, now, side), PairLocks.is_global_lock(now, side))
        for pair in (BTC, ETH)
        for side in ("long", "short", "*")
        for now in (START + hour * HOUR for hour in range(8))
    ]


def test_it_locks_and_is_exported_as_freqtrades_own(both):
    stock, own = both
    assert answers(own) == answers(stock)
    assert any(locked for locked, _ in answers(own))
    assert [lock.to_json() for lock in own] == [lock.to_json() for lock in stock]
    # What it is for: this is what Freqtrade compares, with another of its kind.
    assert all(type(lock.lock_end_time) is pd.Timestamp for lock in own)


def test_freqtrade_can_end_it_and_lock_beside_it(both):
    _, own = both
    PairLocks.locks = own
    now = START + 4 * HOUR
    again = PairLocks.lock_pair(BTC, now + HOUR - timedelta(seconds=1), "why", now=now, side="long")
    assert again is own[3]
    PairLocks.unlock_pair(BTC, now, "long")
    assert not PairLocks.is_pair_locked(BTC, now, "long")
