"""A stock Freqtrade that ends again and again: held back, and let go by `/unlock`."""

from __future__ import annotations

import json
import signal
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from freqtrade.exceptions import FreqtradeException
from freqtrade.rpc import RPC, RPCException

from perpkit.bot.live import crash_loop
from perpkit.bot.live.crash_loop import NAME, CrashLoop
from perpkit.breakers.breaker import Trading
from perpkit.record import runs
from perpkit.record.runs import End
from tests.bench.acts import MINUTE, STEP, hold, live_stops
from tests.bench.in_process import STRATEGIES, bench
from tests.bench.live import LIVE, SameVenue
from tests.bench.process import trading
from tests.bench.scripted_market import scripted_market
from tests.cases import SLOW

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
STILL = scripted_market(START, [(0, 50_000.0)])
PAIR = "BTC/USDT:USDT"
DRY_RUN = {"dry_run": True, "pairlists": [{"method": "StaticPairList"}]}


class Crash(Exception):  # noqa: N818 - it is one
    """Of the bot's process."""


class Host:
    """On which a bot with one database, at one venue, is started again and again.

    :param settings: of Freqtrade's configuration
    """

    def __init__(self, tmp_path, monkeypatch, **settings) -> None:
        self.venue = SameVenue()
        self.at = START
        self.path = tmp_path / "trades.runs.json"
        self._userdir = tmp_path
        self._monkeypatch = monkeypatch
        self._starts = count()
        database = {"db_url": f"sqlite:///{tmp_path}/trades.sqlite"}
        self._settings = {**LIVE, "force_entry_enable": True, **database, **settings}

    @contextmanager
    def start(self, **settings):
        """Another process, a minute later; it ends with the block: cleanly, or with its error."""
        self._monkeypatch.setattr(crash_loop, "_PROCESS", f"process {next(self._starts)}")
        given = {**self._settings, **settings}
        serve, folder = self.venue.serve, self._userdir
        with bench("GuardedSteered", STILL, self.at, serve=serve, userdir=folder, **given) as bot:
            try:
                yield bot
            finally:
                self.at = bot.now + MINUTE

    @contextmanager
    def killed(self, **settings):
        """As `start`, without a farewell."""
        with self._monkeypatch.context() as patch:
            patch.setattr(CrashLoop, "end", lambda *_: None)
            with self.start(**settings) as bot:
                yield bot

    def crash(self, how: str) -> None:
        """Start once, and end so."""
        if how == "killed":
            with self.killed() as bot:
                bot.run(1, STEP)
        elif how == "clean":
            with self.start() as bot:
                bot.run(1, STEP)
        else:
            error = KeyboardInterrupt() if how == "signal" else Crash("no field 'price'")
            with pytest.raises(type(error)):
                self._end_with(error)

    def _end_with(self, error: BaseException) -> None:
        with self.start() as bot:
            bot.run(1, STEP)
            raise error

    def ends(self) -> list[End | None]:
        return [run.ended for run in runs.read(self.path).runs]


@pytest.fixture
def host(tmp_path, monkeypatch) -> Host:
    return Host(tmp_path, monkeypatch)


def held(bot) -> bool:
    return bot.bot.strategy.watch.decision().trading is Trading.REDUCING


def standing(bot) -> list:
    now = datetime.now(UTC)
    return [
        lock
        for lock in bot.locks()
        if lock.active and lock.lock_end_time_utc > now and lock.reason.startswith(NAME)
    ]


def said(bot) -> list[str]:
    return [m["msg"] for m in bot.messages if NAME in m.get("msg", "")]


def wants_to_enter(host, bot) -> bool:
    """Whether it does, by a signal or by hand."""
    before = len(host.venue.account.orders)
    bot.bot.strategy.side = "long"
    bot.run(15, STEP)
    bot.bot.strategy.side = None
    return len(host.venue.account.orders) > before


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        (("killed", "error", "error"), "the last one with Crash: no field 'price'"),
        pytest.param(
            ("error", "error", "killed"), "the last one killed, or by a power cut", marks=SLOW
        ),
    ],
)
def test_after_three_crashes_nothing_is_entered_until_unlock(host, ends, words):
    for how in ends:
        host.crash(how)
    with host.start() as bot:
        assert held(bot)
        assert not wants_to_enter(host, bot)
        with pytest.raises(RPCException, match="Failed to enter"):
            RPC(bot.bot)._rpc_force_entry(PAIR, None, stake_amount=300)
        [message] = said(bot)
        assert message.startswith("REDUCING: Crash loop: the last 3 runs, begun since 10:00 UTC")
        assert words in message
        assert "/unlock" in message
        assert "operator ends its lock" not in message
        [lock] = standing(bot)
        assert words in lock.reason
        RPC(bot.bot)._rpc_delete_lock(lockid=lock.id)
        assert wants_to_enter(host, bot)
        [released] = said(bot)[1:]
        assert released.startswith("ACTIVE: Crash loop has released: its lock was ended.")
    host.crash("error")  # those before it are forgotten
    with host.start() as bot:
        assert not held(bot)
    assert len(host.ends()) == 3


@pytest.mark.parametrize(
    "ends",
    [
        ("error", "error"),
        ("error", "error", "clean"),
        pytest.param(("error", "signal", "error"), marks=SLOW),
        pytest.param(("clean", "clean", "clean"), marks=SLOW),
        pytest.param(("clean", "killed", "killed"), marks=SLOW),
    ],
)
def test_a_clean_stop_in_between_is_no_crash_loop(host, ends):
    for how in ends:
        host.crash(how)
    with host.start() as bot:
        assert not held(bot)
        assert wants_to_enter(host, bot)
    expected = {"error": End.ERROR, "clean": End.CLEAN, "signal": End.CLEAN, "killed": None}
    assert host.ends() == [*(expected[how] for how in ends), End.CLEAN]


def test_crashes_more_than_an_hour_apart_are_none(host):
    for _ in range(3):
        host.crash("killed")
        host.at += timedelta(minutes=25)
    with host.start() as bot:
        assert not held(bot)


def test_it_stands_over_restarts_whenever_they_are(host):
    for _ in range(3):
        host.crash("killed")
    for _ in range(3):
        host.crash("clean")
        host.at += timedelta(hours=2)
    host.path.unlink()  # the lock alone is enough
    with host.start() as bot:
        assert held(bot)
        assert not wants_to_enter(host, bot)
        [_] = standing(bot)


def test_of_a_database_in_memory_its_record_is_enough(tmp_path, monkeypatch):
    host = Host(tmp_path, monkeypatch, db_url="sqlite://", **DRY_RUN)
    host.path = tmp_path / "perpkit" / "memory.runs.json"
    for _ in range(3):
        host.crash("killed")
    with host.start() as bot:
        assert held(bot)
    host.at += timedelta(hours=2)
    with host.start() as bot:
        assert held(bot)
        [lock] = standing(bot)
        RPC(bot.bot)._rpc_delete_lock(lockid=lock.id)
        bot.run(1, STEP)
        assert not held(bot)
    with host.start() as bot:
        assert not held(bot)


def test_configurations_that_are_read_again_are_no_starts_and_no_ends(host):
    host.crash("killed")
    host.crash("killed")
    with host.killed() as bot:
        for _ in range(3):
            bot.run(1, STEP)
            bot.reload()
            bot.run(1, STEP)
            assert not held(bot)
    assert host.ends() == [None, None, None]
    with host.start() as bot:  # the third was one that was killed
        bot.run(1, STEP)
        assert held(bot)
        bot.reload()
        bot.run(1, STEP)
        assert held(bot)
        assert len(standing(bot)) == 1
    assert host.ends() == [None, None, None, End.CLEAN]


def test_positions_and_their_stops_are_looked_after(host):
    with host.killed() as bot:
        hold(bot, host.venue)
    for _ in range(2):
        host.crash("killed")
    with host.start() as bot:
        bot.run(2, STEP)
        assert held(bot)
        amount = host.venue.amount
        [stop] = live_stops(host.venue)
        assert stop.quantity == amount
        bot.run(12, STEP)
        assert host.venue.amount == amount
        bot.bot.strategy.leave = True
        bot.run(3, STEP)
        assert host.venue.amount == 0


@pytest.mark.parametrize("initial", ["running", "stopped"])
def test_a_damaged_record_is_said_and_needs_unlock_as_well(host, initial):
    host.path.write_text('{"runs": [')
    with host.start(initial_state=initial) as bot:
        assert held(bot)
        bot.run(2, STEP)
        [message] = said(bot)
        assert "trades.runs.json is damaged" in message
    with host.start() as bot:
        assert held(bot)
        [lock] = standing(bot)
        RPC(bot.bot)._rpc_delete_lock(lockid=lock.id)
        bot.run(1, STEP)
        assert not held(bot)
    with host.start() as bot:
        assert not held(bot)


def test_a_record_that_cannot_be_written_is_said_and_trading_goes_on(host, monkeypatch):
    def fails(*_):
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(runs, "write", fails)
        with host.start() as bot:
            assert not held(bot)
            assert wants_to_enter(host, bot)
    assert not host.path.exists()


def test_a_start_that_is_refused_is_no_run(host):
    for _ in range(3):
        with pytest.raises(FreqtradeException), host.start(perpkit={"account": "a b"}):
            pass
    with host.start() as bot:
        assert not held(bot)
    assert host.ends() == [End.CLEAN]


# Real processes


def ends_of(bot) -> list:
    content = json.loads((bot.userdir / "trades.runs.json").read_text())
    return [run["ended"] for run in content["runs"]]


def run_once(bot, how) -> list[str]:
    given = {"strategy_path": str(STRATEGIES), "max_open_trades": 1, "side": None}
    with trading(bot, "HealthSteered", **given) as process:
        process.wait_for("Bot heartbeat")
        process.end(how)
    return process.log


@SLOW
@pytest.mark.parametrize(
    "how", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=SLOW)], ids=lambda how: how.name
)
def test_processes_that_are_stopped_and_killed(bot, how):
    run_once(bot, how)
    run_once(bot, signal.SIGKILL)
    assert ends_of(bot) == ["clean", None]


@SLOW
def test_a_process_that_is_killed_three_times(bot):
    for _ in range(3):
        run_once(bot, signal.SIGKILL)
    log = run_once(bot, signal.SIGINT)
    assert any("REDUCING: Crash loop: the last 3 runs" in line for line in log)
    assert ends_of(bot) == [None, None, None, "clean"]
