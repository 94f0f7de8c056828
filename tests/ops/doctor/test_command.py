"""`perpkit doctor`: what it prints, and its exit codes."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from perpkit.ops.doctor import command
from perpkit.ops.doctor.finding import UnavailableError, fail, ok, warn
from perpkit.ops.doctor.registry import Check
from tests.bench.doctor import SetUp


def of(*findings):
    return lambda context: findings


def unavailable(context):
    raise UnavailableError("no keys")


@pytest.fixture
def checks(monkeypatch):
    """In the place of the real ones."""

    def put(*found: Check) -> None:
        monkeypatch.setattr("perpkit.ops.doctor.registry.CHECKS", found)

    return put


def test_a_table_shows_each_finding_with_its_fix(sound: SetUp, checks):
    checks(
        Check("first", of(ok("It is well"), fail("It is [bad]", "mend it"))),
        Check("second", of(warn("It is old", "make it new"))),
        Check("third", unavailable),
    )
    result = sound.doctor()
    assert result.exit_code == 1
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines[1:] == [
        "OK first It is well",
        "FAIL It is [bad]",
        "-> mend it",
        "WARN second It is old",
        "-> make it new",
        "SKIPPED third no keys",
        "1 failed, 1 warnings, 1 in order, 1 skipped",
    ]


def test_json_is_all_that_is_printed(sound: SetUp, checks):
    checks(Check("first", of(fail("It is bad", "mend it"))))
    result = sound.doctor("--json")
    assert result.exit_code == 1
    assert result.stderr == ""
    content = json.loads(result.stdout)
    assert content["findings"] == [
        {
            "check": "first",
            "level": "fail",
            "words": "It is bad",
            "fix": "mend it",
            "table": None,
        }
    ]
    assert content["counts"] == {"ok": 0, "warn": 0, "fail": 1, "skipped": 0}


@pytest.mark.parametrize(
    ("findings", "code"),
    [
        ([ok("well")], 0),
        ([], 0),
        ([ok("well"), warn("old", "make it new")], 1),
        ([fail("bad", "mend it")], 1),
    ],
)
def test_its_exit_code(sound: SetUp, checks, findings, code):
    checks(Check("first", of(*findings)))
    assert sound.doctor().exit_code == code


def test_a_sound_set_up_as_a_whole(sound: SetUp):
    result = sound.doctor("--offline", "--json")
    assert result.exit_code == 0, result.stdout
    content = json.loads(result.stdout)
    assert content["counts"]["fail"] == content["counts"]["warn"] == 0


def test_a_file_that_is_not_there_is_a_mistake(sound: SetUp):
    sound.files.append(sound.home / "gone.json")
    result = sound.doctor()
    assert result.exit_code == 2
    assert "Error: --config must name a file, got" in result.stderr
    assert result.stdout == ""


def test_a_configuration_that_freqtrade_refuses_is_a_finding(sound: SetUp):
    sound.add({"exchange": {"name": "nowhere"}})
    result = sound.doctor("--offline", "--json")
    assert result.exit_code == 1
    [wrong] = [f for f in json.loads(result.stdout)["findings"] if f["level"] == "fail"]
    assert wrong["check"] == "configuration"
    assert 'Exchange "nowhere"' in wrong["words"]


def test_log_and_bytecode_are_as_they_were(sound: SetUp, checks):
    seen = []

    def look(context):
        seen.append((logging.root.manager.disable, sys.dont_write_bytecode))
        return []

    checks(Check("first", look))
    before = logging.root.manager.disable, sys.dont_write_bytecode
    sound.doctor()
    assert seen == [(logging.CRITICAL, True)]
    assert (logging.root.manager.disable, sys.dont_write_bytecode) == before
    assert command._STYLES
