"""Environments made by uv, which shares what they have in common: a cell costs seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import REPOSITORY


class MissingPythonError(Exception):
    """There is no such Python here, and none can be fetched."""


class InstallError(Exception):
    """What is wanted cannot be installed together; the message is uv's."""


def _uv(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    # Interpreters of pyenv are found by their folders: its shims run only those it has switched on.
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    path = os.pathsep.join([*map(str, versions.glob("3.*/bin")), os.environ["PATH"]])
    command = [sys.executable, "-m", "uv", "--quiet", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}
    )


def make(folder: Path, python: str) -> Path:
    """An empty environment; its Python.

    :param python: such as "3.12"; uv fetches one that is not here, where it can
    """
    done = _uv("venv", "--clear", "--python", python, folder)
    if done.returncode:
        raise MissingPythonError(f"Python {python} is not here and cannot be fetched")
    return folder / "bin" / "python"


def install(python: Path, *requirements: str) -> None:
    done = _uv("pip", "install", "--python", python, *requirements)
    if done.returncode:
        raise InstallError(" ".join(done.stderr.split()))


def remove(python: Path, package: str) -> None:
    done = _uv("pip", "uninstall", "--python", python, package)
    if done.returncode:
        raise InstallError(" ".join(done.stderr.split()))


def wheel(folder: Path) -> Path:
    """Perpkit's, of this checkout."""
    done = _uv("build", "--wheel", "--out-dir", folder, REPOSITORY)
    if done.returncode:
        raise InstallError(" ".join(done.stderr.split()))
    (path,) = folder.glob("perpkit-*.whl")
    return path


def version(python: Path, package: str) -> str:
    return _said(python, f"from importlib.metadata import version; print(version({package!r}))")


def of_python(python: Path) -> str:
    return _said(python, "import platform; print(platform.python_version())")


def _said(python: Path, code: str) -> str:
    command = [str(python), "-I", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
