"""Stock commands at a venue and, as far as they get, at the exchange: the two do not mix."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from perpkit.rehearsal.datadir_mark import FILE, mark, marked
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.http.app import create_app
from perpkit.venue.http.request_log import RequestLog
from perpkit.venue.http.server import running_venue
from perpkit.venue.market import synthetic
from perpkit.venue.market.clock import SystemClock
from perpkit.venue.market.history import History
from perpkit.venue.market.market import Market
from perpkit.venue.overlay import overlay
from tests.bench.process import Process
from tests.cases import SLOW
from tests.conftest import REPOSITORY
from tests.freqtrade_cli import run_freqtrade
from tests.integration.conftest import milliseconds

pytestmark = pytest.mark.integration

EXAMPLE = f"--config={REPOSITORY / 'config.json.example'}"


@dataclass
class Rehearsal:
    """A user's folder, and a venue over TLS that counts what reaches it."""

    home: Path
    url: str
    log: RequestLog

    def overlay(self, *, live: bool = False) -> str:
        path = self.home / f"venue-{live}.json"
        path.write_text(json.dumps(overlay(self.url, self.home / "rehearsal", live=live)))
        return f"--config={path}"

    @property
    def userdir(self) -> str:
        return f"--userdir={self.home / 'user_data'}"

    def requests(self) -> int:
        return len(self.log.after(0, 1000))

    def files_of_the_user(self) -> list[Path]:
        return [p for p in (self.home / "user_data").rglob("*") if p.is_file()]


@pytest.fixture(scope="module")
def lately() -> History:
    since = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    since -= timedelta(days=30)
    return synthetic.generate(seed=4, start=milliseconds(since), days=32)


@pytest.fixture
def rehearsal(lately, tmp_path) -> Iterator[Rehearsal]:
    market = Market(lately, SystemClock(), 4)
    exchange, log = Exchange(market), RequestLog()
    exchange.engine.add_account("rehearsal", "rehearsal", Decimal(10_000), market.now())
    (tmp_path / "user_data").mkdir()
    app = create_app(market, exchange=exchange, log=log)
    with running_venue(market, tls=True, app=app) as url:
        yield Rehearsal(tmp_path, url, log)


@pytest.mark.parametrize("live", [pytest.param(False, marks=SLOW), True])
def test_a_bot_keeps_what_it_keeps_apart(rehearsal, live, monkeypatch):
    monkeypatch.delenv("PYTEST_VERSION")  # with it, Freqtrade leaves the logging alone
    arguments = [EXAMPLE, rehearsal.overlay(live=live), rehearsal.userdir]
    process = Process(["trade", *arguments])
    try:
        process.wait_for("Bot heartbeat")
        process.end()
    finally:
        process.close()
    output = "".join(process.log)
    assert f"every request goes to the venue at {rehearsal.url}" in output
    assert "InsecureRequestWarning" not in output
    assert rehearsal.files_of_the_user() == []
    kept = rehearsal.home / "rehearsal"
    mode = "live" if live else "dry-run"
    assert marked(kept / "data")
    assert (kept / f"{mode}.sqlite").stat().st_size > 0
    assert "Changing state to: RUNNING" in (kept / f"{mode}.log").read_text()


def test_a_download_keeps_its_data_apart_and_a_backtest_says_so(rehearsal):
    common = [EXAMPLE, rehearsal.overlay(), rehearsal.userdir]
    result = run_freqtrade(["download-data", *common, "--days=20", "-t", "1h"])
    assert result.returncode == 0, result.stdout
    assert rehearsal.files_of_the_user() == []
    assert "InsecureRequestWarning" not in result.stdout
    assert (rehearsal.home / "rehearsal" / "data" / FILE).exists()
    result = run_freqtrade(["backtesting", *common, "--strategy=RsiSmaSwing", "--cache=none"])
    assert "BACKTESTING REPORT" in result.stdout
    assert result.stdout.count("made by a simulated venue") == 1


@pytest.mark.parametrize(
    "command",
    [
        ["trade"],
        pytest.param(["trade", "--dry-run"], marks=SLOW),
        ["download-data", "--days=2"],
    ],
)
def test_the_exchange_does_not_meet_a_venues_data(rehearsal, command):
    """There is no network here: what is refused, is refused before it is missed."""
    mark(rehearsal.home / "data", "synthetic market, seed 1")
    datadir = f"--datadir={rehearsal.home / 'data'}"
    result = run_freqtrade([*command, EXAMPLE, rehearsal.userdir, datadir])
    assert result.returncode == 2
    assert result.stdout.count("made by a simulated venue (synthetic market, seed 1") == 1
    assert "Traceback" not in result.stdout
    assert "Applying additional ccxt config" not in result.stdout  # no client was made


# Every variable and every setting: tests/contract/test_rehearsal_seams.py, tests/rehearsal.
@pytest.mark.parametrize(
    ("command", "variable"),
    [
        ("trade", "FREQTRADE__EXCHANGE__KEY"),
        pytest.param("list-pairs", "FREQTRADE__exchange__secret", marks=SLOW),
        pytest.param("download-data", "FREQTRADE__EXCHANGE__CCXT_CONFIG__apiKey", marks=SLOW),
    ],
)
def test_keys_of_the_environment_are_refused_before_the_first_request(
    rehearsal, command, variable, monkeypatch
):
    monkeypatch.setenv(variable, "0123456789abcdef")
    result = run_freqtrade([command, EXAMPLE, rehearsal.overlay(live=True), rehearsal.userdir])
    assert result.returncode == 2
    assert f"the environment sets {variable} over" in result.stdout
    assert "0123456789abcdef" not in result.stdout
    assert rehearsal.requests() == 0


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"key": "0123456789abcdef", "secret": "fedcba9876543210"}, "key, secret"),
        pytest.param(
            {"ccxt_config": {"options": {"sandboxMode": True}}}, "options.sandboxMode", marks=SLOW
        ),
        ({"ccxt_config": {"urls": {"api": {"sapi": "https://api.binance.com/sapi"}}}}, "sapi"),
    ],
)
def test_what_lies_over_the_overlay_is_refused_before_the_first_request(rehearsal, settings, named):
    later = rehearsal.home / "later.json"
    later.write_text(json.dumps({"exchange": settings}))
    configs = [EXAMPLE, rehearsal.overlay(live=True), f"--config={later}"]
    result = run_freqtrade(["trade", *configs, rehearsal.userdir])
    assert result.returncode == 2
    assert named in result.stdout.splitlines()[-1]
    assert "0123456789abcdef" not in result.stdout
    assert rehearsal.requests() == 0
