"""Every question about locks has stock Freqtrade's answer, whatever is done to the locks."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest
from freqtrade.persistence import PairLocks
from freqtrade.persistence.pairlock import PairLock
from hypothesis import given
from hypothesis import strategies as st

from perpkit.bot.acceleration import lock_index
from perpkit.bot.acceleration.locks import LOCKS
from perpkit.bot.watching.simulated_lock import SimulatedLock
from tests.bot.acceleration.conftest import on, reset
from tests.factories import START

pytestmark = pytest.mark.usefixtures("simulated")

PAIRS = ("BTC/USDT:USDT", "ETH/USDT:USDT", "*")
SIDES = ("*", "long", "short")


def at(hours: float):
    return START + timedelta(hours=hours)


class PlainLock(SimulatedLock):
    """As somebody else may put into the list: it does not tell when it changes."""

    tells_changes = False

    def extend(self, end):
        self.lock_end_time_utc = self.lock_end_time = end


class Operations:
    """What Freqtrade, protections and strategies do with locks. Each returns what it has found."""

    def lock(self, pair, side, hours, more):
        lock = PairLocks.lock_pair(pair, at(hours + more), f"{more}", now=at(hours), side=side)
        return described(lock)

    def simulated(self, pair, side, hours, more, kind=SimulatedLock):
        PairLocks.locks.append(kind(pair, side, at(hours), at(hours + more), "breaker"))

    def plain(self, *args):
        self.simulated(*args, kind=PlainLock)

    def unlock(self, pair, side, hours, more):
        PairLocks.unlock_pair(pair, at(hours), side)

    def unlock_reason(self, pair, side, hours, more):
        PairLocks.unlock_reason(f"{more}", at(hours))

    def move(self, pair, side, hours, more):
        """A strategy that writes to a lock."""
        if PairLocks.locks:
            lock = PairLocks.locks[more % len(PairLocks.locks)]
            lock.lock_end_time = at(hours)
            if isinstance(lock, SimulatedLock):
                lock.extend(at(hours))

    def rename(self, pair, side, hours, more):
        if PairLocks.locks:
            lock = PairLocks.locks[more % len(PairLocks.locks)]
            if isinstance(lock, PairLock):
                lock.pair, lock.side = pair, side

    def deactivate(self, pair, side, hours, more):
        if PairLocks.locks:
            PairLocks.locks[more % len(PairLocks.locks)].active = False

    def delete(self, pair, side, hours, more):
        del PairLocks.locks[more:]

    def replace(self, pair, side, hours, more):
        PairLocks.locks = list(PairLocks.locks)

    def reset(self, pair, side, hours, more):
        PairLocks.reset_locks()

    def ask(self, pair, side, hours, more):
        now = pd.Timestamp(at(hours)) if more % 2 else at(hours)
        longest = PairLocks.get_pair_longest_lock(pair, now, side)
        return [
            PairLocks.is_pair_locked(pair, now, side),
            PairLocks.is_global_lock(now, side),
            longest and described(longest),
            *(described(lock) for lock in PairLocks.get_pair_locks(pair, now, side)),
            *(described(lock) for lock in PairLocks.get_pair_locks(pair, now)),
            *(described(lock) for lock in PairLocks.get_pair_locks(None, now, side)),
            len(PairLocks.get_all_locks()),
        ]


def described(lock):
    where = next((n for n, each in enumerate(PairLocks.locks) if each is lock), None)
    return where, lock.pair, lock.side, lock.lock_end_time, lock.active, lock.reason


NAMES = [name for name in vars(Operations) if not name.startswith("_")]
OPERATION = st.tuples(
    st.sampled_from([*NAMES, *["lock", "ask"] * 4]),
    st.sampled_from(PAIRS),
    st.sampled_from(SIDES),
    st.integers(0, 30),
    st.integers(0, 8),
)


@given(st.lists(OPERATION, max_size=40))
def test_its_answers_are_those_of_stock(operations):
    def run():
        reset()
        made = Operations()
        found = [getattr(made, name)(*args) for name, *args in operations]
        return [*found, *(made.ask(pair, side, 5, 0) for pair in PAIRS for side in SIDES)]

    stock = run()
    with on(LOCKS):
        assert run() == stock


@pytest.mark.parametrize("how", ["naive now", "naive lock"])
def test_a_time_without_a_zone_is_stocks_error(how):
    now = at(1).replace(tzinfo=None) if how == "naive now" else at(1)

    def ask():
        PairLocks.reset_locks()
        PairLocks.lock_pair("*", at(5), now=at(0))
        if how == "naive lock":
            PairLocks.locks.append(
                PairLock(pair="ETH/USDT:USDT", side="*", lock_end_time=at(2).replace(tzinfo=None))
            )
        with pytest.raises(TypeError):
            PairLocks.get_pair_locks("BTC/USDT:USDT", now, "long")

    ask()
    with on(LOCKS):
        ask()


def test_a_check_compares_few_of_many_locks(monkeypatch):
    """Seen to fail with stock's check: it reads the end of every lock."""
    with on(LOCKS):
        for hour in range(500):
            PairLocks.lock_pair(PAIRS[0], at(hour), now=at(hour - 1))
        PairLocks.is_pair_locked(PAIRS[0], at(498))
        read = []
        monkeypatch.setattr(lock_index, "_end", lambda entry: read.append(1) or entry[0])
        monkeypatch.setattr(
            PairLock, "lock_end_time", property(lambda _: pytest.fail("compares each"))
        )
        assert PairLocks.is_pair_locked(PAIRS[0], at(498))
        assert len(read) < 20


def test_it_ends_with_the_acceleration():
    stock = PairLocks.get_pair_locks
    with on(LOCKS):
        assert PairLocks.get_pair_locks is not stock
    assert PairLocks.get_pair_locks is stock
    assert "__setattr__" not in vars(PairLock)
