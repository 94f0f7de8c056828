"""What a wheel and an sdist must contain: all that is committed for them, and nothing else."""

from __future__ import annotations

import subprocess
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import REPOSITORY

# Of the repository only.
_NOT_SHIPPED = {".ci/run"}
_INFO = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")


def project() -> dict:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text())


def committed() -> set[str]:
    command = ["git", "ls-files", "-z"]
    done = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    return {name for name in done.stdout.split("\0") if name}


def of_sdist(committed: set[str]) -> set[str]:
    return committed - _NOT_SHIPPED | {"PKG-INFO"}


def of_wheel(committed: set[str], declared: dict) -> set[str]:
    """
    :param committed: of the repository
    :param declared: pyproject's content
    """
    wheel = declared["tool"]["hatch"]["build"]["targets"]["wheel"]
    moved = {f"{folder}/": f"{to}/" for folder, to in wheel["sources"].items()}
    found = {name for name in committed if name.startswith("perpkit/")}
    for name in committed - found:
        folder = next((folder for folder in moved if name.startswith(folder)), "")
        if folder and name.endswith(".py"):
            found.add(moved[folder] + name.removeprefix(folder))
    for name, to in wheel["force-include"].items():
        found = found - {name} | {to}
    named = declared["project"]
    return found | {f"{named['name']}-{named['version']}.dist-info/{each}" for each in _INFO}


def differences(kind: str, expected: set[str], found: set[str]) -> Iterator[str]:
    for name in sorted(expected - found):
        yield f"the {kind} lacks {name}"
    for name in sorted(found - expected):
        yield f"the {kind} has {name}, which is not committed for it"


def in_sdist(path: Path) -> set[str]:
    with tarfile.open(path) as sdist:
        return {each.name.partition("/")[2] for each in sdist.getmembers() if each.isfile()}


def in_wheel(path: Path) -> set[str]:
    with zipfile.ZipFile(path) as wheel:
        return {each.filename for each in wheel.infolist() if not each.is_dir()}
