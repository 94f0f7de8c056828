"""Commands that only look, or that have nothing to do, leave a folder as they found it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from perpkit.cli import app

CONFIG = Path("config.json.example").resolve()
COMMANDS = [
    "why",
    "why BTC --backtest RsiSmaSwing",
    "why --by-reason --all",
    "state",
    "state --json",
    "journal",
    "adopt",
    "resume",
    "stop",
    "data status",
    "data status --datadir nowhere",
    "keys check",
    "doctor --upgrade 2027.1",
    "equity nothing.zip",
    "equity nothing.sqlite --json",
    "report nothing.zip --out page.html",
    "breakers replay --breaker all",
    "breakers replay --breaker all --datadir nowhere",
    "breakers list",
]


@pytest.mark.parametrize("configured", [False, True])
@pytest.mark.parametrize("command", COMMANDS)
def test_no_folder_and_no_file_is_made(command, configured, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if configured:
        (tmp_path / "config.json").write_text(CONFIG.read_text())
    before = sorted(tmp_path.rglob("*"))
    done = CliRunner().invoke(app, command.split(), input="")
    assert done.exit_code in (0, 1, 2)
    assert not isinstance(done.exception, Exception)
    assert sorted(tmp_path.rglob("*")) == before
