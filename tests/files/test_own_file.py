"""Files that a user names are written where nothing of another kind is lost."""

import os
import subprocess
import sys

import pytest

from perpkit.files.own_file import check_own

MARK = b"made by us"
WORDS = {"out": "report", "chart": "chart", "overlay": "overlay"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, ""),
        (b"", ""),
        (b"<p>made by us</p>", ""),
        (b'{"exchange": {}}', "out must be a new file or an earlier page, got"),
    ],
)
def test_only_one_of_its_kind_is_replaced(tmp_path, content, message):
    path = tmp_path / "page.html"
    if content is not None:
        path.write_bytes(content)
    if message:
        with pytest.raises(ValueError, match=message):
            check_own(path, "out", "an earlier page", MARK)
    else:
        check_own(path, "out", "an earlier page", MARK)


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_is_no_file_is_refused(tmp_path, make):
    make(tmp_path / "out")
    with pytest.raises(ValueError, match="out must be a file, got"):
        check_own(tmp_path / "out", "out", "an earlier page", MARK)


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (["report", "export.zip"], "out"),
        (["breakers", "replay", "--datadir=."], "chart"),
        (["venue", "--port=0"], "overlay"),
    ],
)
def test_a_command_leaves_a_configuration_alone(tmp_path, command, option):
    path = tmp_path / "config.json"
    path.write_text("{}")
    given = [sys.executable, "-m", "perpkit.cli", *command, f"--{option}={path}"]
    found = subprocess.run(
        given, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert found.returncode == 2, found.stderr
    assert f"{option} must be a new file or an earlier {WORDS[option]}, got {path}" in found.stderr
    assert path.read_text() == "{}"
