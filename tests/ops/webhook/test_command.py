"""`perpkit webhook` on the command line."""

from __future__ import annotations

import json

import uvicorn
from typer.testing import CliRunner

from perpkit.cli import app
from tests.bench.planted import API_PASSWORD, WEBHOOK_SECRET
from tests.conftest import REPOSITORY


def test_an_address_that_is_taken_is_one_clear_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PERPKIT_WEBHOOK_SECRET", WEBHOOK_SECRET)
    (tmp_path / "user_data").mkdir()
    api = {"enabled": True, "listen_port": 1, "username": "me", "password": API_PASSWORD}
    (tmp_path / "own.json").write_text(json.dumps({"api_server": api}))

    def run(*given, **named):
        raise SystemExit(3)

    monkeypatch.setattr(uvicorn, "run", run)
    command = ["webhook", "-c", str(REPOSITORY / "config.json.example"), "-c", "own.json"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    assert "Error: --host and --port cannot be listened on, got 127.0.0.1:8090\n" in result.stderr
