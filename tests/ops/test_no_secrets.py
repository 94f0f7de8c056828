"""No command prints or logs a secret: a list of all of them, which a new one cannot escape.

Each is run beside a bot whose configuration and environment are full of secrets, sound and damaged.
What it prints is looked at here; the files that it writes, by the scan of the whole run.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import prometheus_client
import pytest
import uvicorn
from fastapi.testclient import TestClient
from freqtrade.persistence import Trade, init_db
from typer.main import get_command
from typer.testing import CliRunner

from perpkit.cli import app
from perpkit.record.fleet import FleetFolder, Rules
from perpkit.record.state_file import write
from perpkit.venue.overlay import overlay
from tests import factories
from tests.bench.command_line import commands
from tests.bench.leaks import leaks_in
from tests.bench.planted import (
    ACCOUNTS,
    API_PASSWORD,
    DB_PASSWORD,
    JWT_SECRET,
    KEY,
    MARK,
    PASSPHRASE,
    PASSWORD,
    SECRET,
    SWITCHED_OFF,
    WEBHOOK_SECRET,
)
from tests.bench.states import everything
from tests.bench.web import unused_port
from tests.conftest import REPOSITORY

EXAMPLE = str(REPOSITORY / "config.json.example")
CONFIG = ["-c", EXAMPLE, "-c", "own.json"]
BOT = [*CONFIG, "--userdir", "user_data"]
DATABASE = f"postgresql://me:{DB_PASSWORD}@127.0.0.1:1/trades"
# By command: its arguments in a call, of which there may be several.
CALLS: Mapping[str, list[list[str]]] = {
    "adopt": [BOT],
    "breakers replay": [["--datadir", "user_data/data", "--breaker", "all"]],
    "compare": [
        ["--live", "trades.sqlite", "--backtest", "none.zip"],
        ["none.zip", "no.zip"],
        [DATABASE],
    ],
    "data archive": [["--since", "2999-01-01", "--url", "http://127.0.0.1:1", *CONFIG]],
    "data download": [[*CONFIG, "--days", "1"]],
    "data import": [[*CONFIG, "none.csv"]],
    "data status": [CONFIG],
    "doctor": [BOT, [*BOT, "--offline", "--json"], ["--upgrade", "2027.1"]],
    "equity": [
        ["trades.sqlite", *CONFIG],
        ["trades.sqlite", "--starting-balance", "1000"],
        [DATABASE],
    ],
    "fleet metrics": [["fleet.toml"]],
    "fleet pairs": [["fleet.toml"]],
    "fleet report": [["fleet.toml"]],
    "fleet status": [["fleet.toml"], ["fleet.toml", "--json"]],
    "fleet stop": [["fleet.toml", "--preview"]],
    "fleet watch": [["fleet.toml", "--once"]],
    "golive": [[*BOT, "--offline"], BOT, [*BOT, "--offline", "--live", DATABASE]],
    "holdout release": [["--userdir", "user_data"]],
    "holdout seal": [["20230701-20240101", "--userdir", "user_data"]],
    "holdout show": [["--userdir", "user_data"]],
    "journal": [BOT, ["--db-url", DATABASE]],
    "keys check": [BOT, [*BOT, "--stored", "--in", "file"]],
    "keys exec": [["--userdir", "user_data", "--in", "file", "--", "true"]],
    "keys rotate": [[*BOT, "--stdin", "--in", "file"]],
    "metrics": [["-c", "own.json"], ["--db-url", DATABASE]],
    "keys store": [["--userdir", "user_data", "--stdin", "--in", "file"]],
    "new": [["strategy", "MyOwn", "--userdir", "user_data"]],
    "parameters": [[]],
    "plateau": [["none.fthypt"]],
    "report": [["trades.sqlite", *CONFIG, "--starting-balance", "1000", "--json"]],
    "resume": [[*BOT, "--why", "a test", "--password-stdin"], ["--make-hash"]],
    "state": [BOT, [*BOT, "--json"], ["--db-url", DATABASE]],
    "stop": [[*BOT, "--json", "--why", "a test"], ["--accounts", "bots.toml"]],
    "stress": [["trades.sqlite", *CONFIG, "--starting-balance", "1000"], [DATABASE]],
    "venue": [["--account", f"{KEY}:{SECRET}:much"], ["--account", f"{KEY}"]],
    "verdict": [["trades.sqlite"], ["none.fthypt"]],
    "walkforward": [[*BOT, "--timerange", "20230101-20240101", "--strategy", "RsiSmaSwing"]],
    "webhook": [BOT],
    "why": [BOT, ["--db-url", DATABASE]],
}
# They try again for a while without an answer.
PATIENT = {"data archive", "data download"}
LEAVES = {
    " ".join(path): command
    for path, command in commands(get_command(app))
    if not hasattr(command, "commands")
}
# They read a configuration, or a file that names one.
READERS = [
    name
    for name, command in LEAVES.items()
    if any({"--config", "-c"} & set(param.opts) for param in command.params)
]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A dry-run bot whose exchange does not answer, its files, and a fleet of it alone."""
    monkeypatch.chdir(tmp_path)
    for name in ("user_data", "fleet"):
        (tmp_path / name).mkdir()
    venue = overlay(f"http://127.0.0.1:{unused_port()}", tmp_path, accounts=ACCOUNTS)
    api = {**SWITCHED_OFF["api_server"], "enabled": True, "listen_port": unused_port()}
    own = {
        **SWITCHED_OFF,
        **venue,
        "strategy": "RsiSmaSwing",
        "db_url": "sqlite:///trades.sqlite",
        "api_server": api,
        "perpkit": {"fleet_dir": "fleet", "fleet_bot": "a"},
    }
    (tmp_path / "own.json").write_text(json.dumps(own))
    (tmp_path / "keys.env").write_text(f"FREQTRADE__API_SERVER__JWT_SECRET_KEY={JWT_SECRET}\n")
    given = f'name = "a"\nconfig = ["{EXAMPLE}", "own.json"]\nenv_file = "keys.env"\n'
    (tmp_path / "bots.toml").write_text(f"[[account]]\n{given}")
    (tmp_path / "fleet.toml").write_text(
        f'[limits]\nmax_gross = 2\n[[bot]]\n{given}key = "one"\nport = {unused_port()}\n'
    )
    FleetFolder(tmp_path / "fleet").write_rules(Rules(bots=("a",)))
    write(tmp_path / "trades.state.json", everything())
    init_db("sqlite:///trades.sqlite")
    Trade.use_db = True
    factories.trade("BTC/USDT:USDT", False, 30_000.0, 30_300.0, amount=0.1)
    Trade.commit()
    Trade.session.remove()
    for name, value in {
        "FREQTRADE__API_SERVER__PASSWORD": API_PASSWORD,
        "PERPKIT_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "PERPKIT_KEYS_PASSPHRASE": PASSPHRASE,
        "PERPKIT_MACHINE_KEY": str(tmp_path / "machine.key"),
        "PERPKIT_ALERTS": f"json://me:{DB_PASSWORD}@127.0.0.1:{unused_port()}",
    }.items():
        monkeypatch.setenv(name, value)
    before = signal.getsignal(signal.SIGHUP)  # `stop` ignores it from then on
    yield tmp_path
    signal.signal(signal.SIGHUP, before)


def run(name: str, arguments: list[str]) -> tuple[int, str]:
    """Exit code, and all that a command has said, its error included."""
    typed = f"{PASSWORD}\n{SECRET}\n"
    result = CliRunner().invoke(app, [*name.split(), *arguments], input=typed)
    error = result.exception
    raised = "" if error is None or isinstance(error, SystemExit) else repr(error)
    return result.exit_code, f"{result.output}\n{result.stderr}\n{raised}"


def test_every_command_is_on_the_list():
    assert sorted(set(LEAVES) - set(CALLS)) == []


@pytest.mark.parametrize("name", sorted(set(CALLS) & set(LEAVES)))
def test_no_command_shows_a_secret(home, name, monkeypatch, caplog):
    monkeypatch.setattr(uvicorn, "run", ask)
    monkeypatch.setattr(prometheus_client, "start_http_server", scrape)
    if name in PATIENT:
        monkeypatch.setattr("time.sleep", lambda _: None)
    for arguments in CALLS[name]:
        code, said = run(name, arguments)
        assert code in (0, 1, 2), said
        assert leaks_in((said + caplog.text).encode(), name) == []


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_configuration_is_not_quoted(home, name, monkeypatch):
    """Freqtrade prints the lines around what is no JSON."""
    content = (home / "own.json").read_text().replace('"secret":', '"secret"')
    (home / "own.json").write_text(content)
    (home / "fleet.toml").write_text((home / "fleet.toml").read_text() + "\n]")
    for arguments in CALLS[name]:
        if "own.json" in arguments:
            code, said = run(name, arguments)
            assert code != 0, said
            assert leaks_in(said.encode(), name) == []
    (home / "own.json").unlink()  # it would be found by the scan: it is no JSON


def scrape(port: int, host: str, registry: Any) -> tuple[Any, Any]:
    """In place of the server of `perpkit metrics`: what it would answer."""
    print(prometheus_client.generate_latest(registry).decode())
    return None, SimpleNamespace(join=lambda: None)


def ask(served: Any, **_: Any) -> None:
    """In place of the server of `perpkit webhook`: alerts with the secret where it must not be."""
    client = TestClient(served)
    alert = {"time": "2026-03-02T10:00:00Z", "symbol": "BTCUSDT.P", "action": "long"}
    secret = {"secret": WEBHOOK_SECRET}
    for sent in (
        {**alert, "secret": WEBHOOK_SECRET[:-1]},
        {**alert, **secret},
        {**alert, **secret, "symbol": WEBHOOK_SECRET},
        {**alert, **secret, "action": WEBHOOK_SECRET},
        {**alert, **secret, "tag": WEBHOOK_SECRET, "id": WEBHOOK_SECRET},
        {**alert, **secret, WEBHOOK_SECRET: 1},
        {**alert, **secret, "time": WEBHOOK_SECRET},
    ):
        answer = client.post("/alert", json=sent)
        assert MARK not in answer.text
    print(answer.text)
