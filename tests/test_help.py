"""`--help` of every command shows what was written: no mark-up, no emoji out of a name."""

from __future__ import annotations

import json
import re
from importlib.metadata import version

import pytest
from typer import rich_utils
from typer.main import get_command
from typer.testing import CliRunner

from perpkit import __version__
from perpkit.cli import app
from perpkit.ops import passed
from tests.bench.command_line import commands


def words(text: str) -> str:
    return " ".join(re.sub("[│╭╮╰╯─]", " ", text).split())


@pytest.mark.parametrize(
    ("path", "command"), [pytest.param(*c, id=" ".join(c[0])) for c in commands(get_command(app))]
)
def test_help_is_shown_as_written(path, command, monkeypatch):
    # Its words for TERMINAL_WIDTH, which typer reads once, when an earlier test needed it.
    monkeypatch.setattr(rich_utils, "MAX_WIDTH", 1000)
    result = CliRunner().invoke(app, [*path, "--help"])
    assert result.exit_code == 0
    shown = words(result.output)
    written = [command.help, *(getattr(p, "help", None) for p in command.params)]
    written += [p.metavar for p in command.params]
    for text in filter(None, written):
        for paragraph in text.split("\n\n"):
            assert words(paragraph) in shown
    assert "<bool>" not in shown
    # All of our own words are ASCII, but for a few signs.
    assert not [sign for sign in shown if ord(sign) > 0x2FFF]


PASSED = {
    "perpkit": __version__,
    "at": "2026-11-30",
    "freqtrade": "2026.9",
    "ccxt": "4.5.90",
    "releases": ["2026.9"],
    "pythons": ["3.11.7"],
}
LAST = " (contracts and rehearsal last passed with {}, on 2026-11-30)"


@pytest.mark.parametrize(
    ("content", "with_freqtrade", "with_ccxt", "more"),
    [
        (PASSED, LAST.format("2026.9"), LAST.format("4.5.90"), []),
        (None, "", "", [passed.NOT_RUN]),
    ],
)
def test_the_version_is_printed(content, with_freqtrade, with_ccxt, more, tmp_path, monkeypatch):
    monkeypatch.setattr(passed, "FILE", tmp_path / "passed.json")
    passed.FILE.write_text(json.dumps(content))
    result = CliRunner().invoke(app, ["--version"])
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"perpkit {__version__}",
        f"freqtrade {version('freqtrade')}{with_freqtrade}",
        f"ccxt {version('ccxt')}{with_ccxt}",
        *more,
    ]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (None, "FileNotFoundError"),
        ("", "JSONDecodeError"),
        ('{"perpkit": "0.1', "JSONDecodeError"),
        ("\0", "JSONDecodeError"),
        ("[]", "TypeError"),
        ("{}", "KeyError"),
        (json.dumps({"perpkit": __version__}), "KeyError"),
        (json.dumps({**PASSED, "releases": None}), "TypeError"),
    ],
)
def test_versions_are_printed_beside_a_damaged_record(content, error, tmp_path, monkeypatch):
    monkeypatch.setattr(passed, "FILE", tmp_path / "passed.json")
    if content is not None:
        passed.FILE.write_text(content)
    result = CliRunner().invoke(app, ["--version"])
    assert result.exit_code == 0
    *versions, last = result.stdout.splitlines()
    assert [line.split()[0] for line in versions] == ["perpkit", "freqtrade", "ccxt"]
    assert last == f"{passed.FILE} is damaged ({error}): what last passed is not known"
    assert passed.last_passed() is None
