"""`perpkit new`: what it writes, that this works at once, and that nothing is lost by it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from perpkit.ops.new.kinds import PluginKind
from tests.conftest import REPOSITORY

FOLDERS = {
    PluginKind.PROTECTION: "protections",
    PluginKind.PAIRLIST: "pairlists",
    PluginKind.STRATEGY: "strategies",
}
# Ruff's own line length, and ours.
LINE_LENGTHS = (88, 100)


@pytest.mark.parametrize("kind", PluginKind)
def test_it_writes_a_class_and_its_test_and_prints_what_is_next(new, written, kind):
    result = new(kind, "CalmHours")
    assert result.exit_code == 0, result.output
    folder = FOLDERS[kind]
    files = [f"{folder}/CalmHours.py", "tests/test_CalmHours.py"]
    assert written() == sorted([folder, "tests", *files])
    for name in files:
        assert f"user_data/{name}" in result.stdout
    assert "python -m pytest" in result.stdout
    assert "freqtrade backtesting -c config.json" in result.stdout
    assert "CalmHours" in result.stdout.partition("pytest")[2]


@pytest.fixture(scope="module")
def all_kinds(tmp_path_factory) -> Path:
    """A user directory with everything that can be written, under names of both lengths."""
    folder = tmp_path_factory.mktemp("all") / "user_data"
    for number, kind in enumerate(PluginKind):
        for name in ("XYZ"[number], f"Of{kind}".ljust(50, "x")):
            for path, text in kind.files(name, folder).items():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
    return folder


def python(folder: Path, *arguments: str | Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=folder, capture_output=True, text=True, timeout=240
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_what_is_written_passes_its_own_tests(all_kinds):
    tests = [f"user_data/tests/test_{name}.py" for name in "XYZ"]
    python(all_kinds.parent, "pytest", "-q", "-p", "no:cacheprovider", *tests)


def test_what_is_written_passes_ruff(all_kinds):
    python(all_kinds, "ruff", "check", "--isolated", "--select=E4,E7,E9,F,B,UP,I", ".")
    for length in LINE_LENGTHS:
        python(all_kinds, "ruff", "format", "--isolated", f"--line-length={length}", "--check", ".")


def test_what_is_written_in_a_checkout_passes_its_linter(all_kinds):
    """There, ruff knows Perpkit for the code that it is run on."""
    for name in ("pyproject.toml", "perpkit"):
        (all_kinds.parent / name).symlink_to(REPOSITORY / name)
    python(all_kinds.parent, "ruff", "check", "user_data")
    python(all_kinds.parent, "ruff", "format", "--check", "user_data")


@pytest.mark.parametrize("kind", PluginKind)
def test_templates_are_short(kind):
    assert all(text.count("\n") < 80 for text in kind.templates())


@pytest.mark.parametrize("taken", ["strategies/CalmHours.py", "tests/test_CalmHours.py"])
@pytest.mark.parametrize("content", ["mine", "", None])
def test_an_existing_file_is_not_overwritten(new, userdir, written, taken, content):
    path = userdir / taken
    path.parent.mkdir()
    if content is None:
        path.symlink_to(userdir / "elsewhere")
    else:
        path.write_text(content)
    before = written()
    result = new("strategy", "CalmHours")
    assert result.exit_code == 2
    assert result.stderr == f"Error: {path} exists already, and is not overwritten\n"
    assert written() == before
    assert content is None or path.read_text() == content


def test_nothing_is_left_where_the_second_file_cannot_be_written(new, userdir, written):
    (userdir / "tests").write_text("no folder")
    result = new("strategy", "CalmHours")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: {userdir / 'tests' / 'test_CalmHours.py'} ")
    assert "cannot be written" in result.stderr
    assert written() == ["tests"]


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (OSError(28, "No space left on device"), 2, "cannot be written: No space left on device"),
        (KeyboardInterrupt(), 130, ""),
    ],
    ids=["full disk", "Ctrl-C"],
)
def test_nothing_is_left_of_what_was_not_written_whole(
    new, written, monkeypatch, error, code, words
):
    original = Path.open

    def full(self, *arguments, **more):
        file = original(self, *arguments, **more)
        if self.name == "test_CalmHours.py":

            def write(text):
                raise error

            file.write = write
        return file

    monkeypatch.setattr(Path, "open", full)
    result = new("pairlist", "CalmHours")
    assert result.exit_code == code
    assert words in result.stderr
    assert written() == []


@pytest.mark.parametrize("there", ["nothing", "a file"])
def test_a_user_directory_that_is_none_is_refused(new, tmp_path, there):
    folder = tmp_path / "typo"
    if there == "a file":
        folder.write_text("")
    result = new("strategy", "CalmHours", folder=folder)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: --userdir must be a folder, got '{folder}'")
    assert "freqtrade create-userdir" in result.stderr
    assert folder.is_file() is (there == "a file")


def test_an_unknown_kind_is_refused_with_those_there_are(new, written):
    result = new("breaker", "CalmHours")
    assert result.exit_code == 2
    assert all(kind in result.stderr for kind in PluginKind)
    assert written() == []
