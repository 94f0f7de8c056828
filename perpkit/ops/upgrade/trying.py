"""Tries another Freqtrade with the installed Perpkit, in an environment that is deleted then."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.version import InvalidVersion, Version

import perpkit
from perpkit.ops.doctor.finding import Finding
from perpkit.ops.doctor.software import needed
from perpkit.ops.level import Level
from perpkit.ops.stored import BadInputError
from perpkit.ops.upgrade.environment import (
    STAY,
    CannotInstallError,
    NoSuchVersionError,
    install,
    make,
)
from perpkit.ops.upgrade.own_copy import IncompleteError, own_copy
from perpkit.ops.upgrade.processes import ended_in_order, run

# It takes a minute; a rehearsal waits four for each of its steps.
_TRIAL_SECONDS = 3600.0
_NO_ROOM = "No space left on device"
# What to do about a temporary folder that cannot hold an environment.
_ELSEWHERE = "name another folder: TMPDIR=/where/there/is/room perpkit doctor --upgrade VERSION"


def try_out(asked: str, say: Callable[[str], None]) -> list[Finding]:
    """Returns what was found with another Freqtrade; nothing of it stays on the disk.

    :param asked: its version
    :param say: is given each step before it begins
    :raises BadInputError: if that is no version, or none that the package registry has
    """
    version = _version(asked)
    wanted = needed("freqtrade")
    if not wanted.contains(version, prereleases=True):
        words = f"Freqtrade {version} is not within {wanted}, which Perpkit {perpkit.__version__}"
        return [_failed(f"{words} needs: pip would refuse it")]
    try:
        with ended_in_order(), TemporaryDirectory(prefix="perpkit-upgrade-") as folder:
            return _tried(version, Path(folder), say)
    except OSError as error:
        return [_failed(f"there is no place for an environment: {error}", _ELSEWHERE)]


def _tried(version: Version, folder: Path, say: Callable[[str], None]) -> list[Finding]:
    if _no_programs(folder):
        words = f"{folder.parent} is mounted noexec: no compiled package can be loaded from there"
        return [_failed(words, _ELSEWHERE)]
    try:
        say("making an environment")
        python = make(folder / "venv")
        say(f"installing Freqtrade {version} and Perpkit, two minutes or so")
        install(python, str(version), own_copy(folder), folder)
    except NoSuchVersionError as error:
        raise BadInputError(f"--upgrade: {error}") from None
    except (CannotInstallError, IncompleteError) as error:
        return [_failed(str(error))]
    say("looking at seams, and rehearsing")
    return trial(python, folder)


def _no_programs(folder: Path) -> bool:
    """Whether the folder is known to be mounted `noexec`, as /tmp is in containers; on Linux."""
    return hasattr(os, "ST_NOEXEC") and bool(os.statvfs(folder).f_flag & os.ST_NOEXEC)


def _version(asked: str) -> Version:
    try:
        return Version(asked)
    except InvalidVersion:
        raise BadInputError(
            f"--upgrade must be a version of Freqtrade, such as 2026.9, got {asked!r}"
        ) from None


def _failed(words: str, fix: str = STAY) -> Finding:
    return Finding(Level.FAIL, words, _ELSEWHERE if _NO_ROOM in words else fix, "installed")


def trial(python: Path, folder: Path) -> list[Finding]:
    """Returns what `perpkit.ops.upgrade.trial` finds with another Python.

    :param python: of an environment with Perpkit
    :param folder: for its files
    """
    out = folder / "found.json"
    # Isolated: neither the folder nor PYTHONPATH brings another Perpkit.
    command = [str(python), "-I", "-m", "perpkit.ops.upgrade.trial", str(out)]
    try:
        done = run(command, folder, _TRIAL_SECONDS)
    except subprocess.TimeoutExpired:
        return [_failed(f"looking at it and rehearsing have not ended in {_TRIAL_SECONDS:g} s")]
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
        return [_failed(f"Perpkit does not start with it: {last}")]
    return [
        Finding(Level(each["level"]), each["words"], each["fix"], each["check"])
        for each in json.loads(out.read_text())
    ]
