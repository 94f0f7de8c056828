"""What stands behind stdin, stdout and stderr ends no command in the middle."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PERPKIT = [sys.executable, "-m", "perpkit.cli"]


def run(redirection: str, *arguments: object, encoding: str = "utf-8"):
    shell = ["sh", "-c", f'exec "$@" {redirection}', "sh"]
    return subprocess.run(
        [*shell, *PERPKIT, *map(str, arguments)],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        text=True,
        timeout=240,
    )


def test_a_terminal_that_cannot_show_a_name_ends_nothing(tmp_path):
    (folder := tmp_path / "dla łodzi").mkdir()
    result = run("", "new", "strategy", "CalmHours", "--userdir", folder, encoding="latin-1")
    assert (result.returncode, result.stderr) == (0, "")
    assert f"{tmp_path}/dla \\u0142odzi/strategies/CalmHours.py" in result.stdout


@pytest.mark.parametrize(
    ("redirection", "code", "said"),
    [
        (">&-", 2, ""),
        (">&- 2>&-", 2, ""),
        ("<&- >&- 2>&-", 2, ""),
        (">/dev/full", 1, "Error: [Errno 28] No space left on device\n"),
    ],
)
def test_a_report_that_cannot_be_shown_is_no_traceback(tmp_path, redirection, code, said):
    (tmp_path / "bots.toml").write_text('[[account]]\nname = "a"\nconfig = []\n')
    result = run(redirection, "stop", "--accounts", tmp_path / "bots.toml")
    assert (result.returncode, result.stderr) == (code, said)
