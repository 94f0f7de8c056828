from __future__ import annotations

import pytest
from typer.testing import CliRunner

from perpkit.cli import app


@pytest.fixture
def userdir(tmp_path):
    folder = tmp_path / "user_data"
    folder.mkdir()
    return folder


@pytest.fixture
def new(userdir):
    """Runs the command, by default in the user directory of this test."""

    def run(*arguments, folder=userdir):
        return CliRunner().invoke(app, ["new", *arguments, f"--userdir={folder}"])

    return run


@pytest.fixture
def written(userdir):
    """What lies in the user directory, folders included."""

    def names():
        return sorted(str(path.relative_to(userdir)) for path in userdir.rglob("*"))

    return names
