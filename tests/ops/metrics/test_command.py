"""`perpkit metrics`: which bots it exports, and over HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from urllib.request import urlopen

import pytest
from typer.testing import CliRunner

from perpkit.cli import app
from perpkit.ops.metrics.bots import bots_of
from perpkit.ops.stored import BadInputError
from perpkit.record.state_file import write
from tests.bench.states import everything


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, config in {
        "config": {"dry_run": True},
        "live": {"dry_run": False, "db_url": "sqlite:///live.sqlite"},
        "named": {"bot_name": "short side", "db_url": "sqlite:///named.sqlite"},
        "namesake": {"bot_name": "short side", "db_url": "sqlite:///other.sqlite"},
        "private": {"db_url": "sqlite:///private.sqlite"},
        "server": {"db_url": "postgresql://me:secret@db/trades", "bot_name": ""},
    }.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(config))
    return tmp_path


@pytest.mark.parametrize(
    ("configs", "db_urls", "expected"),
    [
        ([], [], {"tradesv3.dryrun": "tradesv3.dryrun.state.json"}),
        (["config.json"], [], {"tradesv3.dryrun": "tradesv3.dryrun.state.json"}),
        (["config.json,private.json"], [], {"private": "private.state.json"}),
        (
            ["live.json", "named.json"],
            ["sqlite:///mine.sqlite"],
            {
                "live": "live.state.json",
                "short side": "named.state.json",
                "mine": "mine.state.json",
            },
        ),
        (["server.json"], [], {"trades": "user_data/perpkit/trades.state.json"}),
    ],
)
def test_bots_and_their_names(folder, configs, db_urls, expected):
    found = bots_of(configs, db_urls, None)
    assert {bot.name: bot.state.absolute() for bot in found} == {
        name: folder / path for name, path in expected.items()
    }


@pytest.mark.parametrize(
    ("configs", "db_urls", "error"),
    [
        (["none.json"], [], "--config must name a file, got none.json"),
        (["private.json", "private.json"], [], "Files of one bot are joined by commas"),
        (["live.json"], ["sqlite:///live.sqlite"], "--config and --db-url must name different"),
        (["named.json", "namesake.json"], [], "\"bot_name\" must differ .* 'short side'"),
        ([], ["sqlite://[::/x"], "db_url must be the URL of a database"),
    ],
)
def test_a_wrong_choice_is_named(folder, configs, db_urls, error):
    with pytest.raises(BadInputError, match=error):
        bots_of(configs, db_urls, None)


def test_without_a_bot_it_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = CliRunner().invoke(app, ["metrics"])
    assert answer.exit_code == 2
    assert "--config or --db-url must name the bot" in answer.output


def test_a_port_that_is_taken_is_named(folder):
    answer = CliRunner().invoke(app, ["metrics", "-c", "live.json", "--host", "256.0.0.1"])
    assert answer.exit_code == 2
    assert "--host and --port must be free, got 256.0.0.1:9742" in answer.output


SERVE = """
import socket, sys
from perpkit.cli import app
with socket.socket() as taken:
    taken.bind(("127.0.0.1", 0))
    port = taken.getsockname()[1]
print("port", port, flush=True)
app(["metrics", "-c", "live.json", "-c", "named.json", "--port", str(port)])
"""


def test_it_answers_on_this_machine(folder):
    write(
        folder / "live.state.json",
        everything().model_copy(update={"written_at": datetime.now(UTC)}),
    )
    with subprocess.Popen(
        [sys.executable, "-c", SERVE], stdout=subprocess.PIPE, text=True, cwd=folder
    ) as process:
        try:
            port = process.stdout.readline().split()[1]
            lines = [process.stdout.readline() for _ in range(3)]
            assert lines[-1] == f"Metrics are at http://127.0.0.1:{port}/metrics\n"
            with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                text = answer.read().decode()
        finally:
            process.terminate()
            process.wait(timeout=30)
    assert 'perpkit_state_up{bot="live"} 1.0' in text
    assert 'perpkit_state_up{bot="short side"} 0.0' in text
    assert 'perpkit_account_equity{bot="live"} 1002.7' in text
