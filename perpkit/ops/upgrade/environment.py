"""An environment of its own with another Freqtrade, made by venv and pip."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from pathlib import Path

from perpkit.ops.upgrade.processes import run

_OPTIONS = ("--disable-pip-version-check", "--no-input", "--progress-bar=off", "--quiet")
_VERSIONS = re.compile(r"\(from versions: (.*)\)")
# Of what is installed, or of what builds a checkout, for which pip asks first.
_NONE = re.compile(r"satisfies the requirement ([\w.-]+).*\(from versions: none\)")
# Above a traceback, which ends with the error.
_UNFORESEEN = "ERROR: Exception:"
# What pip puts before the cause of an error in somebody else's package.
_CROSS = "\u00d7 "
_SHOWN = 5
# It takes seconds; pip takes minutes, more where it has to build a package.
_MAKE_SECONDS = 600.0
_PIP_SECONDS = 3600.0
# What to do about a Freqtrade that does not pass.
STAY = "stay with the Freqtrade that is installed, and report this; try again with a newer Perpkit"


class NoSuchVersionError(Exception):
    """The package registry has no such Freqtrade, or does not answer; the message says which."""


class CannotInstallError(Exception):
    """The environment cannot be made; the message says why."""


def make(folder: Path) -> Path:
    """Makes an empty environment with pip.

    :return: its Python
    :raises CannotInstallError: where Python lacks ensurepip, as Debian's without python3-venv
    """
    command = [sys.executable, "-I", "-m", "venv", "--symlinks", str(folder)]
    try:
        done = run(command, folder.parent, _MAKE_SECONDS)
    except (subprocess.TimeoutExpired, OSError) as error:
        raise CannotInstallError(f"no environment can be made in {folder}: {error}") from None
    if done.returncode:
        words = " ".join(f"{done.stdout} {done.stderr}".split())
        raise CannotInstallError(f"no environment can be made in {folder}: {words}")
    return folder / "bin" / "python"


def install(python: Path, freqtrade: str, perpkit: Path, folder: Path) -> None:
    """Installs a Freqtrade and a Perpkit together, with what they require.

    :param freqtrade: a version
    :param perpkit: a checkout or a wheel
    :param folder: for temporary files
    :raises NoSuchVersionError: if the registry has no such Freqtrade for this Python, or cannot be
        reached
    :raises CannotInstallError: if pip fails, or finds that the two exclude each other
    """
    wanted = f"freqtrade=={freqtrade}"
    command = [str(python), "-I", "-m", "pip", "install", *_OPTIONS, wanted, str(perpkit)]
    try:
        done = run(command, folder, _PIP_SECONDS)
    except subprocess.TimeoutExpired:
        raise CannotInstallError(
            f"pip has not installed Freqtrade {freqtrade} and Perpkit in {_PIP_SECONDS:g} s"
        ) from None
    if done.returncode == 0:
        return
    if unknown := _NONE.search(done.stderr):
        raise NoSuchVersionError(_nothing(unknown[1]))
    if f"No matching distribution found for {wanted}" in done.stderr:
        raise NoSuchVersionError(_absent(freqtrade, done.stderr))
    words = _error(done.stderr)
    raise CannotInstallError(f"pip cannot install Freqtrade {freqtrade} and Perpkit: {words}")


def _nothing(package: str) -> str:
    unreached = "the package registry cannot be reached"
    if package == "freqtrade":
        return f"pip finds no Freqtrade at all: {unreached}"
    # What is compiled may be there for other machines.
    return f"pip finds no {package} at all: {unreached}, or has none for this machine"


def _error(log: str) -> str:
    """Returns why pip has failed, in a line.

    :param log: of pip, where warnings come first, and what others have said is indented
    """
    lines = [line.strip() for line in log.splitlines() if line.strip()] or ["no words"]
    errors = [line for line in lines if line.startswith("ERROR:") and line != _UNFORESEEN]
    causes = [line for line in lines if line.startswith(_CROSS)]
    first = [*errors, *causes, lines[-1]][0]
    return first.removeprefix("ERROR: ").removeprefix(_CROSS)


def _absent(freqtrade: str, log: str) -> str:
    """:param log: of pip"""
    found = _VERSIONS.search(log)
    versions = found[1].split(", ") if found else []
    return (
        f"there is no Freqtrade {freqtrade} for Python {platform.python_version()} in the package "
        f"registry; the newest there are {', '.join(versions[: -_SHOWN - 1 : -1])}"
    )
