"""`perpkit resume`: the password, how often it is taken, and what is written."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from typer.testing import CliRunner

from perpkit.cli import app
from perpkit.ops.password import ATTEMPTS, HASH, attempts_file, make_hash
from perpkit.record.latch import LatchState, read, write
from tests.bench.planted import PASSWORD
from tests.conftest import REPOSITORY

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
HASHED = str(make_hash(PASSWORD))
MINUTE = timedelta(minutes=1)


@pytest.fixture
def latch(tmp_path):
    path = tmp_path / "user_data" / "perpkit" / "latch" / "main.dry-run.json"
    write(path, LatchState.HALTED, "anna@desk", "too hot")
    return path


@pytest.fixture
def resume(tmp_path, latch):
    """Runs the command of a bot, some time later, on the machine of this test."""

    def run(*options, password=PASSWORD, after=0 * MINUTE, hashed: str | None = HASHED):
        command = ["resume", f"--config={REPOSITORY / 'config.json.example'}"]
        command += [f"--userdir={tmp_path / 'user_data'}", "--password-stdin", *options]
        with time_machine.travel(NOW + after, tick=False):
            return CliRunner().invoke(app, command, input=f"{password}\n", env={HASH: hashed})

    return run


def test_it_clears_the_latch_and_says_who_and_why(resume, latch):
    result = resume("--why", "the feed is back", "--json")
    assert result.exit_code == 0, result.output
    cleared = read(latch)
    assert (cleared.state, cleared.why) == (LatchState.CLEAR, "the feed is back")
    assert "@" in cleared.by
    answer = json.loads(result.stdout)
    assert (answer["cleared"], answer["before"], answer["why"]) == (
        True,
        "halted",
        "the feed is back",
    )


def test_a_damaged_latch_is_cleared_as_well(resume, latch):
    latch.write_text("{")
    assert resume("--why", "a disk was full").exit_code == 0
    assert read(latch).state is LatchState.CLEAR


def test_a_latch_that_is_set_while_the_password_is_typed_stays(resume, latch, monkeypatch):
    """What the operator was shown, and has decided about, was another one."""

    def typed(*given, **named):
        write(latch, LatchState.HALTED, "anna@desk", "it falls again")
        return PASSWORD

    write(latch, LatchState.REDUCING, "fleet", "drawdown")
    monkeypatch.setattr("perpkit.ops.resume.read_password", typed)
    result = resume("--why", "the drawdown is over", "--json")
    assert result.exit_code == 1
    assert read(latch).state is LatchState.HALTED
    answer = json.loads(result.stdout)
    assert answer["cleared"] is False
    assert "it falls again" in answer["error"]


def test_a_folder_that_is_not_mounted_is_no_place_to_clear_it(resume, tmp_path):
    own = tmp_path / "own.json"
    own.write_text(json.dumps({"perpkit": {"latch_dir": str(tmp_path / "share" / "latch")}}))
    result = resume(f"--config={own}", "--why", "the feed is back")
    assert result.exit_code == 2
    assert "latch is not there: mount or make it" in " ".join(result.stderr.split())
    assert not (tmp_path / "share").exists()


def test_a_clear_one_needs_no_password(resume, latch):
    latch.unlink()
    result = resume(hashed="", password="")
    assert (result.exit_code, "is clear" in result.stdout) == (0, True)
    assert not latch.exists()


@pytest.mark.parametrize(
    ("options", "password", "hashed", "code", "words"),
    [
        (["--why", "x"], "wrong", HASHED, 1, "wrong password; 4 more"),
        (["--why", "x"], "", HASHED, 2, "the password must not be empty"),
        ([], PASSWORD, HASHED, 2, "--why must say"),
        (["--why", "  "], PASSWORD, HASHED, 2, "--why must say"),
        (["--why", "x"], PASSWORD, "", 2, "perpkit resume --make-hash makes one"),
        (["--why", "x"], PASSWORD, None, 2, "perpkit resume --make-hash makes one"),
    ],
    ids=range(6),  # not by the password, nor by its hash, which differs in every process
)
def test_without_its_password_it_stays(resume, latch, options, password, hashed, code, words):
    result = resume(*options, password=password, hashed=hashed)
    assert result.exit_code == code
    assert words in result.stderr
    assert read(latch).state is LatchState.HALTED
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "hashed",
    [
        "secret",
        HASHED.replace("scrypt", "bcrypt"),
        HASHED.rsplit(":", 1)[0],
        HASHED.rsplit(":", 1)[0] + ":",
        HASHED.replace(":32768:", ":32767:"),
        HASHED.replace(":32768:", ":1:"),
        HASHED.replace(":32768:", f":{2**40}:"),
        HASHED.replace(":8:1:", ":8:0:"),
        HASHED.replace(":8:1:", ":8:99:"),
        "scrypt:32768:8:1:!:!",
    ],
    ids=range(10),  # the hash differs in every process
)
def test_what_is_no_hash_opens_nothing_and_is_not_shown(resume, latch, hashed):
    result = resume("--why", "x", hashed=hashed)
    assert result.exit_code == 2
    assert "must look like scrypt:" in result.stderr
    assert hashed not in result.output
    assert read(latch).state is LatchState.HALTED


def test_after_five_wrong_passwords_the_right_one_has_to_wait(resume, latch):
    for number in range(ATTEMPTS):
        assert resume("--why", "x", password="wrong", after=number * MINUTE).exit_code == 1
    refused = resume("--why", "x", after=14 * MINUTE)
    assert refused.exit_code == 1
    assert "none is taken for the next 1 minutes" in refused.stderr
    assert read(latch).state is LatchState.HALTED
    # The first is over by then, and the right one makes the others forgotten.
    assert resume("--why", "x", after=15 * MINUTE).exit_code == 0
    assert not attempts_file(latch).exists()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"wrong": 1}', '{"wrong": [NaN]}', "[" * 9999])
def test_a_damaged_count_is_taken_for_too_many(resume, latch, content):
    with time_machine.travel(NOW, tick=False):
        attempts_file(latch).write_text(content)
        import os

        os.utime(attempts_file(latch), (NOW.timestamp(), NOW.timestamp()))
    assert resume("--why", "x", after=MINUTE).exit_code == 1
    assert read(latch).state is LatchState.HALTED
    assert resume("--why", "x", after=16 * MINUTE).exit_code == 0


def test_a_clock_that_is_set_back_earns_no_attempts(resume, latch):
    for _ in range(ATTEMPTS):
        resume("--why", "x", password="wrong")
    assert resume("--why", "x", after=-600 * MINUTE).exit_code == 1
    assert read(latch).state is LatchState.HALTED


def test_attempts_that_cannot_be_counted_are_not_taken(resume, latch):
    attempts_file(latch).mkdir()
    result = resume("--why", "x")
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert read(latch).state is LatchState.HALTED


def test_a_folder_of_latches_that_is_not_there_is_not_made(resume, tmp_path):
    own = tmp_path / "own.json"
    own.write_text(json.dumps({"perpkit": {"latch_dir": str(tmp_path / "share" / "latch")}}))
    result = resume("--why", "x", f"--config={own}")
    assert result.exit_code == 2
    assert "is not there" in result.stderr
    assert not (tmp_path / "share").exists()


def test_a_hash_is_made(resume):
    made = CliRunner().invoke(
        app, ["resume", "--make-hash", "--password-stdin"], input="another one\n"
    )
    assert made.exit_code == 0
    assert resume("--why", "x", password="another one", hashed=made.stdout.strip()).exit_code == 0
    # Nothing in it is for a shell, or a compose file, to take for its own.
    assert set("$\"'\\ #") & set(made.stdout.strip()) == set()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("short\n", "at least 8"),
        ("\n", "not be empty"),
        ("größer als acht\n".encode("latin-1"), "must be text in UTF-8"),
    ],
)
def test_a_password_that_is_none_gets_no_hash(given, words):
    made = CliRunner().invoke(app, ["resume", "--make-hash", "--password-stdin"], input=given)
    assert (made.exit_code, made.stdout) == (2, "")
    assert words in made.stderr
