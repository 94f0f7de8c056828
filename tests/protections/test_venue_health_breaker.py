"""The plugin puts calendar, probe and breaker together; each is tested where it lives."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from math import nan
from types import SimpleNamespace

import pytest
from freqtrade.enums import RunMode
from freqtrade.exceptions import ConfigurationError
from freqtrade.persistence import PairLocks, disable_database_use, enable_database_use
from freqtrade.resolvers import ProtectionResolver

from perpkit.bot.watching.protection import Watched
from perpkit.bot.watching.sources import Sources
from perpkit.bot.watching.watch import Watch
from perpkit.breakers.breaker import Trading
from perpkit.breakers.venue_health import VenueReading

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
WINDOW = {"from": "2026-03-02T14:00:00Z", "until": "2026-03-02T16:00:00Z"}


def breaker(config, **parameters):
    method = {"method": "VenueHealthBreaker", **parameters}
    return ProtectionResolver.load_protection("VenueHealthBreaker", config, Watched(method))


@pytest.fixture
def calendar(default_futures_config):
    path = default_futures_config["user_data_dir"] / "maintenance.json"
    path.write_text(json.dumps([WINDOW]))
    return path


class Probe:
    """Gives the readings it is told to."""

    def __init__(self) -> None:
        self.failure = ""

    def poll(self, now, pairs):
        return VenueReading(now, self.failure, nan if self.failure else 0.1)


@pytest.fixture
def running(default_futures_config, calendar, monkeypatch):
    """The breaker in a running bot; its probe and what it sends."""
    probe, sent = Probe(), []
    subject = breaker(default_futures_config, maintenance_file="maintenance.json")
    monkeypatch.setattr(subject, "_probe", probe)
    dp = SimpleNamespace(send_msg=lambda text, **_: sent.append(text))
    sources = Sources(default_futures_config, None, dp, ["BTC/USDT:USDT"])
    return SimpleNamespace(
        decide=lambda now: subject.evaluate(sources, now)[0], probe=probe, sent=sent
    )


def test_readings_decide(running):
    running.probe.failure = "RequestTimeout"
    states = [running.decide(NOON + n * MINUTE).trading for n in range(3)]
    running.probe.failure = ""
    states += [running.decide(NOON + n * MINUTE).trading for n in range(3, 8)]
    assert "".join(state[0] for state in states) == "aarrrraa"


def test_readings_count_after_our_clock_was_set_back(running):
    running.decide(NOON)
    running.probe.failure = "RequestTimeout"
    back = [running.decide(NOON - HOUR + n * MINUTE).entries_blocked for n in range(3)]
    assert back == [False, False, True]


def test_after_a_maintenance_it_waits_for_good_readings(running):
    before = [running.decide(NOON + m * MINUTE) for m in (0, 59, 60, 119)]
    assert [d.entries_blocked for d in before] == [False, False, True, True]
    inside = running.decide(NOON + 3 * HOUR)
    assert inside.reason.startswith("maintenance from 2026-03-02 14:00 to 2026-03-02 16:00 UTC")
    after = [running.decide(NOON + 4 * HOUR + m * MINUTE) for m in range(5)]
    assert [d.entries_blocked for d in after] == [True, True, True, False, False]
    assert "in maintenance: no new entries until 4 good reads" in after[0].reason


def test_a_calendar_that_breaks_is_told_once(running, calendar, caplog):
    running.decide(NOON)
    calendar.write_text("[")
    for minute in range(3):
        running.decide(NOON + minute * MINUTE)
    assert len(running.sent) == 1
    assert running.sent[0].startswith("VenueHealthBreaker: the maintenance calendar cannot be read")
    [logged] = [r.message for r in caplog.records if "not JSON" in r.message]
    assert logged.startswith(str(calendar))
    assert running.decide(NOON + 2 * HOUR).entries_blocked


class TestInABacktest:
    @pytest.fixture
    def locks(self):
        disable_database_use("1h")
        PairLocks.reset_locks()
        yield PairLocks
        PairLocks.reset_locks()
        enable_database_use()

    def run(self, config, **parameters):
        config = {**config, "runmode": RunMode.BACKTEST, "enable_protections": True}
        dp = SimpleNamespace(current_whitelist=lambda: ["BTC/USDT:USDT"])
        watch = Watch(config, dp, lambda: [{"method": "VenueHealthBreaker", **parameters}])
        states = {}
        for hour in range(8):
            watch.step(NOON + hour * HOUR)
            states[hour] = watch.decision().trading
        return [hour for hour, state in states.items() if state is not Trading.ACTIVE]

    def test_there_is_nothing_to_observe(self, default_futures_config, locks):
        assert self.run(default_futures_config) == []
        assert locks.locks == []

    def test_the_calendar_holds(self, default_futures_config, locks, calendar):
        assert self.run(default_futures_config, maintenance_file=str(calendar)) == [1, 2, 3]
        [lock] = locks.locks
        assert (lock.lock_time, lock.lock_end_time) == (NOON + HOUR, NOON + 4 * HOUR)
        assert lock.reason.startswith("VenueHealthBreaker reducing: maintenance from 2026-03-02")

    def test_and_flattens_if_so_wished(self, default_futures_config, locks, calendar):
        parameters = {"maintenance_file": str(calendar), "flat_before_minutes": 10}
        assert self.run(default_futures_config, **parameters) == [1, 2, 3]
        assert [lock.reason.split(":")[0] for lock in locks.locks] == [
            "VenueHealthBreaker reducing",
            "VenueHealthBreaker halted",
        ]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"confirm_reads": 0}, "confirm_reads must be"),
        ({"flat_before_minutes": 90}, "flat_before_minutes must be a number from 0 to 60, got 90"),
        ({"timeout": 3}, "unknown parameter 'timeout'. Allowed: ahead_s, behind_s"),
        ({"maintenance_file": "gone.json"}, "user_data/gone.json: No such file"),
        ({"maintenance_file": 3}, "maintenance_file must be a path, got 3"),
    ],
)
def test_a_bad_parameter_is_named(default_futures_config, parameters, message):
    with pytest.raises(ConfigurationError, match="VenueHealthBreaker: ") as error:
        breaker(default_futures_config, **parameters)
    assert message in str(error.value)


def test_a_bad_calendar_is_named(default_futures_config, calendar):
    calendar.write_text(json.dumps([WINDOW, {**WINDOW, "until": "2026-03-02T13:00:00Z"}]))
    with pytest.raises(ConfigurationError) as error:
        breaker(default_futures_config, maintenance_file="maintenance.json")
    assert str(error.value) == (
        f"VenueHealthBreaker: maintenance_file: {calendar}: entry 2: until must be after from "
        "(2026-03-02T14:00:00Z), got 2026-03-02T13:00:00Z"
    )


def test_it_introduces_itself(default_futures_config, calendar):
    assert breaker(default_futures_config, maintenance_file="maintenance.json").short_desc() == (
        "VenueHealthBreaker - No entries after 3 failed or stale reads in a row (one every 30 s), "
        "until 4 good ones; 1 maintenance windows."
    )
