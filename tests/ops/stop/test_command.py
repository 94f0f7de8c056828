"""`perpkit stop` on the command line: one bot, several, and mistakes; in dry-run."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from perpkit.cli import app
from perpkit.ops.stop.accounts import AccountEntry
from perpkit.ops.stop.several import stop_all
from perpkit.record.latch import LatchState, read
from tests.conftest import REPOSITORY

EXAMPLE = REPOSITORY / "config.json.example"


@pytest.fixture(autouse=True)
def hang_up():
    """The command lets a terminal go, for the whole process."""
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "user_data").mkdir()
    return tmp_path


def stop(*options: object):
    return CliRunner().invoke(app, ["stop", *map(str, options)], env={"PERPKIT_ALERTS": ""})


def latch(folder: Path) -> Path:
    return folder / "perpkit" / "latch" / "main.dry-run.json"


def test_for_people(home):
    result = stop("-c", EXAMPLE, "--why", "too hot")
    assert result.exit_code == 0, result.output
    shown = result.stdout
    assert "main (dry-run): latched, nothing is at the exchange" in shown
    assert f"stop latch {latch(home / 'user_data')}: HALTED" in shown
    assert "bot        dead: no process has its lock" in shown
    assert "message    nothing to send it by: PERPKIT_ALERTS is not set" in shown
    assert read(latch(home / "user_data")).why == "too hot"


def test_as_json_and_nothing_else_on_stdout(home):
    result = stop("-c", EXAMPLE, "--json")
    answer = json.loads(result.stdout)
    assert (answer["exit_code"], answer["latched"], answer["mode"]) == (0, True, "dry-run")
    assert "The stop latch" in result.stderr


def test_a_preview_leaves_no_trace(home):
    result = stop("-c", EXAMPLE, "--preview")
    assert result.exit_code == 0
    assert "would be HALTED" in result.stdout
    assert not (home / "user_data" / "perpkit").exists()


def test_it_outlives_its_terminal(home):
    stop("-c", EXAMPLE)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-c", "absent.json"], "--config must name a file, got absent.json"),
        (["--only", "x"], "--only needs --accounts"),
        (["--accounts", "absent.toml"], "--accounts cannot be read: absent.toml"),
        (["--accounts", "x.toml", "-c", "y.json"], "--accounts names the bots"),
        (["--accounts", "x.toml", "--rest-url", "http://x"], "--accounts names the bots"),
        (["--timeout", "5"], "--timeout"),
        ([], "there is neither user_data/config.json nor config.json"),
    ],
)
def test_a_mistake_is_one_clear_error(home, options, words):
    result = stop(*options)
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())
    assert "Traceback" not in result.output


@pytest.mark.parametrize("content", ["{", "[]", '{"exchange": 1}', '{"telegram": 1}', "[" * 2_000])
def test_a_configuration_that_is_none_is_a_mistake_and_latched(home, content):
    (home / "user_data" / "config.json").write_text(content)
    result = stop("--json")
    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["latched"]) == (2, True)
    assert "only the stop latch was set" in result.stderr
    assert read(latch(home / "user_data")).state is LatchState.HALTED
    assert "Traceback" not in result.output


def test_a_folder_that_is_not_mounted_has_no_latch_written_to_it(home):
    own = {"perpkit": {"latch_dir": str(home / "share" / "latch")}}
    (home / "own.json").write_text(json.dumps(own))
    result = stop("-c", EXAMPLE, "-c", "own.json", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["latched"] is False
    assert "latch is not there" in " ".join(result.stderr.split())
    assert not (home / "share").exists()


@pytest.mark.parametrize(
    "section",
    [{"api_server": 1}, {"internals": 1}, {"internals": {"process_throttle_secs": "x"}}],
)
def test_what_is_of_no_use_to_it_ends_nothing(home, section):
    (home / "odd.json").write_text(json.dumps(section))
    assert stop("-c", EXAMPLE, "-c", "odd.json").exit_code == 0


def test_what_one_of_several_says_in_another_encoding_is_shown(tmp_path, monkeypatch):
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nprintf 'gr\\366n\\nand on\\n' >&2\necho '{\"name\": \"a\"}'\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    said: list[str] = []
    [report] = stop_all([AccountEntry("one", tmp_path, ("-c", "x"))], [], 60, said.append)
    assert (said, report.problems) == (["[one] gr\ufffdn", "[one] and on"], [])


def test_several_at_once_each_with_its_own_environment(home):
    """One without a good entry, one whose configuration is broken: the others are stopped."""
    for name in ("first", "second", "third"):
        (home / name / "user_data").mkdir(parents=True)
    (home / "second" / "own.env").write_text("FREQTRADE__PERPKIT__ACCOUNT=named\n")
    (home / "third" / "broken.json").write_text("{")
    (home / "accounts.toml").write_text(
        f"""
        [[account]]
        name = "one"
        folder = "first"
        config = ["{EXAMPLE}"]

        [[account]]
        name = "two"
        folder = "second"
        config = ["{EXAMPLE}"]
        env_file = "own.env"

        [[account]]
        name = "broken"
        folder = "third"
        config = ["broken.json"]
        userdir = "user_data"

        [[account]]
        name = "bad"
        config = []

        [[account]]
        name = "odd"
        config = ["\\u0000"]
        """
    )
    result = stop("--accounts", home / "accounts.toml", "--json", "--why", "all of them")
    assert result.exit_code == 1
    found = {one["name"]: one for one in json.loads(result.stdout)["accounts"]}
    assert {name: one["exit_code"] for name, one in found.items()} == {
        "one": 0,
        "two": 0,
        "broken": 2,
        "bad": 2,
        "odd": 1,
    }
    assert read(latch(home / "first" / "user_data")).why == "all of them"
    named = home / "second" / "user_data" / "perpkit" / "latch" / "named.dry-run.json"
    assert read(named).state is LatchState.HALTED
    assert read(latch(home / "third" / "user_data")).state is LatchState.HALTED
    assert "[one] The stop latch" in result.stderr

    only = stop("--accounts", home / "accounts.toml", "--only", "one", "--preview")
    assert only.exit_code == 0
    assert "two" not in only.stdout


@pytest.mark.parametrize(
    ("own", "code", "latched"),
    [
        ('{"dry_run": true}', 2, ["main.dry-run.json", "main.live.json"]),
        ('{"dry_run": false}', 1, ["main.live.json"]),  # the files say it
    ],
)
def test_a_bot_that_may_be_live_is_not_taken_for_a_dry_run(home, monkeypatch, own, code, latched):
    """Where one container's environment says the mode, as with compose."""
    monkeypatch.setenv("FREQTRADE__DRY_RUN", "false")
    (home / "own.json").write_text(own)
    files = f'["{EXAMPLE}", "own.json"]'
    (home / "accounts.toml").write_text(f'[[account]]\nname = "one"\nconfig = {files}\n')
    result = stop("--accounts", home / "accounts.toml", "--json", "--timeout", 10)
    [one] = json.loads(result.stdout)["accounts"]
    assert (result.exit_code, one["latched"]) == (code, True)
    assert one["flat"] is not True
    folder = latch(home / "user_data").parent
    assert sorted(path.name for path in folder.glob("*.json")) == latched
    assert ("whether this one is live is not known" in one["mistake"]) is (code == 2)


def test_a_variable_that_decides_nothing_is_only_noted(home, monkeypatch):
    monkeypatch.setenv("FREQTRADE__API_SERVER__LISTEN_IP_ADDRESS", "0.0.0.0")
    (home / "accounts.toml").write_text(f'[[account]]\nname = "one"\nconfig = ["{EXAMPLE}"]\n')
    result = stop("--accounts", home / "accounts.toml", "--json")
    [one] = json.loads(result.stdout)["accounts"]
    assert (result.exit_code, one["problems"]) == (0, [])
    [note] = one["notes"]
    assert note.startswith("FREQTRADE__API_SERVER__LISTEN_IP_ADDRESS of the environment")


def test_what_the_environment_has_for_one_bot_stops_no_other(home, monkeypatch):
    """As in the container of one of them, which has its key, its database and its account."""
    monkeypatch.setenv("FREQTRADE__PERPKIT__ACCOUNT", "another")
    monkeypatch.setenv("FREQTRADE__EXCHANGE__KEY", "of another")
    (home / "accounts.toml").write_text(f'[[account]]\nname = "one"\nconfig = ["{EXAMPLE}"]\n')
    result = stop("--accounts", home / "accounts.toml", "--json")
    [one] = json.loads(result.stdout)["accounts"]
    assert (result.exit_code, one["latched"]) == (1, True)
    [problem] = one["problems"]
    assert problem.startswith("FREQTRADE__EXCHANGE__KEY, FREQTRADE__PERPKIT__ACCOUNT of the env")
    assert [path.name for path in latch(home / "user_data").parent.glob("*.json")] == [
        latch(home / "user_data").name
    ]
