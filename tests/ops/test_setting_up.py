from __future__ import annotations

import subprocess
import sys

from perpkit.ops import setting_up
from tests.conftest import REPOSITORY

LINES = [
    "Collecting numpy>=2.3\n", "  Downloading numpy-2.3.0.whl (16.6 MB)\n", "WARNING: something\n",
    f"Collecting {100 * 'x'}\n", "Installing collected packages: numpy, x\n",
]  # fmt: skip


def test_one_line_that_fits_eighty_columns_and_is_gone_at_the_end(capsys):
    setting_up.followed(LINES, shown=True)
    shown = capsys.readouterr().out.split("\r\x1b[K")
    assert shown[1] == "1 packages: Collecting numpy>=2.3"
    assert shown[2] == "1 packages: Downloading numpy-2.3.0.whl (16.6 MB)"
    assert [line[:12] for line in shown[3:]] == ["2 packages: ", "2 packages: ", ""]
    assert max(map(len, shown)) < 80
    assert "\n" not in "".join(shown)


def test_where_there_is_no_terminal_nothing_is_shown(capsys):
    assert list(setting_up.followed(LINES, shown=False)) == LINES
    assert capsys.readouterr().out == ""


def test_the_words_of_a_pip_that_fails_are_printed(capfd):
    assert setting_up.main(["--no-index", "no-such-package-of-anybody"]) == 1
    assert "No matching distribution found for no-such-package-of-anybody" in capfd.readouterr().out


def test_an_interruption_is_one_line(monkeypatch, capsys):
    class Interrupted:
        def __init__(self, *_args, **_more):
            raise KeyboardInterrupt

    monkeypatch.setattr(setting_up.subprocess, "Popen", Interrupted)
    assert setting_up.main([]) == 130
    assert capsys.readouterr().out == "Stopped.\n"


def test_it_runs_where_nothing_is_installed_yet():
    # -S leaves out site-packages.
    command = [sys.executable, "-S", "-c", "import perpkit.ops.setting_up as it; print(it._SHOWN)"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("79\n", "")
