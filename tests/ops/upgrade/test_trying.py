"""`perpkit doctor --upgrade`: what is asked for, and what pip says to it."""

from __future__ import annotations

import json
import sys
import zipfile
from importlib.metadata import Distribution

import pytest
from typer.testing import CliRunner

from perpkit.cli import app
from perpkit.ops.upgrade import environment, trying
from perpkit.ops.upgrade.own_copy import IncompleteError, packed
from tests.conftest import REPOSITORY

PIP = (
    "ERROR: Could not find a version that satisfies the requirement freqtrade==2026.99 "
    "(from versions: {})\n"
    "ERROR: No matching distribution found for freqtrade==2026.99\n"
)


def upgrade(*arguments):
    return CliRunner().invoke(app, ["doctor", "--upgrade", *arguments])


@pytest.mark.parametrize("asked", ["latest", "", "2026.x", "2026.9; rm -rf /"])
def test_what_is_no_version_is_refused(asked):
    result = upgrade(asked)
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: --upgrade must be a version of Freqtrade, such as 2026.9, got {asked!r}\n"
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

    def install(python, freqtrade, perpkit):
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
        ("none", "the package registry cannot be reached"),
    ],
)
def test_what_pip_does_not_find_is_one_line(versions, words, tmp_path, monkeypatch):
    """pip itself, in a Python that is a script: what it prints is what pip 24 and 26 print."""
    python = tmp_path / "python"
    python.write_text(f"#!{sys.executable}\nimport sys\nsys.exit({PIP.format(versions)!r})\n")
    python.chmod(0o755)
    monkeypatch.setattr(trying, "make", lambda _: python)
    result = upgrade("2026.99")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: --upgrade: ")
    assert line.endswith(words)


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


def test_no_key_of_the_environment_reaches_the_trial(monkeypatch):
    monkeypatch.setenv("FREQTRADE__EXCHANGE__KEY", "planted")
    monkeypatch.setenv("PERPKIT_PLUGINS", "0")
    found = environment.bare_environment()
    assert "PATH" in found
    assert not [name for name in found if name.startswith(("FREQTRADE__", "PERPKIT_"))]


def test_a_checkout_is_installed_as_it_is(tmp_path):
    from perpkit.ops.upgrade.own_copy import own_copy

    assert own_copy(tmp_path) == REPOSITORY
