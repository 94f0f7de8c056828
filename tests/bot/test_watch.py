"""The watch with a scripted breaker: what it locks, what it refuses, what it says, and when."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from freqtrade.enums import RunMode
from freqtrade.persistence import PairLocks, disable_database_use, enable_database_use
from freqtrade.plugins.protectionmanager import ProtectionManager
from freqtrade.resolvers import ProtectionResolver

from perpkit.bot.protection import WatchedProtection
from perpkit.bot.watch import Watch
from perpkit.breakers.breaker import Decision, Trading
from tests.factories import START

HOUR = timedelta(hours=1)


class Scripted(WatchedProtection):
    """Blocks while `stressed` says so, and then for at least two hours."""

    stressed: set[int] = set()
    broken = False
    evaluations = 0

    def informative_pairs(self, pairs):
        return [("BTC/USDT:USDT", "1h")]

    def short_desc(self):
        return "scripted"

    def evaluate(self, sources, now: datetime) -> list[Decision]:
        Scripted.evaluations += 1
        if Scripted.broken:
            raise RuntimeError("no")
        hour = (now - START) // HOUR
        seen = max((h for h in Scripted.stressed if h <= hour), default=-9)
        if hour >= seen + 2:
            return [Decision()]
        release = START + (seen + 2) * HOUR
        return [Decision(Trading.REDUCING, 0.0, release, f"stress at {seen}")]


@pytest.fixture
def scripted(monkeypatch):
    """The scripted breaker, under a name that Freqtrade's resolver finds."""
    stock = ProtectionResolver.load_protection

    def load(name, config, protection_config):
        if name == "Scripted":
            return Scripted(config, protection_config)
        return stock(name, config, protection_config)

    monkeypatch.setattr(ProtectionResolver, "load_protection", staticmethod(load))
    monkeypatch.setattr(WatchedProtection, "driven_at", None)
    Scripted.stressed, Scripted.broken, Scripted.evaluations = set(), False, 0
    disable_database_use("1h")
    PairLocks.reset_locks()
    yield Scripted
    PairLocks.reset_locks()
    enable_database_use()


class Messages(list):
    def current_whitelist(self):
        return ["BTC/USDT:USDT", "ETH/USDT:USDT"]

    def send_msg(self, text, *, always_send=False):
        self.append(text)


def watch(config, runmode=RunMode.BACKTEST, enable=True) -> tuple[Watch, Messages]:
    messages = Messages()
    config = {**config, "runmode": runmode, "enable_protections": enable}
    return Watch(config, messages), messages


BREAKERS = [{"method": "Scripted"}, {"method": "CooldownPeriod", "stop_duration": 60}]


def run(watch: Watch, hours: range, step: timedelta = HOUR) -> None:
    now = START + hours.start * HOUR
    while now < START + hours.stop * HOUR:
        watch.step(BREAKERS, now)
        now += step


def locks() -> list[tuple[int, int]]:
    """(start, end) in hours; both must be full hours."""
    times = [(lock.lock_time - START, lock.lock_end_time - START) for lock in PairLocks.locks]
    assert all(time % HOUR == timedelta(0) for pair in times for time in pair)
    return [(start // HOUR, end // HOUR) for start, end in times]


@pytest.mark.parametrize(
    ("stressed", "expected"),
    [
        (set(), []),
        ({5}, [(5, 7)]),
        # the stress goes on: the lock is renewed when it ends, not at every candle
        ({5, 6}, [(5, 7), (7, 8)]),
        ({5, 6, 7, 8}, [(5, 7), (7, 9), (9, 10)]),
        # released in between
        ({5, 8}, [(5, 7), (8, 10)]),
    ],
)
def test_locks_follow_the_breaker_without_any_trade(
    scripted, default_futures_config, stressed, expected
):
    scripted.stressed = stressed
    run(watch(default_futures_config)[0], range(20))
    assert locks() == expected


@pytest.mark.parametrize("step", [timedelta(minutes=5), timedelta(seconds=77)])
def test_the_live_loop_ends_locks_at_the_same_times(scripted, default_futures_config, step):
    scripted.stressed = {5, 6, 8}
    run(watch(default_futures_config, RunMode.DRY_RUN)[0], range(20), step)
    ends = [(lock.lock_end_time - START) / HOUR for lock in PairLocks.locks]
    assert ends == [7, 8, 10]


@pytest.mark.parametrize("pair", ["BTC/USDT:USDT", "ETH/USDT:USDT"])
@pytest.mark.parametrize("side", ["long", "short"])
def test_the_lock_is_global_for_both_sides_and_says_why(
    scripted, default_futures_config, pair, side
):
    scripted.stressed = {5}
    run(watch(default_futures_config)[0], range(6))
    inside, after = START + 6 * HOUR, START + 7 * HOUR
    assert PairLocks.is_pair_locked(pair, inside, side)
    assert not PairLocks.is_pair_locked(pair, after, side)
    assert PairLocks.locks[0].reason == "Scripted reducing: stress at 5"


def test_off_unless_protections_are_enabled(scripted, default_futures_config):
    scripted.stressed = {5}
    off, _ = watch(default_futures_config, enable=False)
    run(off, range(20))
    assert PairLocks.locks == []
    assert scripted.evaluations == 0
    assert off.decision().trading is Trading.ACTIVE


@pytest.mark.parametrize("runmode", [RunMode.DRY_RUN, RunMode.LIVE])
def test_always_on_in_dry_run_and_live(scripted, default_futures_config, runmode):
    scripted.stressed = {5}
    live, _ = watch(default_futures_config, runmode, enable=False)
    run(live, range(6))
    assert live.decision().entries_blocked


def test_one_evaluation_a_candle(scripted, default_futures_config):
    run(watch(default_futures_config)[0], range(20))
    assert scripted.evaluations == 20


def test_a_broken_breaker_blocks_entries_until_it_works_again(
    scripted, default_futures_config, caplog
):
    subject, _ = watch(default_futures_config)
    run(subject, range(3))
    assert not subject.decision().entries_blocked
    scripted.broken = True
    run(subject, range(3, 6))
    assert subject.decision().entries_blocked
    assert [r.message for r in caplog.records if r.levelname == "ERROR"] == ["Scripted failed."]
    scripted.broken = False
    run(subject, range(6, 7))
    assert not subject.decision().entries_blocked


def test_one_message_a_change(scripted, default_futures_config):
    scripted.stressed = {5, 6}
    live, messages = watch(default_futures_config, RunMode.DRY_RUN)
    run(live, range(20), timedelta(minutes=1))
    assert len(messages) == 2
    assert messages[0].startswith("REDUCING: Scripted: stress at 5")
    assert "Exits and stops go on" in messages[0]
    assert messages[1].startswith("ACTIVE")


def test_the_next_epoch_has_its_own_parameters(scripted, default_futures_config):
    subject, _ = watch(default_futures_config, RunMode.HYPEROPT)
    run(subject, range(5))
    first = subject._breakers
    run(subject, range(5))
    assert subject._breakers is not first


class TestWithoutTheWatch:
    """Freqtrade's own manager asks when a trade closes, whatever the strategy is built on."""

    def ask(self, config, runmode, hour=5):
        manager = ProtectionManager({**config, "runmode": runmode}, [{"method": "Scripted"}])
        return manager.global_stop(START + hour * HOUR)

    def test_a_backtest_of_any_strategy_is_protected(self, scripted, default_futures_config):
        scripted.stressed = {5}
        lock = self.ask(default_futures_config, RunMode.BACKTEST)
        assert lock.reason == "Scripted reducing: stress at 5"

    def test_live_it_says_that_it_has_no_effect(self, scripted, default_futures_config, caplog):
        scripted.stressed = {5}
        assert self.ask(default_futures_config, RunMode.LIVE) is None
        assert "Scripted has no effect" in caplog.text

    def test_its_twin_under_the_watch_decides_alone(self, scripted, default_futures_config, caplog):
        live, _ = watch(default_futures_config, RunMode.LIVE)
        run(live, range(6))
        scripted.stressed = {5}
        assert self.ask(default_futures_config, RunMode.LIVE) is None
        assert "no effect" not in caplog.text


def test_missing_candles_are_named_at_the_start_of_a_backtest(default_futures_config):
    config = {
        **default_futures_config,
        "runmode": RunMode.BACKTEST,
        "enable_protections": True,
    }
    subject = Watch(config, Messages())
    with pytest.raises(Exception, match=r"need 1h candles of BTC/USDT:USDT, and there are none"):
        subject.require_candles([{"method": "CryptoVixBreaker"}])
