"""A few virtual hours of endurance, and what it must be able to tell. See docs/soak.md."""

from __future__ import annotations

import gc
import json
import logging
import os
import random
import re
import signal
import sqlite3
import weakref
from collections import Counter
from contextlib import closing, suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import ccxt
import pandas as pd
import pytest
from freqtrade.exceptions import StrategyError
from freqtrade.exchange.common import API_FETCH_ORDER_RETRY_COUNT, calculate_backoff
from freqtrade.persistence import Trade
from freqtrade.strategy import IStrategy
from freqtrade.strategy.strategy_wrapper import strategy_safe_wrapper
from sqlalchemy.exc import PendingRollbackError

from perpkit.bot.positions.running_account import RunningAccount
from perpkit.bot.positions.trades import TradeKey
from perpkit.venue.exchange.invariants import Breach, Invariant
from perpkit.venue.faults.faults import Fault, FaultKind
from tests.bench.in_process import InProcessBot
from tests.cases import SLOW
from tests.conftest import REPOSITORY
from tests.endurance import __main__ as endurance
from tests.endurance.__main__ import main
from tests.endurance.excuses import is_excused, with_wait
from tests.endurance.flatness import slope
from tests.endurance.log_watch import listening
from tests.endurance.plan import START, Plan, disturbs
from tests.endurance.report import as_json, growing, table, troubles, unproven
from tests.endurance.run import Asked, Run, run, unexplained
from tests.endurance.samples import Meter, Sample, own_objects, size_of, size_of_sqlite

SAMPLE = Sample(0.0, 0, 400.0, 20, 2, 1700, 0, 0, 90_000, 45_000, 0, 5_000, 10_000, 20.0, 2.0)


def sampled(**a_day: float) -> Run:
    """Ten days of samples, some of whose figures gain so much a day."""
    dice, found = random.Random(1), Run(Asked())
    for half in range(21):
        gains = {name: getattr(SAMPLE, name) + gain * half / 2 for name, gain in a_day.items()}
        noise = dice.gauss(0, 0.3)
        sample = replace(SAMPLE, day=half / 2, rss_mb=SAMPLE.rss_mb + noise)
        found.samples.append(replace(sample, **gains))
    return found


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([5.0] * 12, 0.0),
        ([9.0, 7.0, 6.0, *[5.0] * 12], 0.0),  # what settles does not count
        ([float(n) for n in range(12)], 1.0),
        ([*[float(n) for n in range(11)], 900.0], 1.0),  # nor does one that is out of line
    ],
)
def test_the_slope_of_what_has_settled(values, expected):
    found = slope(range(len(values)), values, 0.5)
    assert found.a_day == pytest.approx(expected)
    assert found.flat is (expected <= 0.5)


def test_few_samples_say_nothing():
    assert slope(range(6), [1.0] * 6, 0.0) is None


@pytest.mark.parametrize(
    ("gains", "what"),
    [
        ({}, []),
        ({"rss_mb": 5.0}, ["memory, MB"]),
        ({"files": 1.0, "threads": 1.0}, ["open files", "threads"]),
        ({"objects": 20.0}, ["objects of Perpkit"]),
        # A database grows with its trades.
        ({"database": 500_000.0, "log": 2e6}, []),
    ],
)
def test_what_grows_is_named(gains, what):
    found = growing(sampled(**gains))
    assert [line.partition(" grows by ")[0] for line in found] == what


def test_what_grows_faster_and_faster_is_named():
    found = sampled()
    found.samples = [replace(each, journal=int(1000 * each.day**3)) for each in found.samples]
    assert [line.partition(" grows")[0] for line in growing(found)] == ["journal, kB a day"]


def test_a_run_that_shows_nothing_does_not_pass():
    good = replace(sampled(trades=2), compared=5, flat=True, judged=True)
    assert troubles(good) == []
    assert troubles(replace(good, compared=0)) == [
        "positions were never compared: no minute was quiet"
    ]
    assert troubles(replace(good, samples=sampled().samples)) == ["no trade was made"]
    broke = [replace(each, trades=min(each.trades, 10)) for each in good.samples]
    assert troubles(replace(good, samples=broke)) == [
        "no trade was made after day 6: nothing grows where nothing happens"
    ]
    slow = [replace(each, trades=each.trades // 5) for each in good.samples]
    assert troubles(replace(good, samples=slow)) == []
    assert troubles(replace(good, judged=False)) == [
        "the run has not come to its end: its books were not compared"
    ]
    short = replace(good, samples=good.samples[:4])
    found = unproven(short)
    assert len(found) == len(as_json(short)["slopes"])
    assert "memory, MB: too few samples to say whether it grows" in found
    assert as_json(short)["troubles"] == found


def test_what_is_not_yet_in_a_database_s_file_is_measured(tmp_path):
    path = tmp_path / "a.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE a (b TEXT)")
        before = size_of_sqlite(path)
        connection.execute("INSERT INTO a VALUES (?)", ("x" * 100_000,))
        assert size_of_sqlite(path) >= before + 100_000 > size_of(path)
    assert size_of_sqlite(None) == 0


def test_objects_are_counted_beside_what_other_tests_have_left():
    gone = Run(Asked(days=1))
    left = weakref.proxy(gone), RunningAccount.__new__(RunningAccount)
    del gone
    kept = [TradeKey(number, START) for number in range(7)]
    gc.collect()  # what other tests have left in cycles must not go between the two counts
    before = own_objects()
    kept.clear()
    name = f"{TradeKey.__module__}.{TradeKey.__qualname__}"
    assert before[name] - own_objects()[name] == 7
    assert left


def test_only_what_nothing_expects_is_unhandled():
    logger = logging.getLogger("freqtrade.somewhere")
    with listening() as log:
        for error in (ccxt.NetworkError("down"), KeyError("missing")):
            try:
                raise error
            except Exception:
                logger.exception("The answer 12 failed")
        logger.info("The answer 13 failed")
    assert log.unhandled == Counter({"freqtrade.somewhere: KeyError: The answer # failed": 1})
    assert log.words["freqtrade.somewhere: The answer # failed"] == 3


def populate(*_: Any) -> None:
    raise ValueError("Length of values (12) does not match")


@pytest.mark.parametrize("answer", [None, 1.0])
def test_an_error_that_freqtrade_makes_a_warning_is_unhandled(answer):
    """As of `populate_entry_trend`, and of a callback that has a default answer."""
    with listening() as log, suppress(StrategyError):
        strategy_safe_wrapper(populate, default_retval=answer)()
    [(words, count)] = log.unhandled.items()
    assert words.startswith("freqtrade.strategy.strategy_wrapper: Strategy caused")
    assert count == 1


def test_candles_that_could_not_be_analysed_are_unhandled():
    def analyze(*_: Any) -> None:
        raise StrategyError("Dataframe returned from strategy has mismatching length.")

    candles = pd.DataFrame({"close": [1.0]})
    strategy: Any = SimpleNamespace(
        dp=SimpleNamespace(ohlcv=lambda *_, **__: candles),
        timeframe="5m",
        config={},
        _analyze_ticker_internal=analyze,
    )
    with listening() as log:
        IStrategy.analyze_pair(strategy, "BTC/USDT:USDT")
    [words] = log.unhandled
    assert "mismatching length" in words


@pytest.mark.parametrize(
    ("held", "filled_at", "differs"),
    [
        ("0.1", None, False),
        ("0.05", None, True),
        ("0.05", 999, True),
        # A target or a stop that has filled since the cycle began, which the next one sees.
        ("0.05", 1000, False),
        ("0", 1000, False),
    ],
)
def test_a_trade_with_a_stop_is_compared_with_its_position(held, filled_at, differs):
    view = SimpleNamespace(symbol="BTCUSDT", amount=Decimal(held), entry_price=Decimal(50_000))
    fills = [SimpleNamespace(symbol="BTCUSDT", time=filled_at)] if filled_at else []
    other = SimpleNamespace(symbol="ETHUSDT", time=2000)
    venue: Any = SimpleNamespace(
        account=SimpleNamespace(fills=[other, *fills]),
        exchange=SimpleNamespace(engine=SimpleNamespace(positions=lambda _: [view])),
    )
    stop = SimpleNamespace(ft_is_open=True, ft_order_side="stoploss")
    trade: Any = SimpleNamespace(
        is_open=True,
        pair="BTC/USDT:USDT",
        amount=0.1,
        is_short=False,
        open_rate=50_000.0,
        entry_side="buy",
        orders=[stop],
    )
    assert bool(unexplained([trade], venue, since=1000)) is differs


@pytest.mark.parametrize(
    ("invariant", "at", "excused"),
    [
        (Invariant.SINGLE_STOP, 99, False),  # requests fail from 100 to 200
        (Invariant.SINGLE_STOP, 100, True),
        (Invariant.SINGLE_STOP, 214, True),
        (Invariant.SINGLE_STOP, 215, False),
        (Invariant.CONSERVED, 150, False),
    ],
)
def test_what_failing_requests_excuse(invariant, at, excused):
    faults = [
        Fault(FaultKind.TIMEOUT, since=100, until=200),
        Fault(FaultKind.STALE_BOOK, symbol="BTCUSDT", since=0, until=900),
    ]
    breach = Breach(invariant, "key", "BTCUSDT", at, "")
    assert is_excused(breach, faults, 0, 15) is excused


@pytest.mark.parametrize(
    ("kind", "until"), [(FaultKind.TIMEOUT, 17_200), (FaultKind.STALE_BOOK, 200)]
)
def test_a_fault_of_requests_lasts_until_freqtrade_asks_again(kind, until):
    longest = calculate_backoff(1, API_FETCH_ORDER_RETRY_COUNT)
    assert with_wait(Fault(FaultKind.RESET, since=0, until=1)).until == 1 + 1000 * longest
    assert with_wait(Fault(kind, since=100, until=200)).until == until


@pytest.mark.parametrize(("longest", "excused"), [(0, True), (15, True), (16, False)])
def test_of_a_bare_position_the_stopwatch_judges(longest, excused):
    breach = Breach(Invariant.PROTECTED, "key", "BTCUSDT", 150, "")
    assert is_excused(breach, [], longest, 15) is excused


def test_the_bound_of_make_endurance_leaves_enough_to_judge():
    """At twice the measured cost of a cycle, and more: 80 ms at 5 s, 400 ms at 60 s."""
    text = (REPOSITORY / "Makefile").read_text()
    minutes = int(re.search(r"^ENDURED \?= (\d+)$", text, re.MULTILINE)[1])
    lines = [line for line in text.splitlines() if "-m tests.endurance" in line]
    costs = {5: 0.08, 60: 0.4}
    for line in lines:
        given = dict(re.findall(r"--(\w+) (\d+)", line))
        throttle, hours = int(given["throttle"]), int(given["sampled"])
        days = min(int(given["days"]), minutes * 60 / costs.pop(throttle) * throttle / 86_400)
        halves = sampled().samples
        taken = [replace(halves[0], day=n * hours / 24) for n in range(int(days * 24 / hours) + 2)]
        found = replace(sampled(trades=2), compared=5, samples=taken)
        assert [each for each in unproven(found) if "too few" in each] == [], line
    assert not costs


def test_faults_of_every_kind_come_and_settings_are_set_back():
    plan = Plan(seed=1, days=10)
    faults = [fault for window in range(20) for fault in plan.faults(window)]
    assert {fault.kind for fault in faults} == set(FaultKind)
    assert plan.faults(3) == Plan(seed=1, days=30).faults(3)
    apart = [fault for fault in faults if fault.parameters.get("mark_share", 1.0) != 1.0]
    assert len(apart) > 3
    assert {fault.number("recovery") for fault in apart} == {1.0}
    changed = [f for f in faults if f.kind is FaultKind.SETTINGS_CHANGED]
    wide = [f for f in changed if {"hedge", "multi_assets"} & {*f.parameters}]
    assert len(wide) % 2 == 0
    assert {value for f in wide for value in f.parameters.values()} == {"yes", "no"}
    assert not any(disturbs(fault) for fault in changed)


def struck_by(monkeypatch: pytest.MonkeyPatch, *faults: Fault) -> None:
    """A run has these in its first half day, and no others."""

    def given(_: Plan, window: int) -> list[Fault]:
        return [] if window else [*faults]

    monkeypatch.setattr(Plan, "faults", given)


@SLOW  # `make endurance` is the same for longer
@pytest.mark.integration
@pytest.mark.timeout(600)
def test_most_of_a_virtual_hour(tmp_path, monkeypatch):
    """A minute between two cycles, through lost answers and a maintenance, until it is enough."""
    begin = int(START.timestamp() * 1000)
    struck_by(
        monkeypatch,
        Fault(FaultKind.RESPONSE_LOST, "POST *", since=begin, until=begin + 500_000),
        Fault(FaultKind.MAINTENANCE, since=begin + 600_000, until=begin + 1_500_000),
    )
    enough = Event()

    def look(found: Run) -> None:
        if found.days >= 0.069:
            enough.set()

    asked = Asked(days=0.5, throttle=60, sampled=timedelta(minutes=20))
    found = run(asked, tmp_path, look, enough)
    # Of an hour, nothing can be said about growth.
    assert [each for each in troubles(found) if "too few samples" not in each] == []
    assert found.strikes["maintenance"]
    assert found.compared
    assert found.samples[-1].trades
    assert 0.07 <= found.days < 0.2
    assert f"{found.cycles} cycles" in table(found)


@pytest.mark.integration
@pytest.mark.timeout(600)
def test_what_goes_wrong_is_seen(tmp_path, monkeypatch):
    """A file stays open in every cycle, the bot's loop ends with an error, and after that nothing
    can be read, as of a database that has gone: what was found before is kept."""
    struck_by(monkeypatch)
    cycle, read, kept = InProcessBot.run, Meter.read, []

    def run_one(bot: InProcessBot, *given: Any) -> None:
        kept.append((tmp_path / "open").open("w"))
        if len(kept) == 30:
            raise KeyError("of the loop")
        cycle(bot, *given)

    def read_one(meter: Meter, *given: Any) -> Sample:
        if len(kept) == 30:
            raise PendingRollbackError("of the sample")
        return read(meter, *given)

    def trades(_: InProcessBot) -> list[Trade]:
        raise PendingRollbackError("of the books")

    monkeypatch.setattr(InProcessBot, "run", run_one)
    monkeypatch.setattr(InProcessBot, "trades", trades)
    monkeypatch.setattr(Meter, "read", read_one)
    asked = ["--days", "0.05", "--throttle", "60", "--sampled", "0.1", "--out", str(tmp_path)]
    assert main(asked) == 1
    for each in kept:
        each.close()
    content = json.loads((tmp_path / "60s-1.json").read_text())
    [unhandled] = content["unhandled"]
    assert "KeyError" in unhandled
    assert len(content["samples"]) == 5
    found = "\n".join(content["troubles"])
    for words in (f"unhandled 1x: {unhandled}", "of the sample", "of the books", "not come to its"):
        assert words in found


@pytest.fixture(params=[signal.SIGTERM, signal.SIGHUP])
def ending(request):
    """One of the signals that end a run, with its default action, which CI has taken away."""
    before = signal.signal(request.param, signal.SIG_DFL)
    yield request.param
    signal.signal(request.param, before)


def test_a_signal_ends_a_run_as_its_bound_does(ending, tmp_path, monkeypatch):
    def run_until(_: Asked, folder: Path, look: Any, enough: Event) -> Run:
        found = sampled(trades=2)
        look(found)
        [written] = tmp_path.iterdir()
        assert len(json.loads(written.read_text())["samples"]) == 21
        os.kill(os.getpid(), ending)
        assert enough.wait(5)
        return replace(found, compared=5, flat=True, judged=True)

    monkeypatch.setattr(endurance, "run", run_until)
    assert main(["--out", str(tmp_path)]) == 0
    assert signal.getsignal(ending) == signal.SIG_DFL
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".md"}


def test_a_signal_that_is_ignored_goes_on_being_ignored(ending, tmp_path, monkeypatch):
    def run_on(_: Asked, folder: Path, look: Any, enough: Event) -> Run:
        os.kill(os.getpid(), ending)
        assert not enough.is_set()
        return replace(sampled(trades=2), compared=5, flat=True, judged=True)

    monkeypatch.setattr(endurance, "run", run_on)
    signal.signal(ending, signal.SIG_IGN)  # as nohup does with SIGHUP
    assert main(["--out", str(tmp_path)]) == 0
    assert signal.getsignal(ending) == signal.SIG_IGN


def test_a_run_without_a_sample_can_be_shown():
    found = Run(Asked(), unread=["the sample of day 0.00: it is not there"])
    assert "0 trades, 0 orders" in table(found)
    assert "no trade was made" in as_json(found)["troubles"]
