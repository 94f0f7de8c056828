"""The watch with a scripted breaker: what it locks, what it refuses, what it says, and when."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from math import inf

import pytest
from freqtrade.data.history import get_datahandler
from freqtrade.enums import CandleType, RunMode
from freqtrade.exceptions import OperationalException
from freqtrade.persistence import PairLocks, Trade, disable_database_use, enable_database_use
from freqtrade.plugins.protectionmanager import ProtectionManager
from freqtrade.resolvers import ProtectionResolver

from perpkit.bot.watching.candle_breaker import CandleBreaker
from perpkit.bot.watching.protection import Watched, WatchedProtection
from perpkit.bot.watching.watch import Watch
from perpkit.breakers.breaker import Decision, Trading
from tests.factories import START, candles

HOUR = timedelta(hours=1)


class Scripted(WatchedProtection):
    """Blocks while `stressed` says so, and then for at least two hours."""

    stressed: set[int] = set()
    extra: list[Decision] = []
    broken = False
    evaluations = 0

    def informative_pairs(self, pairs):
        return [("BTC/USDT:USDT", "1h")]

    def short_desc(self):
        return "scripted"

    def evaluate(self, sources, now: datetime) -> list[Decision]:
        Scripted.evaluations += 1
        if self.broken:
            raise RuntimeError("no")
        hour = (now - START) // HOUR
        seen = max((h for h in Scripted.stressed if h <= hour), default=-9)
        if hour >= seen + 2:
            return [Decision(), *self.extra]
        release = START + (seen + 2) * HOUR
        stress = Decision(Trading.REDUCING, 0.0, release, f"stress at {seen}")
        return [stress, *self.extra]


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
    Scripted.stressed, Scripted.extra = set(), []
    Scripted.broken, Scripted.evaluations = False, 0
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
    return Watch(config, messages, lambda: BREAKERS), messages


BREAKERS = [{"method": "Scripted"}, {"method": "CooldownPeriod", "stop_duration": 60}]


def run(watch: Watch, hours: range, step: timedelta = HOUR) -> None:
    now = START + hours.start * HOUR
    while now < START + hours.stop * HOUR:
        watch.step(now)
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
        # the stress goes on: the lock is extended when it ends, not at every candle
        ({5, 6}, [(5, 8)]),
        ({5, 6, 7, 8}, [(5, 10)]),
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


BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


@pytest.mark.parametrize(
    ("pair", "side", "locked"),
    [
        ("*", "*", {(BTC, "long"), (BTC, "short"), (ETH, "long"), (ETH, "short")}),
        ("*", "long", {(BTC, "long"), (ETH, "long")}),
        (ETH, "*", {(ETH, "long"), (ETH, "short")}),
        (ETH, "short", {(ETH, "short")}),
    ],
)
def test_it_locks_the_pair_and_side_that_are_meant(
    scripted, default_futures_config, pair, side, locked
):
    scripted.extra = [Decision(Trading.REDUCING, 0.0, reason="why", pair=pair, side=side)]
    subject, _ = watch(default_futures_config)
    run(subject, range(3))
    now = START + 2 * HOUR
    every = [(p, s) for p in (BTC, ETH) for s in ("long", "short")]
    assert {key for key in every if PairLocks.is_pair_locked(*key[:1], now, key[1])} == locked
    assert {key for key in every if subject.decision(*key).entries_blocked} == locked


def test_smaller_sizes_and_leverage_need_no_lock(scripted, default_futures_config):
    scripted.extra = [Decision(size_factor=0.5, reason="a"), Decision(max_leverage=2.0, pair=ETH)]
    subject, _ = watch(default_futures_config)
    run(subject, range(3))
    assert PairLocks.locks == []
    assert subject.decision(BTC, "long").max_leverage == float("inf")
    assert (subject.decision(ETH, "long").size_factor, subject.decision(ETH).max_leverage) == (
        0.5,
        2.0,
    )


ALL_SMALLER, ALL_SLOWER = Decision(size_factor=0.5, reason="a"), Decision(max_leverage=2.0)
ALL_CLOSED = Decision(Trading.REDUCING, 0.0, reason="a crash")


@pytest.mark.parametrize("runmode", [RunMode.BACKTEST, RunMode.DRY_RUN])
@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize(
    ("decisions", "trading", "size_factor", "max_leverage"),
    [
        ((ALL_CLOSED, ALL_SMALLER), Trading.REDUCING, 0.0, inf),
        ((ALL_SMALLER, ALL_CLOSED), Trading.REDUCING, 0.0, inf),
        ((Decision(Trading.HALTED, 0.0), ALL_SMALLER), Trading.HALTED, 0.0, inf),
        ((ALL_SMALLER, ALL_SLOWER), Trading.ACTIVE, 0.5, 2.0),
        ((ALL_SLOWER, ALL_SMALLER), Trading.ACTIVE, 0.5, 2.0),
    ],
)
def test_the_strictest_of_one_breaker_or_of_two_of_a_name_counts(
    scripted, default_futures_config, decisions, trading, size_factor, max_leverage, apart, runmode
):
    """For each pair and side, and apart from others."""
    subject, _ = watch(default_futures_config, runmode)
    subject._protections = lambda: [BREAKERS[0]] * (2 if apart else 1)
    run(subject, range(1))  # which makes them
    one, *other = subject._watched()
    decisions = [replace(each, pair=ETH, side="short") for each in decisions]
    one.extra = decisions[:1] if apart else decisions
    for breaker in other:
        breaker.extra = decisions[1:]
    run(subject, range(1, 3))
    found = subject.decision(ETH, "short")
    assert (found.trading, found.size_factor, found.max_leverage) == (
        trading,
        size_factor,
        max_leverage,
    )
    assert subject.tightens(ETH, "short") is (trading is Trading.REDUCING)
    assert not subject.decision(ETH, "long").restricts
    assert not subject.decision(BTC, "short").restricts


@pytest.mark.parametrize("breaks", [0, 1])
def test_one_of_two_of_a_name_fails(scripted, default_futures_config, caplog, breaks):
    subject, _ = watch(default_futures_config)
    subject._protections = lambda: [BREAKERS[0]] * 2
    run(subject, range(3))
    two = subject._watched()
    two[breaks].broken = True
    run(subject, range(3, 6))
    assert subject.decision().entries_blocked
    assert [r.message for r in caplog.records if r.levelname == "ERROR"] == ["Scripted failed."]
    two[breaks].broken = False
    run(subject, range(6, 7))
    assert not subject.decision().entries_blocked


class TestHalt:
    """HALTED without a release: only the operator ends it."""

    @pytest.fixture(autouse=True)
    def database(self, trade_database, scripted):
        """Locks live in Freqtrade's database, as in dry-run and live."""
        enable_database_use()
        PairLocks.timeframe = "1h"

    HALT = Decision(Trading.HALTED, 0.0, reason="-11% on the account")

    @pytest.mark.parametrize("pair", ["*", ETH])
    @pytest.mark.parametrize("side", ["*", "short"])
    def test_it_survives_a_restart(self, scripted, default_futures_config, pair, side):
        halt = replace(self.HALT, pair=pair, side=side)
        scripted.extra = [halt]
        run(watch(default_futures_config, RunMode.LIVE)[0], range(3))
        scripted.extra = []
        restarted, _ = watch(default_futures_config, RunMode.LIVE)
        run(restarted, range(500, 503))
        assert restarted.decision(ETH, "short") == halt
        assert restarted.decision(BTC, "short").restricts is (pair == "*")
        assert restarted.decision(ETH, "long").restricts is (side == "*")
        assert len(PairLocks.get_all_locks()) == 1
        self.unlock(START + 503 * HOUR)
        run(restarted, range(504, 505))
        assert not restarted.decision(ETH, "short").restricts

    def test_the_operator_clears_it_by_unlocking(self, scripted, default_futures_config):
        scripted.extra = [self.HALT]
        live, messages = watch(default_futures_config, RunMode.LIVE)
        run(live, range(3))
        scripted.extra = []
        self.unlock(START + 3 * HOUR)
        run(live, range(4, 6))
        assert not live.decision().restricts
        assert [m.partition(":")[0] for m in messages] == ["HALTED", "ACTIVE"]
        assert "Until an operator ends its lock. Open positions are being closed" in messages[0]

    @pytest.mark.parametrize("restart", [False, True])
    def test_the_breaker_learns_when_it_was_cleared(
        self, scripted, default_futures_config, restart
    ):
        scripted.extra = [self.HALT]
        live, _ = watch(default_futures_config, RunMode.LIVE)
        run(live, range(3))
        [breaker] = live._watched()
        assert breaker.locks.cleared_at() is None
        scripted.extra = []
        self.unlock(START + 3 * HOUR)
        if restart:
            live, _ = watch(default_futures_config, RunMode.LIVE)
        run(live, range(4, 6))
        [breaker] = live._watched()
        assert breaker.locks.cleared_at() == START + 3 * HOUR

    @pytest.mark.parametrize("fails", ["hold", "evaluate"])
    def test_a_failure_does_not_end_it(self, scripted, default_futures_config, monkeypatch, fails):
        """As long as the database is locked, or something else is broken."""
        live, messages = watch(default_futures_config, RunMode.LIVE)
        run(live, range(1))
        scripted.extra = [self.HALT, Decision(Trading.HALTED, 0.0, START + 5 * HOUR, pair=ETH)]
        if fails == "evaluate":
            run(live, range(1, 2))
        with monkeypatch.context() as broken:
            broken.setattr(PairLocks, "lock_pair", self.locked)
            broken.setattr(scripted, "broken", fails == "evaluate")
            run(live, range(2, 4))
            assert live.decision(BTC).trading is Trading.HALTED
            assert live._restrictions["Scripted", ETH, "*"].trading is Trading.HALTED
            assert len(live._breakers[0].standing) == 3
            if fails == "evaluate":
                run(live, range(4, 7))
                assert ("Scripted", ETH, "*") not in live._restrictions  # it was due
                assert live.decision(BTC).trading is Trading.HALTED
        scripted.extra = [self.HALT]
        run(live, range(7, 9))
        assert live.decision() == self.HALT
        assert {text.partition(":")[0] for text in messages} == {"HALTED"}

    def test_a_failure_after_a_restart_does_not_end_it(self, scripted, default_futures_config):
        scripted.extra = [self.HALT]
        run(watch(default_futures_config, RunMode.LIVE)[0], range(3))
        scripted.extra, scripted.broken = [], True
        restarted, _ = watch(default_futures_config, RunMode.LIVE)
        run(restarted, range(3, 6))
        assert restarted.decision().trading is Trading.HALTED
        self.unlock(START + 6 * HOUR)
        scripted.broken = False
        run(restarted, range(7, 9))
        assert not restarted.decision().restricts

    @staticmethod
    def locked(*_, **__) -> None:
        raise OSError("database is locked")

    def unlock(self, now: datetime) -> None:
        """What `/unlock` does: see tests/contract."""
        for lock in PairLocks.get_pair_locks(None, now):
            lock.active, lock.lock_end_time = False, now
        Trade.commit()


@pytest.mark.parametrize(
    "decisions",
    [
        [Decision(Trading.REDUCING, 0.0, reason="an outage")],
        [Decision(Trading.HALTED, 0.0, START + 9 * HOUR, "maintenance")],
        [Decision(Trading.HALTED, 0.0, START + 9 * HOUR, "maintenance"),
         Decision(Trading.REDUCING, 0.0, START + 12 * HOUR, "maintenance")],
    ],
)  # fmt: skip
def test_a_lock_ends_with_its_reason(scripted, default_futures_config, decisions):
    scripted.extra = decisions
    live, _ = watch(default_futures_config, RunMode.LIVE)
    run(live, range(1))
    noon = START + 10 * timedelta(minutes=1)
    live.step(noon)
    assert PairLocks.is_global_lock(noon)
    scripted.extra = []
    live.step(noon + timedelta(seconds=5))
    assert not PairLocks.is_global_lock(noon + timedelta(seconds=5))
    # Reports read there how long it held.
    ends = [lock.lock_end_time_utc for lock in PairLocks.get_all_locks()]
    assert max(ends) == noon + timedelta(seconds=5)


def test_a_side_that_is_released_leaves_the_lock_of_both(scripted, default_futures_config):
    """As of a pair whose funding rates stop while one side is blocked."""
    live, _ = watch(default_futures_config, RunMode.LIVE)
    scripted.extra = [Decision(Trading.REDUCING, 0.0, START + 9 * HOUR, "dear", BTC, "long")]
    run(live, range(1))
    scripted.extra = [Decision(Trading.REDUCING, 0.0, START + 9 * HOUR, "unknown", BTC)]
    now = START + timedelta(minutes=10)
    live.step(now)
    standing = PairLocks.get_pair_locks(BTC, now)
    assert [(lock.side, lock.reason) for lock in standing] == [("*", "Scripted reducing: unknown")]


def test_no_mark_of_markdown_is_left_in_a_message(scripted, default_futures_config):
    scripted.extra = [Decision(Trading.REDUCING, 0.0, reason="a_b *c* `d` [e](f)")]
    live, messages = watch(default_futures_config, RunMode.LIVE)
    run(live, range(1))
    assert not set("_*`[") & set(messages[0])


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

    @pytest.mark.parametrize(("pair", "side"), [(ETH, "long"), (ETH, "*"), ("*", "short")])
    def test_it_locks_the_pair_and_side_that_are_meant(
        self, scripted, default_futures_config, pair, side
    ):
        scripted.extra = [Decision(Trading.REDUCING, 0.0, reason="why", pair=pair, side=side)]
        config = {**default_futures_config, "runmode": RunMode.BACKTEST}
        manager = ProtectionManager(config, [{"method": "Scripted"}])
        closed = "long" if side == "*" else side
        locks = [
            manager.global_stop(START, closed),
            *(manager.stop_per_pair(p, START, closed) for p in (BTC, ETH)),
        ]
        assert [(lock.pair, lock.side) for lock in locks if lock] == [(pair, side)]

    def test_live_it_says_that_it_has_no_effect(self, scripted, default_futures_config, caplog):
        scripted.stressed = {5}
        assert self.ask(default_futures_config, RunMode.LIVE) is None
        assert "Scripted has no effect" in caplog.text

    def test_before_the_first_look_of_the_watch_it_says_nothing(
        self, scripted, default_futures_config, caplog
    ):
        """A stop that has triggered in between is booked as the bot starts."""
        config = {**default_futures_config, "runmode": RunMode.LIVE}
        manager = ProtectionManager(config, [Watched({"method": "Scripted"})])
        assert manager.global_stop(START) is None
        assert "no effect" not in caplog.text

    def test_its_twin_under_the_watch_decides_alone(self, scripted, default_futures_config, caplog):
        config = {**default_futures_config, "runmode": RunMode.LIVE}
        twin = ProtectionManager(config, [{"method": "Scripted"}])  # as a bot makes it
        live, _ = watch(default_futures_config, RunMode.LIVE)
        run(live, range(6))
        scripted.stressed = {5}
        assert twin.global_stop(START + 5 * HOUR) is None
        assert "no effect" not in caplog.text


def test_missing_candles_are_named_at_the_start_of_a_backtest(default_futures_config):
    config = {
        **default_futures_config,
        "runmode": RunMode.BACKTEST,
        "enable_protections": True,
    }
    subject = Watch(config, Messages(), lambda: [{"method": "CryptoVixBreaker"}])
    with pytest.raises(Exception, match=r"need 1h candles of BTC/USDT:USDT, and there are none"):
        subject.require_candles()


@pytest.mark.parametrize(
    ("finer", "pairs", "missing"),
    [
        ({}, [BTC, ETH], None),
        ({"timeframe_detail": "5m"}, [BTC], None),
        # Its own timeframe is what a strategy trades by; a pair without that is not traded.
        ({"timeframe_detail": "5m"}, [BTC, ETH], ETH),
        ({"timeframe_detail": "5m"}, [ETH], ETH),
    ],
)
def test_a_traded_pair_needs_the_finer_candles(default_futures_config, finer, pairs, missing):
    """Otherwise it would be traded as though it never crashed."""
    config = {
        **default_futures_config,
        **finer,
        "runmode": RunMode.BACKTEST,
        "enable_protections": True,
    }
    handler = get_datahandler(config["datadir"], "feather")
    for timeframe in ("1h", "5m"):
        handler.ohlcv_store(BTC, timeframe, candles(50, timeframe), CandleType.FUTURES)
    handler.ohlcv_store(ETH, "1h", candles(50), CandleType.FUTURES)
    subject = Watch(config, Messages(), lambda: [{"method": "FlashCrashBreaker"}])
    if missing is None:
        subject.require_candles(pairs)
        return
    with pytest.raises(OperationalException, match=f"need 5m candles of {missing}, and there are"):
        subject.require_candles(pairs)


@pytest.mark.parametrize(("kind", "needed"), [(CandleType.MARK, False), (CandleType.FUTURES, True)])
def test_a_breaker_of_other_candles_needs_none_of_futures(
    default_futures_config, monkeypatch, kind, needed
):
    monkeypatch.setattr(CandleBreaker, "CANDLES", kind)
    given = {"timeframe_detail": "5m", "runmode": RunMode.BACKTEST, "enable_protections": True}
    config = {**default_futures_config, **given}
    subject = Watch(config, Messages(), lambda: [{"method": "FlashCrashBreaker"}])
    raises = pytest.raises(OperationalException) if needed else nullcontext()
    with raises:
        subject.require_candles([BTC])


def test_what_stands_beside_the_breakers_outlives_steps_and_is_lifted(
    scripted, default_futures_config
):
    subject, messages = watch(default_futures_config, RunMode.DRY_RUN)
    halt = Decision(Trading.HALTED, 0.0, reason="told so")
    subject.restrict("Latch", halt)
    subject.restrict("Other", Decision(Trading.REDUCING, 0.0, reason="another"))
    run(subject, range(3))
    assert subject.decision().trading is Trading.HALTED
    subject.restrict("Latch", Decision(Trading.REDUCING, 0.0, reason="less"))
    assert subject.decision().reason == "less; another"
    subject.lift("Latch", "by me")
    run(subject, range(3, 5))
    assert subject.decision().reason == "another"
    subject.lift("Latch", "by me")  # there is none any more
    subject.lift("Other", "by me")
    assert not subject.decision().entries_blocked
    assert messages == [
        "HALTED: Latch: told so. Open positions are being closed at the market, none is opened.",
        "REDUCING: Other: another. Exits and stops go on.",
        "REDUCING: Latch: less. Exits and stops go on.",
        "REDUCING: Latch has released: by me. Exits and stops go on.",
        "ACTIVE: Other has released: by me. Entries, exits and stops as usual.",
    ]


def test_only_what_breakers_see_on_the_market_moves_stops_closer(scripted, default_futures_config):
    subject, _ = watch(default_futures_config, RunMode.DRY_RUN)
    assert not subject.tightens(BTC, "long")
    subject.restrict("Latch", Decision(Trading.REDUCING, 0.0, reason="damaged"))
    run(subject, range(3))
    assert not subject.tightens(BTC, "long")
    scripted.extra = [Decision(Trading.REDUCING, 0.0, reason="why", pair=ETH, side="short")]
    run(subject, range(3, 4))
    assert subject.tightens(ETH, "short")
    assert not subject.tightens(ETH, "long")
    assert not subject.tightens(BTC, "short")
    scripted.extra = [Decision(Trading.HALTED, 0.0, reason="why")]
    run(subject, range(4, 5))
    assert not subject.tightens(BTC, "long")
