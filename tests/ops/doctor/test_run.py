"""The checks as a whole: none finds anything in what is sound, and none leaves a trace."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from perpkit.ops.doctor import software
from perpkit.ops.doctor.finding import Finding, UnavailableError, fail, ok, warn
from perpkit.ops.doctor.registry import CHECKS, Check
from perpkit.ops.doctor.run import run
from perpkit.ops.level import Level
from perpkit.record import state_file
from tests.bench.doctor import NOW
from tests.bench.states import least

KILLED = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.executescript(sys.argv[2])
os._exit(9)
"""
# So much that SQLite has written some of it into the database before the process ends.
HALF_A_TRANSACTION = (
    "PRAGMA cache_size = 1; BEGIN; INSERT INTO about WITH RECURSIVE n(x) AS "
    "(SELECT 3 UNION ALL SELECT x + 1 FROM n WHERE x < 20000) SELECT x, x FROM n;"
)


def killed_while(path: str, script: str) -> None:
    subprocess.run([sys.executable, "-c", KILLED, path, script], check=False)


def tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (
            path.read_bytes() if path.is_file() else b"",
            path.stat().st_mtime_ns,
        )
        for path in sorted(folder.rglob("*"))
    }


@pytest.mark.parametrize(
    "how", [{}, {"venue": True}, {"venue": True, "live": True}, {"live": True}], ids=str
)
def test_nothing_is_found_in_what_is_sound(set_up, how):
    found = set_up(**how).found()
    assert [each for each in found if each.level.is_finding] == []
    assert {each.check for each in found} == {check.name for check in CHECKS}
    assert sum(each.level is Level.OK for each in found) > 20


def test_nor_in_a_bot_that_runs(sound):
    sound.keep_trades()
    state_file.write(sound.context().bot.places.state, least(written_at=NOW))
    assert sound.wrong() == []


@pytest.mark.parametrize("killed", [False, True], ids=["ended", "killed"])
def test_no_file_is_made_or_changed(sound, monkeypatch, killed):
    files = sound.keep_trades()
    (sound.user_data / "strategies").mkdir()
    (sound.user_data / "strategies" / "Mine.py").write_text(
        "from perpkit.bot.strategy import PerpStrategy\nclass Mine(PerpStrategy): pass\n"
    )
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    if killed:
        path = files.db_url.removeprefix("sqlite:///")
        killed_while(path, "CREATE TABLE more (x)")
        killed_while(str(files.path), HALF_A_TRANSACTION)
        assert os.path.getsize(f"{path}-wal")
        assert os.path.getsize(f"{files.path}-journal")
    before = tree(sound.home)
    result = sound.doctor("--offline")
    assert result.exit_code == 0, result.output
    assert tree(sound.home) == before


def test_a_trade_that_is_only_in_the_log_counts(sound):
    """What a bot that was killed has written last."""
    files = sound.keep_trades(started=False)
    killed_while(files.db_url.removeprefix("sqlite:///"), "DELETE FROM trades")
    assert any(each.words.startswith("0 open trades") for each in sound.found())


def raises(error: BaseException):
    def find(context):
        yield ok("so far")
        raise error

    return Check("a check", find)


def test_checks_that_raise_are_findings_of_their_own(sound):
    error = RuntimeError("it is so,\n  in two lines")
    checks = [Check(check.name, raises(error).find, check.online) for check in CHECKS]
    found = list(run(checks, sound.context()))
    assert [each.check for each in found if each.level.is_finding] == [c.name for c in CHECKS]
    assert {each.words for each in found if each.level.is_finding} == {
        "The check itself failed: RuntimeError: it is so, in two lines"
    }


def test_what_was_found_before_an_error_stays(sound):
    found = list(run([raises(OSError("no"))], sound.context()))
    assert [each.level for each in found] == [Level.OK, Level.FAIL]


def test_what_is_not_there_is_skipped(sound):
    found = list(run([raises(UnavailableError("no keys"))], sound.context()))
    assert found[1] == Finding(Level.SKIPPED, "no keys", check="a check")


def test_who_is_offline_asks_nobody(sound):
    check = Check("far away", lambda context: [ok("asked")], online=True)
    [asked] = run([check], sound.context())
    [not_asked] = run([check], sound.context(), offline=True)
    assert (asked.level, not_asked.level) == (Level.OK, Level.SKIPPED)


@pytest.mark.parametrize("level", [warn, fail])
def test_a_finding_has_a_fix(level):
    with pytest.raises(ValueError, match="fix must not be empty"):
        level("It is wrong", "")


SECRETS = {
    "telegram": {"enabled": True, "token": "planted-token", "chat_id": "planted-chat"},
    "api_server": {"password": "planted-password", "jwt_secret_key": "planted-jwt"},
    "exchange": {
        "key": "planted-key",
        "secret": "planted-secret",
        "ccxt_config": {"apiKey": "planted-ccxt", "options": {"privateKey": "planted-private"}},
    },
    "perpkit_alerts": ["mailto://me:planted-mail@example.org"],
    "db_url": "postgresql://me:planted-database@localhost/bot",
}


@pytest.mark.parametrize("broken", [False, True], ids=["accepted", "refused"])
def test_no_secret_gets_into_a_finding(sound, monkeypatch, broken):
    sound.add(SECRETS)
    monkeypatch.setenv("FREQTRADE__EXCHANGE__PASSWORD", "planted-passphrase")
    monkeypatch.setenv("PERPKIT_RESUME_HASH", "planted-hash")
    if broken:
        sound.add({"exchange": {"name": "planted-secret"}})
    planted = [
        *(
            [
                "token",
                "chat",
                "password",
                "jwt",
                "key",
                "secret",
                "ccxt",
                "private",
                "mail",
                "database",
            ]
        ),
        *("passphrase", "hash"),
    ]
    words = " ".join(f"planted-{name}" for name in planted)
    check = Check("all of them", lambda context: [warn(words, words)])
    found = list(run([*CHECKS, check], sound.context(), offline=True))
    assert "planted-" not in str(found)
    assert found[-1].words == " ".join(["***"] * len(planted))


def test_a_range_is_read_from_the_requirements(monkeypatch):
    monkeypatch.setattr(
        software.metadata,
        "requires",
        lambda _: [
            "freqtrade<2027,>=2026.6",
            "freqtrade<2026.10,>=2026.6; extra == 'tested'",
            "ccxt<4.6,>=4.5.60; extra == 'tested'",
            "freqtrade[hyperopt]; extra == 'dev'",
            "colorama; sys_platform == 'nowhere'",
        ],
    )
    assert {k: str(v) for k, v in software._ranges(None).items()} == {"freqtrade": "<2027,>=2026.6"}
    assert {k: str(v) for k, v in software._ranges("tested").items()} == {
        "freqtrade": "<2026.10,>=2026.6",
        "ccxt": "<4.6,>=4.5.60",
    }
