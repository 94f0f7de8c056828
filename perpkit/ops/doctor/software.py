"""Checks Python, Freqtrade and ccxt against the versions that Perpkit is tested with.

The ranges are declared in pyproject.toml only: what is required, as dependencies, and what was
tested, as the extra `tested`. Both are read from the metadata of the installed package.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from perpkit.ops.doctor.context import Context
from perpkit.ops.doctor.finding import Finding, fail, ok, warn

_PACKAGES = ("freqtrade", "ccxt")
_EXTRA = "tested"


def check(_context: Context) -> Iterator[Finding]:
    yield _python()
    tested = _ranges(extra=_EXTRA)
    for package in _PACKAGES:
        version = metadata.version(package)
        yield _package(package, version, needed(package), tested.get(package))


def needed(package: str) -> SpecifierSet:
    """Returns the versions of a package that Perpkit requires; any, if it names none."""
    return _ranges(extra=None).get(package, SpecifierSet())


def _python() -> Finding:
    version = platform.python_version()
    required = SpecifierSet(metadata.metadata("perpkit")["Requires-Python"])
    if required.contains(version, prereleases=True):
        return ok(f"Python {version}")
    return fail(
        f"Python {version} is not within {required}",
        f"make an environment with a Python {required}, and install Perpkit there",
    )


def _package(
    name: str, version: str, required: SpecifierSet, tested: SpecifierSet | None
) -> Finding:
    shown = f"{name} {version}"
    install = f"pip install --upgrade 'perpkit[{_EXTRA}]' in this environment"
    if not required.contains(version, prereleases=True):
        return fail(f"{shown} is not within {required}, which Perpkit needs", install)
    if tested is not None and not tested.contains(version, prereleases=True):
        # A pre-release is of the release that it leads to: 2026.10.dev0 is newer than <2026.10.
        release = Version(Version(version).base_version)
        newer = all(release >= Version(s.version) for s in tested)
        return warn(
            f"{shown} is {'newer' if newer else 'other'} than what was tested ({tested}); the "
            "contracts below say what has changed",
            f"{install}; or a newer Perpkit",
        )
    return ok(f"{shown}, within {tested or required}")


def _ranges(extra: str | None) -> dict[str, SpecifierSet]:
    """Returns the version ranges of Perpkit's requirements, by package."""
    found = {}
    for text in metadata.requires("perpkit") or []:
        requirement = Requirement(text)
        wanted = requirement.marker is None
        if extra is not None and requirement.marker is not None:
            only_this = not requirement.marker.evaluate({"extra": ""})
            wanted = only_this and requirement.marker.evaluate({"extra": extra})
        elif extra is not None:
            wanted = False
        if wanted:
            found[requirement.name] = requirement.specifier
    return found
