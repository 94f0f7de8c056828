"""`perpkit data download` as a process: killed in the middle, started again, within the limits."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from perpkit.durations import DAY_MS, MINUTE_MS
from perpkit.market import store
from perpkit.venue.faults.faults import Fault, FaultKind
from perpkit.venue.http.app import create_app
from perpkit.venue.http.rate_limits import Limiter
from perpkit.venue.http.request_log import RequestLog
from perpkit.venue.http.server import running_venue
from perpkit.venue.market.clock import VirtualClock
from perpkit.venue.market.market import Market
from perpkit.venue.market.synthetic import generate
from perpkit.venue.overlay import overlay
from tests.bench.planted import ACCOUNTS
from tests.cases import SLOW

pytestmark = pytest.mark.integration

START = 1_704_067_200_000
BTC, SOL = "BTC/USDT:USDT", "SOL/USDT:USDT"


class StampedLog(RequestLog):
    """Knows when requests came in real time: the venue's own clock stands still."""

    def __init__(self) -> None:
        super().__init__()
        self.came: list[float] = []

    def add(self, entry) -> None:
        self.came.append(time.monotonic())
        super().add(entry)


@dataclass
class Bench:
    market: Market
    log: StampedLog
    config: Path

    def start(self, datadir: Path, *more: str) -> subprocess.Popen[str]:
        arguments = ["--pairs", BTC, SOL, *more, "--period", "15m", "--days", "10"]
        where = ["--config", str(self.config), "--datadir", str(datadir)]
        return subprocess.Popen(
            [sys.executable, "-m", "perpkit.cli", "data", "download", *arguments, *where],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, datadir: Path) -> tuple[str, str]:
        process = self.start(datadir)
        output = process.communicate(timeout=120)
        assert process.returncode == 0, output
        return output


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> Iterator[Bench]:
    clock = VirtualClock(START + 35 * DAY_MS + 20 * MINUTE_MS)
    market = Market(generate(seed=7, start=START, days=40, pairs=(BTC, SOL)), clock, seed=7)
    log = StampedLog()
    app = create_app(market, limiter=Limiter(), log=log)
    with running_venue(market, app=app) as url:
        home = tmp_path_factory.mktemp("bench")
        config = home / "config.json"
        config.write_text(json.dumps(overlay(url, home / "rehearsal", accounts=ACCOUNTS)))
        yield Bench(market, log, config)


@pytest.fixture(scope="module")
def whole(bench, tmp_path_factory) -> Path:
    """Where nothing came in between."""
    datadir = tmp_path_factory.mktemp("whole")
    output, shown = bench.finish(datadir)
    assert output == f"1920 new readings of 2 pairs (15m) in {datadir}\n"
    assert shown.startswith(f"0 of 4: {BTC} 0 new readings\n")
    assert set(files(datadir)) == {"BTC_USDT_USDT-15m.feather", "SOL_USDT_USDT-15m.feather"}
    return datadir


def test_pairs_that_are_refused_are_said_and_the_others_are_whole(bench, whole, tmp_path):
    process = bench.start(tmp_path, "NEW/USDT:USDT")
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert output == f"1920 new readings of 2 pairs (15m) in {tmp_path}; 1 refused\n"
    assert errors.endswith(
        "Error: NEW/USDT:USDT was refused: the exchange lists no perpetual of that name\n"
    )
    assert files(tmp_path) == files(whole)


def files(datadir: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in (datadir / store.FOLDER).glob("*.feather")}


def readings(datadir: Path) -> int:
    frames = (store.read(datadir, pair, "15m") for pair in (BTC, SOL))
    return sum(len(frame) for frame in frames if frame is not None)


def wait_for_readings(process: subprocess.Popen[str], datadir: Path, least: int) -> None:
    deadline = time.monotonic() + 60
    while readings(datadir) < least:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)


@SLOW
@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=SLOW)])
def test_a_download_stopped_halfway_and_started_again_ends_the_same(bench, whole, tmp_path, number):
    broken = tmp_path
    process = bench.start(broken)
    wait_for_readings(process, broken, 500)
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    if number == signal.SIGINT:
        assert errors.endswith("Stopped. What was fetched is kept; run it again to go on.\n")
    kept = readings(broken)
    assert 500 <= kept < 1920
    output, _ = bench.finish(broken)
    assert output.startswith(f"{1920 - kept} new readings")
    assert files(broken) == files(whole)


def test_through_faults_it_ends_the_same_and_stays_within_the_limits(bench, whole, tmp_path):
    first = len(bench.log.came)
    for kind, endpoint, options in (
        (FaultKind.RATE_LIMITED, "/futures/data/*", {"parameters": {"retry_after_s": 3}}),
        (FaultKind.SERVER_ERROR, "/futures/data/taker*", {"parameters": {"status": 503}}),
        (FaultKind.SERVER_ERROR, "/futures/data/open*", {"parameters": {"status": 502}}),
        (FaultKind.RESET, "/futures/data/top*", {}),
    ):
        bench.market.faults.add(Fault(kind, endpoint=endpoint, times=1, **options))
    bench.finish(tmp_path)
    assert files(tmp_path) == files(whole)
    entries = bench.log.after(first, 1000)
    assert sum(bool(entry.faults) for entry in entries) == 4
    gaps = np.diff(bench.log.came[first:])
    refused = next(row for row, entry in enumerate(entries) if entry.status == 429)
    assert gaps[refused] >= 3  # as the exchange asked
    # 800 calls in five minutes are 0.375 s apart; the odd one waits less long in a queue.
    assert np.median(gaps) >= 0.37
    assert sum(entry.weight for entry in entries) == 2
