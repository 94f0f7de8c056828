"""`perpkit keys` as an operator uses it, at a venue."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from typer.testing import CliRunner

from perpkit.cli import app
from perpkit.ops.keys.api_key import ApiKey, StoredKeys, fingerprint
from perpkit.ops.keys.store import AgeStore, KeyringStore
from tests.bench.planted import KEY, MARK, NEXT_KEY, NEXT_SECRET, PASSPHRASE, SECRET
from tests.conftest import REPOSITORY

NOW = datetime.now(UTC).replace(microsecond=0)
OLD, NEW = ApiKey(KEY, SECRET, NOW), ApiKey(NEXT_KEY, NEXT_SECRET, NOW)


def keys(command: str, *arguments: object, given: str | bytes = ""):
    result = CliRunner().invoke(app, ["keys", command, *map(str, arguments)], input=given)
    # Whatever is asked of it, it prints no key and no traceback.
    assert MARK not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def log(bot) -> list[tuple[str, str]]:
    """What the audit log has, with whose key."""
    path = bot.userdir / "perpkit" / "keys" / "main.log.jsonl"
    assert MARK not in path.read_text()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert all(datetime.fromisoformat(line["at"]).tzinfo for line in lines)
    return [(line["what"], line["key"]) for line in lines]


# check


def test_check_says_what_the_key_may_do(bot):
    result = keys("check", *bot.arguments)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Key {fingerprint(KEY)}, account main\n")
    for line in ("OK      futures        allowed", "OK      withdrawals    none"):
        assert line in result.stdout
    assert log(bot) == [("check", fingerprint(KEY))]


def test_check_exits_with_1_for_a_key_that_is_wrong(bot):
    bot.allow(withdraw=True)
    result = keys("check", *bot.arguments)
    assert result.exit_code == 1
    assert "FAIL    withdrawals    allowed: withdrawals" in result.stdout
    assert "fix: take it from the key" in result.stdout


def test_check_as_json(bot):
    bot.allow(addresses=frozenset(), spot=True)
    result = keys("check", *bot.arguments, "--json")
    shown = json.loads(result.stdout)
    assert (result.exit_code, shown["level"]) == (1, "fail")
    assert (shown["account"], shown["key"]) == ("main", fingerprint(KEY))
    levels = {each["check"]: each["level"] for each in shown["findings"]}
    assert (levels["addresses"], levels["other rights"], levels["clock"]) == ("fail", "warn", "ok")
    assert {"check", "level", "words", "fix"} == set(shown["findings"][0])


def test_check_of_the_stored_key(bot):
    KeyringStore("main").write(StoredKeys(NEW))
    bot.allow(withdraw=True)  # the configuration's
    result = keys("check", *bot.arguments, "--stored")
    assert (result.exit_code, log(bot)) == (0, [("check", NEW.fingerprint)])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-c", "nowhere.json"], "--config must name a file, got nowhere.json"),
        (["--stored"], "there is no key in the keyring"),
        (["--stored", "--file", "x", "--in", "keyring"], "--file cannot be given together"),
        (["--stored", "--in", "file"], "there is no terminal to type at"),
        (["--stored", "--file", "x", "--passphrase-file", "nowhere"], "nowhere cannot be read: No"),
    ],
)
def test_what_check_cannot_do_is_said(bot, arguments, words):
    result = keys("check", *([] if "-c" in arguments else bot.arguments), *arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert words in result.stderr


def test_check_without_a_key(bot):
    bot.configure(exchange={"key": "", "secret": ""})
    result = keys("check", *bot.arguments)
    assert result.exit_code == 2
    assert "FREQTRADE__EXCHANGE__KEY" in result.stderr


# store


def test_store_keeps_a_key(bot):
    result = keys("store", f"--userdir={bot.userdir}", "--stdin", given=f"{KEY}\n{SECRET}\n")
    assert result.exit_code == 0
    assert f"Key {OLD.fingerprint} is in the keyring" in result.stdout
    kept = KeyringStore("main").read()
    assert (kept.current.key, kept.current.secret, kept.coming) == (KEY, SECRET, None)
    assert log(bot) == [("store", OLD.fingerprint)]


@pytest.mark.parametrize(
    ("arguments", "given", "words"),
    [
        (["--stdin"], "", "the API key must be"),
        (["--stdin"], f"{KEY}\n", "the secret must be"),
        (["--stdin"], f"{KEY}\n{KEY}", "the secret must be another"),
        (["--stdin"], f"{KEY}\n{SECRET}ß".encode("latin-1"), "must be ASCII characters"),
        ([], f"{KEY}\n{SECRET}", "there is no terminal to type at: give it with --stdin"),
        (["--stdin", "--account", "a/b"], f"{KEY}\n{SECRET}", "perpkit.account must be a name"),
    ],
    ids=range(6),
)
def test_what_store_does_not_keep_is_said(bot, memory_keyring, arguments, given, words):
    result = keys("store", f"--userdir={bot.userdir}", *arguments, given=given)
    assert result.exit_code == 2
    assert words in result.stderr
    assert not memory_keyring.entries


def test_store_puts_nothing_over_a_key(bot):
    KeyringStore("main").write(StoredKeys(OLD))
    given = f"{NEXT_KEY}\n{NEXT_SECRET}"
    result = keys("store", f"--userdir={bot.userdir}", "--stdin", given=given)
    assert result.exit_code == 2
    assert "has a key already: use perpkit keys rotate" in result.stderr
    assert KeyringStore("main").read() == StoredKeys(OLD)


@pytest.mark.parametrize(
    ("passphrase", "words"),
    [("short", "at least 12 characters"), ("\udcff" * 12, "must be text in UTF-8")],
    ids=["short", "no text"],
)
def test_a_passphrase_has_a_length_and_is_text(bot, monkeypatch, passphrase, words):
    monkeypatch.setenv("PERPKIT_KEYS_PASSPHRASE", passphrase)
    arguments = (f"--userdir={bot.userdir}", "--in", "file", "--stdin")
    result = keys("store", *arguments, given=f"{KEY}\n{SECRET}")
    assert result.exit_code == 2
    assert words in result.stderr


# rotate


def rotate(bot, *more: str, given: str = f"{NEXT_KEY}\n{NEXT_SECRET}"):
    return keys("rotate", *bot.arguments, *more, given=given)


@pytest.fixture
def stored(bot) -> KeyringStore:
    store = KeyringStore("main")
    store.write(StoredKeys(OLD))
    return store


def kept(store: KeyringStore) -> tuple[str, str | None]:
    found = store.read()
    return found.current.key, found.coming.key if found.coming else None


def test_a_new_key_that_is_proved_takes_the_place_of_the_old_one(bot, stored):
    result = rotate(bot, "--stdin")
    assert result.exit_code == 0
    assert kept(stored) == (NEXT_KEY, None)
    assert f"{NEW.fingerprint} is in use; {OLD.fingerprint} is dropped" in result.stderr
    assert log(bot) == [(what, NEW.fingerprint) for what in ("rotate", "check", "rotate")]


@pytest.mark.parametrize(
    ("rights", "words"),
    [
        ({"addresses": frozenset({"10.0.0.1"})}, "signed call, reading, futures"),
        ({"trade": False}, "until the new one has: futures"),
        ({"withdraw": True}, "until the new one has: withdrawals"),
        ({"universal_transfer": True}, "until the new one has: transfers"),
    ],
)
def test_a_new_key_that_is_not_proved_waits_beside_the_old_one(bot, stored, rights, words):
    fine = bot.coming.restrictions
    bot.coming.restrictions = replace(fine, **rights)
    result = rotate(bot, "--stdin")
    assert result.exit_code == 1
    assert words in result.stderr
    assert kept(stored) == (KEY, NEXT_KEY)
    # A correction at the exchange, and the same command again.
    bot.coming.restrictions = fine
    result = rotate(bot, given="")
    assert result.exit_code == 0
    assert f"Going on with the rotation to {NEW.fingerprint}" in result.stderr
    assert kept(stored) == (NEXT_KEY, None)


def test_what_is_wrong_with_the_account_keeps_no_key_from_being_used(bot, stored):
    bot.coming.hedge = True
    result = rotate(bot, "--stdin")
    assert result.exit_code == 0
    assert "FAIL    position mode" in result.stdout
    assert kept(stored) == (NEXT_KEY, None)


def test_of_two_commands_at_once_the_second_puts_nothing_over_a_key(
    bot, memory_keyring, monkeypatch
):
    """While it is typed, another one has stored a key."""
    other = ApiKey("the key of another command", SECRET, NOW)

    def typed(*, stdin):
        KeyringStore("main").write(StoredKeys(other))
        return NEW

    monkeypatch.setattr("perpkit.ops.keys.command.given_key", typed)
    result = keys("store", f"--userdir={bot.userdir}")
    assert (result.exit_code, "has a key already" in result.stderr) == (2, True)
    KeyringStore("main").write(StoredKeys(OLD))
    result = rotate(bot)
    assert (result.exit_code, "was changed meanwhile" in result.stderr) == (2, True)
    assert KeyringStore("main").read() == StoredKeys(other)


@pytest.mark.parametrize("write", [1, 2])
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_interrupted_rotation_loses_no_key(
    bot, stored, memory_keyring, monkeypatch, write, when
):
    """Killed at any write, before or after it: the key that is used works, and it can go on."""
    keep, writes = memory_keyring.set_password, iter(range(1, 9))

    def killed(service: str, account: str, content: str) -> None:
        struck = next(writes) == write
        if struck and when == "before":
            raise KeyboardInterrupt
        keep(service, account, content)
        if struck:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(memory_keyring, "set_password", killed)
        assert rotate(bot, "--stdin").exit_code != 0
    expected = {
        (1, "before"): (KEY, None),
        (1, "after"): (KEY, NEXT_KEY),
        (2, "before"): (KEY, NEXT_KEY),
        (2, "after"): (NEXT_KEY, None),
    }
    assert kept(stored) == expected[write, when]
    if (write, when) != (2, "after"):
        assert rotate(bot, *([] if kept(stored)[1] else ["--stdin"])).exit_code == 0
    assert kept(stored) == (NEXT_KEY, None)


def test_a_rotation_can_be_given_up(bot, stored):
    bot.coming.restrictions = replace(bot.coming.restrictions, trade=False)
    assert rotate(bot, "--stdin").exit_code == 1
    assert "is unfinished" in rotate(bot, "--stdin").stderr
    assert rotate(bot, "--discard").exit_code == 0
    assert kept(stored) == (KEY, None)
    result = rotate(bot, "--discard")
    assert (result.exit_code, "no unfinished rotation" in result.stderr) == (2, True)


def test_the_stored_key_is_no_new_one(bot, stored):
    result = rotate(bot, "--stdin", given=f"{KEY}\n{NEXT_SECRET}")
    assert result.exit_code == 2
    assert "must be another one" in result.stderr
    assert kept(stored) == (KEY, None)


def test_a_rotation_of_nothing(bot):
    result = rotate(bot, "--stdin")
    assert result.exit_code == 2
    assert "perpkit keys store" in result.stderr


# exec


def execute(*arguments: object, monkeypatch) -> tuple[object, dict[str, str], list[str]]:
    """In this process, up to where the command takes its place."""
    started: list[tuple[str, list[str], dict[str, str]]] = []
    monkeypatch.setattr(os, "execvpe", lambda *given: started.append(given))
    result = keys("exec", *arguments)
    if not started:
        return result, {}, []
    return result, started[0][2], started[0][1]


def test_exec_puts_the_key_into_the_environment(bot, stored, monkeypatch):
    command = ["freqtrade", "trade", *bot.arguments]
    result, environment, arguments = execute(
        f"--userdir={bot.userdir}", "--", *command, monkeypatch=monkeypatch
    )
    assert (result.exit_code, result.output, arguments) == (0, "", command)
    assert environment["FREQTRADE__EXCHANGE__KEY"] == KEY
    assert environment["FREQTRADE__EXCHANGE__SECRET"] == SECRET
    assert log(bot) == [("exec", OLD.fingerprint)]


def test_exec_uses_the_old_key_while_a_rotation_is_unfinished(bot, stored, monkeypatch):
    stored.write(StoredKeys(OLD, NEW))
    result, environment, _ = execute("freqtrade", "trade", monkeypatch=monkeypatch)
    assert environment["FREQTRADE__EXCHANGE__KEY"] == KEY
    assert f"Warning: a rotation to key {NEW.fingerprint} is unfinished" in result.stderr


@pytest.mark.parametrize(("days", "reminded"), [(89, False), (90, True)])
def test_exec_reminds_of_an_old_key(bot, stored, monkeypatch, days, reminded):
    stored.write(StoredKeys(replace(OLD, stored=NOW - timedelta(days=days, minutes=1))))
    result, environment, _ = execute("freqtrade", "trade", monkeypatch=monkeypatch)
    assert environment
    assert (f"Warning: the key was stored {days} days ago" in result.stderr) is reminded


def test_exec_with_days_that_no_calendar_has(bot, stored):
    assert keys("exec", "--rotate-after", 10**12, "--", "true").exit_code == 2


def test_exec_starts_though_the_audit_log_cannot_be_written(bot, stored, monkeypatch):
    (bot.userdir / "perpkit").write_text("no folder")
    result, environment, _ = execute(
        f"--userdir={bot.userdir}", "freqtrade", "trade", monkeypatch=monkeypatch
    )
    assert environment
    assert "Warning: the audit log" in result.stderr


def test_exec_refuses_a_configuration_that_hides_the_key(bot, stored, tmp_path, monkeypatch):
    config = tmp_path / "config.json"
    config.write_text('{"exchange": {"api_key": "mine"}}')
    result, environment, _ = execute(
        "--", "freqtrade", "trade", f"-c{config}", monkeypatch=monkeypatch
    )
    assert (result.exit_code, environment) == (2, {})
    assert "exchange.api_key" in result.stderr


def test_exec_of_a_command_that_is_not_there(bot, stored):
    result = keys("exec", f"--userdir={bot.userdir}", "--", "no-such-command")
    assert result.exit_code == 2
    assert "no-such-command cannot be started: No such file" in result.stderr


STARTED = """
import os
from hashlib import sha256
from pathlib import Path
from perpkit.ops.bot_config import read_config

exchange = read_config([Path("config.json")]).config["exchange"]
print([sha256(exchange[name].encode()).hexdigest() for name in ("key", "secret")])
print([name for name in os.environ if name.startswith(("FREQTRADE_", "PERPKIT_KEYS"))])
"""


def test_what_a_process_that_is_started_with_a_key_sees(tmp_path):
    """Freqtrade reads it from the environment, where there is no passphrase of the store."""
    AgeStore(tmp_path / "k.age", PASSPHRASE).write(StoredKeys(OLD))
    shutil.copy(REPOSITORY / "config.json.example", tmp_path / "config.json")
    command = [sys.executable, "-m", "perpkit.cli", "keys", "exec", f"--file={tmp_path / 'k.age'}"]
    result = subprocess.run(
        [*command, "--", sys.executable, "-c", STARTED],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "PERPKIT_KEYS_PASSPHRASE": PASSPHRASE,
            "FREQTRADE__EXCHANGE__API_KEY": "another",
        },
        check=False,
    )
    hashes = [sha256(text.encode()).hexdigest() for text in (KEY, SECRET)]
    names = ["FREQTRADE__EXCHANGE__KEY", "FREQTRADE__EXCHANGE__SECRET"]
    assert result.stdout.splitlines() == [str(hashes), str(names)], result.stderr
