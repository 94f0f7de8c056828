"""A live bot whose trade database is a PostgreSQL, and the commands that read it.

A target of its own, `make postgres`: it needs the server (Debian: postgresql) and psycopg.
"""

from __future__ import annotations

import json
import os
from unittest import mock

import pytest
from typer.testing import CliRunner

from perpkit.cli import app
from perpkit.ops.level import Level
from perpkit.record.trade_database import TradeDatabase
from perpkit.record.urls import TO_FILE
from tests.bench.desk import desk, trade
from tests.bench.postgres import missing, postgres
from tests.cases import needs
from tests.freqtrade_cli import run_freqtrade

_ADVICE = f"of SQLite, give the path; copy another database into a file: {TO_FILE}"
pytestmark = needs(missing())


@pytest.fixture(scope="module")
def url():
    """As in a container: the environment names the database, whose URL has a password."""
    with postgres() as found, mock.patch.dict(os.environ, FREQTRADE__DB_URL=found):
        yield found


@pytest.fixture(scope="module")
def traded(url, tmp_path_factory):
    """A trade with funding and a part that was sold, closed; one that is open, with its stop.

    Database and venue were equal then.
    """
    return trade(tmp_path_factory.mktemp("bot"))


@pytest.fixture
def bot(traded):
    with desk(traded) as found:
        yield found


def test_the_database_has_both_trades(traded, url):
    database = TradeDatabase.at(url, read_only=True)
    [held] = database.open_trades()
    assert held.stop_loss
    assert database.modes() == {False}
    assert database.file is None
    assert {fill.conditional for fill in database.fills()} == {True, False}
    assert database.rows("SELECT count(*) AS n FROM trades")[0].n == 2


def test_the_doctor_finds_nothing_wrong(bot):
    findings = {f.check: f for f in bot.findings()}
    wrong = {check: f.words for check, f in findings.items() if f.level is Level.FAIL}
    assert wrong == {}
    assert "the database agrees" in findings["incomes"].words


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        (["state"], 0, "BTC/USDT:USDT"),
        (["journal"], 0, "BTC/USDT:USDT"),
        (["adopt"], 0, ""),
        (["why"], 0, ""),
        (["stop", "--preview"], 0, "BTC"),
        (["doctor", "--prune", "90d"], 2, "--prune is for SQLite"),
        (["golive", "--offline"], 2, "live must be given: the bot's database is not a file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_commands(bot, command, code, words):
    done = bot.command(*command)
    assert done.exit_code == code, done.output
    assert words in done.output


@pytest.mark.parametrize("command", ["equity", "report", "stress"])
def test_what_reads_files_says_how_to_have_one(url, command):
    done = CliRunner().invoke(app, [command, url])
    assert done.exit_code == 2, done.output
    assert f"results must be a file, got a URL: {_ADVICE}" in done.output


def test_freqtrade_makes_that_file_of_it(traded, url, tmp_path):
    """With its own command, as the advice says."""
    copy = tmp_path / "copy.sqlite"
    given = f"convert-db --db-url sqlite:///{copy} --db-url-from {url}".split()
    with mock.patch.dict(os.environ):
        del os.environ["FREQTRADE__DB_URL"]  # it goes before the option
        # It has no `--userdir`, and needs `user_data` in the current folder.
        (tmp_path / "user_data").mkdir()
        done = run_freqtrade(given, 120, cwd=tmp_path)
    assert copy.is_file(), done.stdout
    given = ["equity", str(copy), "--starting-balance", "10000", "--json"]
    shown = CliRunner().invoke(app, given, catch_exceptions=False)
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout)
