"""What a release says of itself: version, metadata, change log, and what last passed."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator
from email.parser import Parser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import perpkit
from perpkit.ops.passed import NOT_RUN, Passed

_HEADING = re.compile(r"^## (\S+)", re.M)


def wrong_versions(declared: dict, changes: str, passed: Passed | None) -> Iterator[str]:
    """
    :param declared: pyproject's content
    :param changes: CHANGELOG.md
    :param passed: what `make compat` has written of this version
    """
    project = declared["project"]
    version = project["version"]
    if str(Version(version)) != version:
        yield f"version must be written as {Version(version)}, got {version}"
    if perpkit.__version__ != version:
        yield f"perpkit.__version__ is {perpkit.__version__}, pyproject.toml has {version}"
    heading = _HEADING.search(changes)
    if heading is None or heading[1] != version:
        newest = heading[1] if heading else "none"
        yield f"CHANGELOG.md must begin with {version}, its newest release is {newest}"
    if passed is None:
        yield NOT_RUN
        return
    for requirement in map(Requirement, project["optional-dependencies"]["tested"]):
        found = getattr(passed, requirement.name)
        if not requirement.specifier.contains(found, prereleases=True):
            yield f"what last passed, {requirement.name} {found}, is not within {requirement}"


def _named(requirements: Iterable[str]) -> set[str]:
    """The same for a name in any spelling: `TA-Lib` is `ta-lib`."""
    parsed = map(Requirement, requirements)
    return {f"{canonicalize_name(each.name)}{each.specifier}" for each in parsed}


def wrong_metadata(wheel: Path, declared: dict) -> Iterator[str]:
    """What the wheel declares and pyproject does not, or the reverse."""
    project = declared["project"]
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        found = Parser().parsestr(archive.read(name).decode())
    listed = found.get_all("Requires-Dist", [])
    plain = _named(each for each in listed if Requirement(each).marker is None)
    for what, wanted, has in (
        ("Name", project["name"], found["Name"]),
        ("Version", project["version"], found["Version"]),
        ("Requires-Python", project["requires-python"], found["Requires-Python"]),
        ("License-Expression", project["license"], found["License-Expression"]),
        ("requirements", _named(project["dependencies"]), plain),
        (
            "extras",
            {*project["optional-dependencies"]},
            {*found.get_all("Provides-Extra", [])},
        ),
    ):
        if wanted != has:
            yield f"{what} of the wheel must be {wanted}, got {has}"
    if not (found.get_payload() or "").strip():
        yield "the wheel has no description: readme of pyproject.toml"
