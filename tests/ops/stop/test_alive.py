"""Whether a bot is alive, hangs, or is dead."""

from __future__ import annotations

import signal
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from filelock import FileLock

from perpkit.ops.stop import alive as module
from perpkit.ops.stop.alive import BotStanding, cycle_before, held, look
from perpkit.ops.stop.ending import is_stopped
from perpkit.ops.stop.rest import BotRest
from perpkit.record.bot_lock import is_held
from perpkit.record.state_file import write
from tests.bench.freqtrade_like import freqtrade_like
from tests.bench.states import least
from tests.ops.stop.conftest import PASSWORD, USER


@pytest.fixture
def soon(monkeypatch):
    monkeypatch.setattr(module, "_CYCLE_SECONDS", 0.3)
    return {"internals": {"process_throttle_secs": 0}}


def ask(bot, rest=None, since=None):
    said: list[str] = []
    found = look(bot, rest, since or datetime.now(UTC), said.append)
    return found, said


def test_without_a_process_a_lock_or_an_answer_it_is_dead(bot, api, database):
    rest = BotRest("http://127.0.0.1:1", USER, PASSWORD)
    for given in (None, rest):
        found, said = ask(bot(), given)
        assert (found.standing, found.rest, found.processes, said) == (
            BotStanding.DEAD,
            None,
            (),
            [],
        )
    assert "no answer" in found.why
    assert not bot().places.lock.exists()  # looked at, not made


def test_one_that_answers_is_alive_and_is_steered(bot, api, database, tmp_path):
    own = bot()
    rest = BotRest(api.url, USER, PASSWORD)
    with freqtrade_like(tmp_path, lock=own.places.lock) as process:
        found, _ = ask(own, rest)
    assert (found.standing, found.rest) == (BotStanding.ALIVE, rest)
    assert [p.pid for p in found.processes] == [process.pid]


def test_one_that_is_stopped_hangs_and_nothing_is_waited_for(bot, database, tmp_path):
    own = bot()
    with freqtrade_like(tmp_path, lock=own.places.lock) as process:
        process.send_signal(signal.SIGSTOP)
        [running] = module.bot_processes([own.places.lock])
        while not is_stopped(running):
            pass
        began = time.monotonic()
        found, said = ask(own, BotRest("http://10.255.255.1:1", USER, PASSWORD))
    assert (found.standing, said) == (BotStanding.HUNG, [])
    assert "is stopped (SIGSTOP)" in found.why
    assert time.monotonic() - began < 2


def test_one_that_runs_and_does_not_answer_hangs(bot, database, tmp_path):
    own = bot()
    with freqtrade_like(tmp_path, lock=own.places.lock) as process:
        found, said = ask(own, BotRest("http://127.0.0.1:1", USER, PASSWORD))
    assert (found.standing, [p.pid for p in found.processes]) == (BotStanding.HUNG, [process.pid])
    assert said == []


def test_a_stock_bot_is_found_by_its_database(bot, database, tmp_path):
    """It has neither a lock nor a state file."""
    own = bot()
    with freqtrade_like(tmp_path, tmp_path / "trades.sqlite") as process:
        found, _ = ask(own, BotRest("http://127.0.0.1:1", USER, PASSWORD))
    assert (found.standing, [p.pid for p in found.processes]) == (BotStanding.HUNG, [process.pid])


@pytest.mark.parametrize("problem", ["no API", "another bot answers", "the password is wrong"])
def test_one_that_cannot_be_asked_shows_by_a_cycle(bot, api, database, tmp_path, soon, problem):
    own = bot(**soon)
    rest = None if problem == "no API" else BotRest(api.url, USER, PASSWORD)
    wrong = {"detail": "Unauthorized"} if "password" in problem else {"bot_startup_ts": 1}
    api.answers["health"] = wrong
    with freqtrade_like(tmp_path, lock=own.places.lock):
        since = datetime.now(UTC)
        write(own.places.state, least(written_at=since - timedelta(seconds=1)))
        found, said = ask(own, rest, since)
        assert (found.standing, found.rest, len(found.processes)) == (BotStanding.HUNG, None, 1)
        assert len(said) == 1

        later = least(written_at=since + timedelta(seconds=1))
        cycle = threading.Timer(0.1, write, (own.places.state, later))
        cycle.start()
        found, _ = ask(own, rest, since)
        cycle.join()
        assert (found.standing, found.rest) == (BotStanding.ALIVE, None)


def test_one_of_another_container_is_seen_by_its_lock_only(bot, database, tmp_path, soon):
    own = bot(**soon)
    with freqtrade_like(tmp_path, lock=own.places.lock, name="renamed"):
        found, _ = ask(own)
    assert (found.standing, found.processes) == (BotStanding.HUNG, ())


def test_in_a_preview_a_cycle_a_few_ago_is_a_cycle(bot):
    own, now = bot(), datetime.now(UTC)
    assert cycle_before(own) >= now
    write(own.places.state, least(written_at=now))
    assert now - timedelta(seconds=46) < cycle_before(own) < now - timedelta(seconds=44)


def test_a_lock_is_looked_at_and_held(tmp_path):
    lock = tmp_path / "x.lock"
    assert not is_held(lock, unknown=False)
    assert not is_held(None, unknown=False)
    with held(lock, make=True) as free:
        assert free
        with FileLock(tmp_path / "y.lock"), held(tmp_path / "y.lock") as other:
            assert not other
    with FileLock(lock):
        assert is_held(lock, unknown=False)
    assert not is_held(lock, unknown=False)


def test_where_no_lock_can_be_made_there_is_none(tmp_path):
    with held(tmp_path / "absent" / "x.lock", make=True) as free:
        assert free
