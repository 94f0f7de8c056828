"""VenueHealthBreaker in running bots: what it blocks, when it lets go; no exit waits for it.

In-process and live on the virtual clock, and a dry-run process over the loopback.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from time import monotonic
from urllib.request import Request, urlopen

import pytest

from perpkit.bot.watching import beside
from perpkit.breakers.breaker import Trading
from perpkit.venue.faults.faults import FaultKind
from perpkit.venue.http.server import running_venue
from perpkit.venue.market.clock import SystemClock
from perpkit.venue.market.market import Market
from tests.bench.acts import COARSE, add_fault, hold, remove_fault, strategy_messages
from tests.bench.in_process import STRATEGIES
from tests.bench.live import differences, live_bench
from tests.bench.process import trading
from tests.bench.scripted_market import scripted_market
from tests.cases import SLOW

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
STEP = timedelta(seconds=5)
MINUTE = timedelta(minutes=1)
STILL = scripted_market(START, [(0, 50_000.0)])
TIME = "/fapi/v1/time"
SHORT = 0.5  # of real time, which time-outs take here


@pytest.fixture
def venue_url(present):
    """A venue for each test: at one of many the breaker sees the weight that others have used."""
    with running_venue(Market(present, SystemClock(), 2)) as url:
        yield url


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Answers take real time and the loops of the bench none: wait for each in its own loop."""
    monkeypatch.setattr(beside, "PATIENCE_S", 2)


def health_bench(parameters=None, market=STILL, **settings):
    return live_bench("HealthSteered", market, START, venue_health=parameters or {}, **settings)


def trading_state(bot) -> Trading:
    return bot.bot.strategy.watch.decision().trading


def reason(bot) -> str:
    return bot.bot.strategy.watch.decision().reason


def until(bot, state: Trading, within=timedelta(minutes=10)) -> None:
    bot.run_until(lambda: trading_state(bot) is state, within, STEP)


def none_opened_before_now(bot) -> bool:
    """No second trade while entries were blocked; the loop that released may open it."""
    return all(bot.now - trade.open_date_utc <= 2 * STEP for trade in bot.trades()[1:])


def told(bot) -> list[str]:
    return [message.split(".")[0] for message in strategy_messages(bot)]


def test_a_healthy_venue_is_not_mentioned():
    with health_bench() as (bot, venue):
        hold(bot, venue)
        bot.run(15, COARSE)
        assert trading_state(bot) is Trading.ACTIVE
        assert (told(bot), bot.locks()) == ([], [])


def test_an_outage_with_an_open_position():
    with health_bench(max_open_trades=2) as (bot, venue):
        hold(bot, venue)
        began = bot.now
        outage = add_fault(venue, FaultKind.RESET)
        until(bot, Trading.REDUCING)
        assert bot.now - began >= MINUTE  # three readings
        assert reason(bot).startswith(
            "3 bad reads in a row, the last: a request failed (NetworkError)"
        )
        # the position and its stop are where they were
        assert venue.amount > 0
        assert len(venue.exchange.engine.open_algos(venue.account)) == 1
        [lock] = bot.locks()
        assert lock.reason.startswith("VenueHealthBreaker reducing: 3 bad reads")

        remove_fault(venue, outage)
        ended = bot.now
        bot.run(1, STEP)
        assert trading_state(bot) is Trading.REDUCING
        bot.bot.strategy.leave = True
        bot.run_until(lambda: not bot.trades()[0].is_open, MINUTE, STEP)
        assert trading_state(bot) is Trading.REDUCING
        assert venue.amount == 0
        bot.bot.strategy.side, bot.bot.strategy.leave = "short", False
        until(bot, Trading.ACTIVE)
        assert bot.now - ended >= 90 * timedelta(seconds=1)  # four readings, three intervals
        assert none_opened_before_now(bot)
        bot.run_until(lambda: venue.amount < 0, 3 * MINUTE, STEP)
        assert [message.split(":")[0] for message in told(bot)] == ["REDUCING", "ACTIVE"]
        bot.run(3, STEP)
        assert differences(bot.trades(), venue) == []


@pytest.mark.parametrize(
    ("kind", "given", "state", "words"),
    [
        (FaultKind.CLOCK_SKEW, {"ms": -1500}, Trading.REDUCING, "ahead of the exchange's"),
        (FaultKind.CLOCK_SKEW, {"ms": 6000}, Trading.REDUCING, "behind the exchange's"),
        (FaultKind.CLOCK_SKEW, {"ms": 2000}, Trading.ACTIVE, "behind the exchange's: 50%"),
        (FaultKind.STALE_BOOK, {}, Trading.REDUCING, "the last: the order book is"),
        (FaultKind.MALFORMED, {}, Trading.REDUCING, r"a request failed \(BadResponse\)"),
        # Which of the two notices first depends on the machine.
        (FaultKind.TIMEOUT, {}, Trading.REDUCING, r"\(RequestTimeout\)|no answer within"),
        (FaultKind.MAINTENANCE, {}, Trading.REDUCING, r"a request failed \(OnMaintenance\)"),
        (FaultKind.RATE_LIMITED, {"retry_after_s": 45}, Trading.REDUCING, "too many requests"),
        (FaultKind.LATENCY, {"ms": 300}, Trading.ACTIVE, "answers take 0."),
    ],
)  # fmt: skip
def test_each_trouble_ends_in_its_state_and_in_recovery(kind, given, state, words):
    # Of real time, and a busy machine is slow by itself.
    timeout = SHORT if kind is FaultKind.TIMEOUT else 30
    slow = 0.25 if kind is FaultKind.LATENCY else timeout
    parameters = {"timeout_s": timeout, "slow_s": slow}
    where = {} if kind in (FaultKind.CLOCK_SKEW, FaultKind.STALE_BOOK) else {"endpoint": TIME}
    with health_bench(parameters) as (bot, venue):
        bot.run(1, STEP)
        fault = add_fault(venue, kind, since=venue.exchange.market.now(), parameters=given, **where)
        restricted = bot.bot.strategy.watch
        bot.run_until(lambda: restricted.decision().restricts, 5 * MINUTE, STEP)
        assert trading_state(bot) is state
        assert re.search(words, reason(bot))
        remove_fault(venue, fault)
        bot.run_until(lambda: not restricted.decision().restricts, 5 * MINUTE, STEP)
        assert len(told(bot)) == 2


def test_pressure_on_the_rate_limit():
    # Without the stop guard, which asks for as much again every minute.
    alone = {"use": {"guard": False, "refresh": False}}
    with health_bench({"weight_limit": 60}, perpkit=alone) as (bot, _):
        # start-up alone uses more; a minute later it is forgotten
        until(bot, Trading.REDUCING, MINUTE)
        assert "of 60 request weight used within a minute" in reason(bot)
        until(bot, Trading.ACTIVE)
        assert bot.now - START > 2 * MINUTE


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(None, marks=SLOW),
        FaultKind.RESET,
        pytest.param(FaultKind.CLOCK_SKEW, marks=SLOW),
        pytest.param(FaultKind.TIMEOUT, marks=SLOW),
    ],
)
def test_no_exit_waits_for_the_breaker(kind):
    """The same exit at the same second, with and without."""
    state = Trading.ACTIVE if kind is None else Trading.REDUCING

    def left_at(parameters) -> tuple[datetime, str]:
        with live_bench("HealthSteered", STILL, START, venue_health=parameters) as (bot, venue):
            hold(bot, venue)
            if kind is not None:
                since = venue.exchange.market.now()
                stop = since + 150_000
                given = {FaultKind.CLOCK_SKEW: {"parameters": {"ms": 6000}}}
                given[FaultKind.TIMEOUT] = {"endpoint": TIME}
                add_fault(venue, kind, since=since, until=stop, **given.get(kind, {}))
            bot.run_until(lambda: bot.now > START + 3 * MINUTE, 5 * MINUTE, STEP)
            if parameters is not None:
                assert trading_state(bot) is state
            bot.bot.strategy.leave = True
            bot.run_until(lambda: not bot.trades()[0].is_open, 10 * MINUTE, STEP)
            return bot.trades()[0].close_date, bot.trades()[0].exit_reason

    with_breaker = left_at(
        {"timeout_s": SHORT, "slow_s": SHORT} if kind is FaultKind.TIMEOUT else {}
    )
    assert with_breaker == left_at(None)


def test_an_exchange_that_hangs_holds_no_loop_up(monkeypatch):
    monkeypatch.setattr(beside, "PATIENCE_S", 0.05)
    with health_bench({"timeout_s": 20}) as (bot, venue):
        bot.run(2, STEP)
        fault = add_fault(venue, FaultKind.TIMEOUT, endpoint=TIME)
        began = monotonic()
        bot.run(8, STEP)
        assert monotonic() - began < 4 * 20  # eight loops, and not one answer
        remove_fault(venue, fault)


def test_a_maintenance_with_a_way_out(tmp_path):
    """No entries before it, flat shortly before it, back after four good readings."""
    start, end = (START + minutes * MINUTE for minutes in (20, 25))
    window = {"from": start.isoformat(), "until": end.isoformat(), "note": "futures upgrade"}
    (tmp_path / "maintenance.json").write_text(json.dumps([window]))
    parameters = {
        "maintenance_file": "maintenance.json",
        "no_entries_before_minutes": 15,
        "flat_before_minutes": 10,
    }
    with health_bench(parameters, userdir=tmp_path) as (bot, venue):
        hold(bot, venue)
        bot.run_until(lambda: bot.now > START + 4 * MINUTE, 5 * MINUTE, COARSE)
        assert trading_state(bot) is Trading.ACTIVE
        until(bot, Trading.REDUCING, within=2 * MINUTE)
        assert timedelta(0) <= bot.now - (START + 5 * MINUTE) <= 2 * STEP
        assert "(futures upgrade): no new entries" in reason(bot)
        bot.run_until(lambda: trading_state(bot) is Trading.HALTED, 15 * MINUTE, MINUTE)
        assert timedelta(0) <= bot.now - (START + 10 * MINUTE) <= 2 * MINUTE
        bot.bot.strategy.side = "long"
        bot.run_until(lambda: not venue.amount, 5 * MINUTE, STEP)
        assert bot.now < start
        add_fault(
            venue,
            FaultKind.MAINTENANCE,
            since=int(start.timestamp() * 1000),
            until=int(end.timestamp() * 1000),
        )
        bot.run_until(lambda: trading_state(bot) is Trading.REDUCING, 20 * MINUTE, COARSE)
        assert end <= bot.now < end + MINUTE
        until(bot, Trading.ACTIVE)
        assert bot.now >= end + timedelta(seconds=90)
        assert none_opened_before_now(bot)
        bot.run_until(lambda: venue.amount, 3 * MINUTE, STEP)


def test_a_window_in_a_backtest(bot):
    window = {"from": "2025-02-01T06:00:00Z", "until": "2025-02-01T08:00:00Z"}
    (bot.userdir / "maintenance.json").write_text(json.dumps([window]))
    stats = bot.backtest(
        "HealthSteered",
        "--enable-protections",
        f"--strategy-path={STRATEGIES}",
        "--timerange=20250201-20250202",
        timeframe="5m",
        side="long",
        venue_health={"maintenance_file": "maintenance.json"},
    )
    [lock] = stats["locks"]
    assert lock["lock_time"].startswith("2025-02-01 05:00:00")
    assert lock["lock_end_time"].startswith("2025-02-01 08:00:00")
    assert lock["reason"].startswith("VenueHealthBreaker reducing: maintenance from 2025-02-01")


def control(url, method, path, body=None):
    headers = {"Content-Type": "application/json"}
    request = Request(f"{url}/control/{path}", json.dumps(body).encode(), headers, method=method)
    with urlopen(request, timeout=10) as answer:
        return json.load(answer)


@SLOW
def test_a_dry_run_process_blocks_and_recovers(bot, venue_url):
    settings = {"venue_health": {"interval_s": 3, "timeout_s": 3, "good_reads": 2}}
    with trading(bot, "HealthSteered", strategy_path=str(STRATEGIES), **settings) as process:
        process.wait_for("Bot heartbeat")
        process.wait_for("Bot heartbeat")
        assert "REDUCING" not in "".join(process.log)
        fault = control(venue_url, "POST", "faults", {"kind": "server_error", "endpoint": TIME})
        try:
            line = process.wait_for("REDUCING: VenueHealthBreaker", 60)
        finally:
            control(venue_url, "DELETE", f"faults/{fault['id']}")
        assert "3 bad reads in a row, the last: a request failed (OperationFailed): no new" in line
        process.wait_for("ACTIVE: VenueHealthBreaker has released", 60)
        log = "".join(process.log)  # before an interrupt, which may hit anything
        assert process.end() in (0, 130)
    assert "Traceback" not in log
