"""`perpkit doctor --upgrade`: what is asked for, and what pip says to it."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from contextlib import suppress
from importlib.metadata import Distribution
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from perpkit.cli import app
from perpkit.ops.upgrade import environment, processes, trying
from perpkit.ops.upgrade.own_copy import IncompleteError, packed
from tests.conftest import REPOSITORY

PIP = (
    "ERROR: Could not find a version that satisfies the requirement freqtrade==2026.99 "
    "(from versions: {})\n"
    "ERROR: No matching distribution found for freqtrade==2026.99\n"
)


def script(folder, code):
    """A program that stands where a Python is called."""
    path = folder / "python"
    path.write_text(f"#!{sys.executable}\n{code}")
    path.chmod(0o755)
    return path


def upgrade(*arguments):
    return CliRunner().invoke(app, ["doctor", "--upgrade", *arguments])


@pytest.mark.parametrize("asked", ["latest", "", "2026.x", "2026.9; rm -rf /"])
def test_what_is_no_version_is_refused(asked):
    result = upgrade(asked)
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: --upgrade must be a version of Freqtrade, such as 2026.9, got {asked!r}\n"
    )


@pytest.mark.parametrize(
    "other",
    [["--offline"], ["--prune", "90d"], ["-c", "config.json"], ["--capital", "0"]],
    ids=lambda other: other[0],
)
def test_an_option_that_an_upgrade_does_not_use_is_refused(other, monkeypatch):
    monkeypatch.setattr(trying, "try_out", pytest.fail)
    result = upgrade("2026.9", *other)
    assert result.exit_code == 2
    name = {"-c": "--config"}.get(other[0], other[0])
    assert result.stderr == (
        f"Error: --upgrade reads no configuration and goes with --json only, got {name}\n"
    )


@pytest.mark.parametrize("asked", ["2025.1", "2026.6.dev0", "2027.1"])
def test_what_perpkit_does_not_allow_is_not_installed(asked, monkeypatch):
    monkeypatch.setattr(trying, "make", pytest.fail)
    result = upgrade(asked, "--json")
    assert result.exit_code == 1
    (finding,) = json.loads(result.stdout)["findings"]
    assert finding["level"] == "fail"
    assert finding["words"].startswith(f"Freqtrade {asked} is not within <2027,>=2026.6, which")


@pytest.mark.parametrize("asked", ["2026.6", "2026.10.dev0", "2026.10-dev", "2026.9.post1"])
def test_releases_within_and_what_is_not_released_yet_are_tried(asked, monkeypatch):
    """Up to pip, which would ask the package registry."""
    wanted = []
    monkeypatch.setattr(trying, "make", lambda _: sys.executable)
    monkeypatch.setattr(trying, "own_copy", lambda _: _)

    def install(python, freqtrade, perpkit, folder):
        wanted.append(freqtrade)
        raise environment.CannotInstallError("pip cannot install it")

    monkeypatch.setattr(trying, "install", install)
    result = upgrade(asked)
    assert wanted == [asked.replace("-", ".") + "0" * asked.endswith("-dev")]
    assert result.exit_code == 1
    assert "pip cannot install it" in result.stdout


@pytest.mark.parametrize(
    ("versions", "words"),
    [
        ("2026.8, 2026.9", "the newest there are 2026.9, 2026.8"),
        ("1, 2, 3, 4, 5, 6, 7", "the newest there are 7, 6, 5, 4, 3"),
        ("none", "finds no Freqtrade at all: the package registry cannot be reached"),
    ],
)
def test_what_pip_does_not_find_is_one_line(versions, words, tmp_path, monkeypatch):
    """pip itself, in a Python that is a script: what it prints is what pip 24 and 26 print."""
    result = with_pip(PIP.format(versions), tmp_path, monkeypatch)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: --upgrade: ")
    assert line.endswith(words)


def with_pip(says, tmp_path, monkeypatch):
    """What comes of it when pip fails and has said that."""
    python = script(tmp_path, f"import sys\nsys.exit({says!r})\n")
    monkeypatch.setattr(trying, "make", lambda _: python)
    return upgrade("2026.99", "--json")


# Of a checkout, pip 23 asks first for what builds it.
BUILD = """  error: subprocess-exited-with-error

  \u00d7 pip subprocess to install build dependencies did not run successfully.
  │ exit code: 1
  ╰─> [3 lines of output]
      ERROR: Could not find a version that satisfies the requirement {} (from versions: none)
      ERROR: No matching distribution found for hatchling>=1.25
      [end of output]

  note: This error originates from a subprocess, and is likely not a problem with pip.
"""


@pytest.mark.parametrize(
    "asked", ["hatchling>=1.25", "hatchling >= 1.25", "hatchling>=1.25 (from perpkit)"]
)
def test_a_registry_that_does_not_answer_a_build_is_one_line(asked, tmp_path, monkeypatch):
    result = with_pip(BUILD.format(asked), tmp_path, monkeypatch)
    assert result.exit_code == 2
    assert result.stderr == (
        "Error: --upgrade: pip finds no hatchling at all: the package registry cannot be reached, "
        "or has none for this machine\n"
    )


RETRYING = "WARNING: Retrying (Retry(total=4, connect=None)) after connection broken by 'x'\n"


@pytest.mark.parametrize(
    ("says", "words", "fix"),
    [
        ("ERROR: ResolutionImpossible: x\n", "ResolutionImpossible: x", "stay with"),
        ("ERROR: Exception:\nTraceback:\n  a\nE: timed out\n", "E: timed out", "stay with"),
        ("error: a\n\n\u00d7 No metadata.\n╰─> See above.\n", "No metadata.", "stay with"),
        ("  cc: b\n  ERROR: Failed building wheel\n", "Failed building wheel", "stay with"),
        ("a\n", "a", "stay with"),
        ("ERROR: No space left on device\n", "No space left on device", "TMPDIR="),
    ],
)
def test_why_pip_has_failed_is_a_finding(says, words, fix, tmp_path, monkeypatch):
    result = with_pip(RETRYING + says, tmp_path, monkeypatch)
    assert result.exit_code == 1
    (finding,) = json.loads(result.stdout)["findings"]
    assert finding["words"] == f"pip cannot install Freqtrade 2026.99 and Perpkit: {words}"
    assert fix in finding["fix"]


def test_what_pip_says_in_another_encoding_ends_nothing(tmp_path, monkeypatch):
    code = "import os\nos.write(2, b'ERROR: Fehler beim \\xdcbersetzen\\n')\nraise SystemExit(1)\n"
    monkeypatch.setattr(trying, "make", lambda _: script(tmp_path, code))
    result = upgrade("2026.99")
    assert result.exit_code == 1
    assert "Fehler beim" in result.stdout


@pytest.fixture
def no_environment(monkeypatch):
    """Nothing of it may be begun."""
    monkeypatch.setattr(trying, "make", pytest.fail)


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']"),
        OSError(errno.EROFS, "Read-only file system", "/tmp/perpkit-upgrade-a"),
        OSError(errno.ENOSPC, "No space left on device", "/tmp/perpkit-upgrade-a"),
    ],
    ids=lambda error: errno.errorcode[error.errno],
)
def test_without_a_temporary_folder_the_fix_is_another(error, no_environment, monkeypatch):
    def none(**_):
        raise error

    monkeypatch.setattr(trying, "TemporaryDirectory", none)
    finding = of_the_folder()
    assert finding["words"] == f"there is no place for an environment: {error}"


def of_the_folder():
    result = upgrade("2026.9", "--json")
    assert result.exit_code == 1
    (finding,) = json.loads(result.stdout)["findings"]
    assert finding["fix"].startswith("name another folder: TMPDIR=")
    return finding


def test_a_folder_from_which_nothing_is_loaded_is_refused(no_environment, monkeypatch):
    """As `/tmp` of a container: numpy would not be loaded, after minutes of pip."""
    real = os.statvfs(tempfile.gettempdir())
    flags = SimpleNamespace(f_flag=real.f_flag | os.ST_NOEXEC)
    monkeypatch.setattr(trying.os, "statvfs", lambda _: flags)
    assert "is mounted noexec" in of_the_folder()["words"]


def test_a_trial_that_does_not_start_is_a_finding(tmp_path):
    """This Python is isolated there: outside of the environment's packages, no Perpkit."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    python.chmod(0o755)
    (found,) = trying.trial(python, tmp_path)
    assert found.check == "installed"
    assert found.words == "Perpkit does not start with it: " + found.words.partition(": ")[2]
    assert "No module named 'perpkit'" in found.words


@pytest.fixture
def site(tmp_path):
    """A wheel as pip installs it: with the scripts and caches that it adds."""
    folder = tmp_path / "lib" / "site-packages"
    info = folder / "perpkit-1.0.dist-info"
    files = {
        "perpkit/__init__.py": "",
        "00_perpkit.pth": "import os",
        f"{info.name}/METADATA": "Metadata-Version: 2.4\nName: perpkit\nVersion: 1.0\n",
        f"{info.name}/WHEEL": "Wheel-Version: 1.0\n",
        f"{info.name}/INSTALLER": "pip",
        f"{info.name}/direct_url.json": "{}",
        "perpkit/__pycache__/__init__.cpython-311.pyc": "",
        "../bin/perpkit": "#!/bin/sh",
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    record = "".join(f"{name},,\n" for name in [*files, f"{info.name}/RECORD"])
    (info / "RECORD").write_text(record)
    return info


def test_the_installed_copy_is_packed_as_it_is(site, tmp_path):
    (site.parent / "perpkit" / "__init__.py").write_text("changed = True\n")
    with zipfile.ZipFile(packed(Distribution.at(site), tmp_path)) as wheel:
        names = {*wheel.namelist()}
        assert wheel.read("perpkit/__init__.py") == b"changed = True\n"
        record = wheel.read("perpkit-1.0.dist-info/RECORD").decode().splitlines()
    assert names == {
        "perpkit/__init__.py",
        "00_perpkit.pth",
        *(f"perpkit-1.0.dist-info/{name}" for name in ("METADATA", "WHEEL", "RECORD")),
    }
    assert {line.split(",")[0] for line in record} == names
    hashed = [line for line in record if "RECORD" not in line]
    assert all(line.split(",")[1].startswith("sha256=") for line in hashed)


def test_a_file_that_is_gone_is_named(site, tmp_path):
    (site.parent / "perpkit" / "__init__.py").unlink()
    with pytest.raises(IncompleteError, match=r"^perpkit/__init__\.py of the installed Perpkit"):
        packed(Distribution.at(site), tmp_path)


PLANTED = (
    "FREQTRADE__EXCHANGE__SECRET",
    "FREQTRADE__DB_URL",
    "PERPKIT_KEYS_PASSPHRASE",
    # With these, pip would install elsewhere.
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_USER",
)


@pytest.mark.parametrize(
    "started",
    [
        lambda _, folder: environment.make(folder / "venv"),
        lambda python, folder: environment.install(python, "2026.9", folder, folder),
        trying.trial,
    ],
    ids=["venv", "pip", "trial"],
)
def test_no_key_reaches_what_is_started(started, tmp_path, monkeypatch):
    """A Python that writes down its environment, which build backends have from pip."""
    seen = tmp_path / "seen.json"
    code = f"import json, os\njson.dump(dict(os.environ), open({str(seen)!r}, 'w'))\n"
    python = script(tmp_path, code)
    for name in PLANTED:
        monkeypatch.setenv(name, "planted")
    monkeypatch.setenv("PIP_INDEX_URL", "https://127.0.0.1/simple")
    monkeypatch.setattr(sys, "executable", str(python))
    # A trial writes its findings.
    (tmp_path / "found.json").write_text("[]")
    started(python, tmp_path)
    found = json.loads(seen.read_text())
    assert "planted" not in found.values()
    assert found["PATH"] == os.environ["PATH"]
    assert found["PIP_INDEX_URL"] == "https://127.0.0.1/simple"
    assert found["TMPDIR"] == str(tmp_path)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "127.0.0.1,localhost"),
        ({"NO_PROXY": "a.example"}, "a.example,127.0.0.1,localhost"),
        ({"NO_PROXY": "a.example", "no_proxy": "b.example"}, "b.example,127.0.0.1,localhost"),
    ],
)
def test_the_loopback_is_reached_without_a_proxy(given, expected, monkeypatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    found = processes.bare_environment()
    assert found["NO_PROXY"] == found["no_proxy"] == expected


# Starts a process of its own, as the trial does a bot, and writes down which.
PARENT = """import pathlib, subprocess, time
child = subprocess.Popen(["sleep", "300"])
pathlib.Path({said!r}).write_text(str(child.pid))
time.sleep(300)
"""


def gone(pid):
    """Whether a process ends; one that is not waited for has ended, too."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with suppress(FileNotFoundError):
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            if state != "Z":
                time.sleep(0.05)
                continue
        return True
    return False


def test_a_trial_that_hangs_ends_with_what_it_has_started(tmp_path, monkeypatch):
    said = tmp_path / "said"
    python = script(tmp_path, PARENT.format(said=str(said)))
    monkeypatch.setattr(trying, "_TRIAL_SECONDS", 5.0)
    (found,) = trying.trial(python, tmp_path)
    assert found.words == "looking at it and rehearsing have not ended in 5 s"
    assert gone(int(said.read_text()))


TRYING = """import pathlib, signal
from perpkit.ops.upgrade import trying
# As in a terminal: in the background of a shell, some are ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
trying.make = lambda _: pathlib.Path({python!r})
trying.install = lambda *_: None
trying.try_out("2026.9", lambda _: None)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_leaves_neither_processes_nor_files(number, tmp_path):
    said, temporary = tmp_path / "said", tmp_path / "temporary"
    temporary.mkdir()
    python = script(tmp_path, PARENT.format(said=str(said)))
    command = [sys.executable, "-c", TRYING.format(python=str(python))]
    environ = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL) as process:
        try:
            end = time.monotonic() + 60
            while not (said.exists() and said.read_text()) and time.monotonic() < end:
                time.sleep(0.05)
            process.send_signal(number)
            assert process.wait(30)
        finally:
            process.kill()
    assert gone(int(said.read_text()))
    assert [*temporary.iterdir()] == []


def test_a_checkout_is_installed_as_it_is(tmp_path):
    from perpkit.ops.upgrade.own_copy import own_copy

    assert own_copy(tmp_path) == REPOSITORY
