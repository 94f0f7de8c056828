"""Which releases of Freqtrade are tried with which Python."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from packaging.specifiers import SpecifierSet
from packaging.version import Version

# The first has every release, the others the newest.
PYTHONS = ("3.11", "3.12", "3.13")


@dataclass(frozen=True)
class Cell:
    """One environment."""

    freqtrade: str
    python: str

    def __str__(self) -> str:
        return f"{self.freqtrade}:{self.python}"

    @property
    def may_fail(self) -> bool:
        """Whether the rest passes without it: what is not released yet may still change."""
        return Version(self.freqtrade).is_prerelease


class UnreachableError(Exception):
    """The package registry does not answer; with pip's reason."""


def published() -> list[str]:
    """Every version of Freqtrade in the package registry, as pip says them.

    :raises UnreachableError: if it says none
    """
    command = [sys.executable, "-m", "pip", "index", "versions", "--pre", "freqtrade"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired as error:
        raise UnreachableError(f"no answer in {error.timeout} s") from None
    found = re.search(r"Available versions: (.*)", done.stdout)
    if not found:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise UnreachableError(said[-1] if said else f"pip says {done.stdout or done.stderr!r}")
    return found[1].split(", ")


def cells(versions: Iterable[str], required: SpecifierSet) -> list[Cell]:
    """The matrix, the newest release first; a release that was mended counts as it was mended.

    A pre-release is a cell only where it is newer than every release.

    :param required: the releases that Perpkit allows
    """
    allowed = sorted(v for v in map(Version, versions) if required.contains(v, prereleases=True))
    final = [version for version in allowed if not version.is_prerelease]
    months = [[*of] for _, of in groupby(final, key=lambda version: version.release[:2])]
    releases = [of[-1] for of in reversed(months)]
    if not releases:
        return []
    matrix = [Cell(str(releases[0]), python) for python in PYTHONS]
    matrix += [Cell(str(release), PYTHONS[0]) for release in releases[1:]]
    newer = [version for version in allowed if version > releases[0]]
    return matrix + [Cell(str(version), PYTHONS[0]) for version in newer[-1:]]
