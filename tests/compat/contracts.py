"""The contract tests in an environment: how many hold, and by name those that do not."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests.conftest import REPOSITORY


@dataclass(frozen=True)
class Contracts:
    """
    :param moved: of each seam that has moved, its test and what is there now
    """

    hold: int
    moved: tuple[str, ...]


def contracts(python: Path, folder: Path) -> Contracts:
    """:param folder: for the report"""
    report = folder / "contracts.xml"
    command = [str(python), "-m", "pytest", "-n", "0", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "tests/contract", f"--junitxml={report}"],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "CASES_FACTOR": "0.2"},
        capture_output=True,
        text=True,
        check=False,
    )
    if not report.is_file():
        return Contracts(0, (f"the tests do not start: {(done.stdout + done.stderr)[-300:]}",))
    return read(report)


def read(report: Path) -> Contracts:
    """:param report: of pytest, in the format of JUnit"""
    hold, moved = 0, []
    for case in ElementTree.parse(report).iter("testcase"):
        failed = case.find("failure")
        wrong = failed if failed is not None else case.find("error")
        if wrong is not None:
            module = case.get("classname", "").rpartition(".")[2].removeprefix("test_")
            name = case.get("name", "").removeprefix("test_").replace("_", " ")
            words = (wrong.get("message") or "no words").splitlines()[0]
            moved.append(f"{module or 'all'}: {name}: {words[:200]}")
        elif case.find("skipped") is None:
            hold += 1
    return Contracts(hold, tuple(moved))
