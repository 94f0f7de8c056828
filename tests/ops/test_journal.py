"""`perpkit journal` and `perpkit adopt`: what they show, what they refuse, and with which code."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from perpkit.cli import app
from perpkit.record.journal import Intent, Journal, Outcome
from perpkit.record.opening import JournalState
from perpkit.record.order_ids import Purpose
from perpkit.record.places import places
from tests.bench.files import NOW, Files, files_of_a_bot, without_wal

PAIR, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


def run(command: str, *arguments: object, files: Files | None = None, **more):
    given = [f"--db-url={files.db_url}"] if files else []
    return CliRunner().invoke(app, [command, *given, *map(str, arguments)], **more)


@pytest.fixture
def files(tmp_path) -> Files:
    """Of a bot that has started, and has sent orders since."""
    files = files_of_a_bot(tmp_path / "bot")
    files.start()
    journal = Journal.open(files.path)
    journal.begin("RsiSmaSwing", NOW)
    for number, (pair, outcome) in enumerate(
        [(PAIR, Outcome.BOOKED), (PAIR, Outcome.SENT), (ETH, Outcome.REFUSED)]
    ):
        own = journal.next_id("x-xcKtGhcu", Purpose.STOP)
        values = (own, pair, "RsiSmaSwing", Purpose.STOP, "sell", "stop_market", 0.01)
        at = NOW + number * 86_400_000
        journal.write(Intent(*values, None, 29_000.0, True, 3.0, None, at))
        if outcome is not Outcome.SENT:
            journal.settle(own, outcome, at, f"9{number}", "a note")
    journal.close()
    return files


def copy_of(files: Files) -> Files:
    without_wal(files.folder / "trades.sqlite")
    shutil.copytree(files.folder, files.folder.with_name("copy"))
    return Files(files.folder.with_name("copy"))


# perpkit journal


@pytest.mark.parametrize(
    ("arguments", "orders"),
    [
        ([], ["order-1", "77", "90", None, "92"]),
        (["-n", 2], [None, "92"]),
        (["--open"], [None]),
        (["--pair", ETH], ["92"]),
        (["--since", "2026-09-22"], [None, "92"]),
        (["--since", "2026-09-22", "--pair", PAIR], [None]),
        (["90"], ["90"]),
        (["--pair", "DOGE/USDT:USDT"], []),
    ],
)
def test_which_orders_are_shown(files, arguments, orders):
    result = run("journal", "--json", *arguments, files=files)
    assert result.exit_code == 0, result.output
    shown = [entry["order_id"] for entry in json.loads(result.stdout)]
    assert shown[-1:] == orders[-1:]
    assert [o for o in shown if o is None or o.startswith(("7", "9"))] == [
        o for o in orders if o is None or o.startswith(("7", "9"))
    ]


def test_the_table_has_pair_strategy_intent_and_outcome(files):
    result = run("journal", files=files)
    [line] = [line for line in result.stdout.splitlines() if " 92" in line]
    for words in (ETH, "RsiSmaSwing", "stop: sell 0.01 stop_market at 29000", "refused: a note"):
        assert words in line


def test_one_order_is_shown_in_full_by_either_id(files):
    by_number = run("journal", "90", files=files)
    assert by_number.exit_code == 0
    [client_id] = [
        line.split()[-1] for line in by_number.stdout.splitlines() if line.startswith("client id")
    ]
    assert run("journal", client_id, files=files).stdout == by_number.stdout
    assert "reduce only  True" in by_number.stdout


def test_the_configuration_leads_to_the_journal(files, tmp_path, monkeypatch):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"db_url": files.db_url, "user_data_dir": str(tmp_path)}))
    result = run("journal", "--json", "--config", config)
    assert len(json.loads(result.stdout)) == 5
    monkeypatch.setenv("FREQTRADE__DB_URL", "sqlite:///elsewhere.sqlite")
    assert "elsewhere.journal.sqlite" in run("journal", "--config", config).stderr


@pytest.mark.parametrize("command", ["journal", "adopt"])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--db-url=sqlite:///nothing.sqlite"], "nothing"),
        (["--db-url=sqlite://"], "db_url must be of a database that is kept, got 'sqlite://'"),
        (["--config=nothing.json"], "nothing.json"),
        ([], "--config or --db-url must name the bot"),
    ],
)
def test_what_leads_nowhere_is_one_clear_error(tmp_path, monkeypatch, command, arguments, words):
    monkeypatch.chdir(tmp_path)
    result = run(command, *arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_order_that_is_not_there(files):
    result = run("journal", "4711", files=files)
    assert result.exit_code == 1
    assert result.stderr == f"There is no order 4711 in {files.path}\n"


def test_a_damaged_journal_cannot_be_printed(files):
    files.path.write_bytes(b"broken" * 1000)
    result = run("journal", files=files)
    assert result.exit_code == 2
    assert "file is not a database" in result.stderr


# perpkit adopt


def test_a_copy_is_shown_and_adopted(files):
    copy = copy_of(files)
    refused = run("adopt", files=copy, input="n\n")
    assert refused.exit_code == 1
    assert copy.found.state is JournalState.COPY
    for words in (
        "is a copy or a restored backup",
        str(files.path),
        str(copy.path),
        "Trade 1: long 0.01 BTC/USDT:USDT; stops: 77 at 29000.0",
        "Last start: 2026-09-21 14:13 UTC, RsiSmaSwing",
        "Nothing was changed.",
    ):
        assert words in refused.output
    assert run("adopt", files=copy, input="y\n").exit_code == 0
    assert copy.found.state is JournalState.SOUND
    assert files.found.state is JournalState.SOUND


@pytest.mark.parametrize(
    ("what", "why"), [("gone", "There is no journal"), ("damaged", "file is not a database")]
)
def test_a_journal_that_is_lost_is_written_from_the_database(files, what, why):
    files.path.unlink()
    if what == "damaged":
        files.path.write_bytes(b"broken" * 1000)
    result = run("adopt", "--yes", files=files)
    assert result.exit_code == 0, result.output
    [last] = [line for line in result.stdout.splitlines() if line.startswith("Last start:")]
    assert last.startswith("Last start: not known: ")
    assert why in last
    aside = list(files.folder.glob("*aside*"))
    assert [path.read_bytes() for path in aside] == [b"broken" * 1000] * (what == "damaged")
    assert all(str(path) in result.stdout for path in aside)
    assert files.found.state is JournalState.SOUND
    assert '"order_id": "77"' in run("journal", "--json", files=files).stdout


def test_a_sound_journal_needs_no_adoption(files):
    result = run("adopt", files=files)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "nothing to adopt" in result.stdout


def test_before_the_first_start_there_is_nothing_to_adopt(tmp_path):
    files = files_of_a_bot(tmp_path / "new")
    result = run("adopt", "--yes", files=files)
    assert result.exit_code == 2
    assert "the bot writes it when it starts" in result.stderr
    assert not files.path.exists()


def test_a_journal_of_a_newer_perpkit_is_left_alone(files):
    with sqlite3.connect(files.path) as connection:
        connection.execute("UPDATE about SET value = '99' WHERE key = 'schema'")
    before = files.path.read_bytes()
    result = run("adopt", "--yes", files=files)
    assert result.exit_code == 2
    assert "has schema 99, and this Perpkit knows 1" in result.stderr
    assert files.path.read_bytes() == before


HOLDS = """
import sys
from filelock import FileLock
lock = FileLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def running():
    """Holds the files of a bot from another process, as a bot that runs."""
    started = []

    def hold(files: Files) -> None:
        lock = places(files.db_url, files.folder).lock
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDS, str(lock)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == "held\n"

    yield hold
    for process in started:
        process.communicate(timeout=10)


def test_a_bot_that_runs_with_a_sound_journal_is_left_alone(files, running):
    running(files)
    result = run("adopt", "--yes", files=files)
    assert result.exit_code == 2
    assert "The bot runs, and its journal" in result.stderr


def test_a_copy_that_runs_is_adopted_and_says_so(files, running):
    copy = copy_of(files)
    running(copy)
    result = run("adopt", "--yes", files=copy)
    assert result.exit_code == 0
    assert "It runs, and goes on within a minute." in result.stdout
