"""Builds wheel and sdist, looks at both, and runs tests with the wheel outside of the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from perpkit.ops.passed import last_passed
from perpkit.ops.upgrade.processes import ended_in_order
from perpkit.ops.upgrade.trying import trial
from tests.compat.cells import PYTHONS
from tests.compat.environments import InstallError, MissingPythonError, install, make
from tests.conftest import REPOSITORY
from tests.release.contents import (
    committed,
    differences,
    in_sdist,
    in_wheel,
    of_sdist,
    of_wheel,
    project,
)
from tests.release.words import wrong_metadata, wrong_versions

OUT = REPOSITORY / "dist"
# Those of the core and of what a package brings; others copy files of the checkout, or read its
# sources.
TESTS = (
    "market",
    "risk",
    "execution",
    "parameters",
    "contract/test_plugin_discovery.py",
    "contract/test_live_seams.py",
)
# What the wheel has: without these, nothing of the sdist stands in for it.
PACKAGE = ("perpkit", "strategies", "protections", "pairlists", "user_data")


class NotBuiltError(Exception):
    """Neither sdist nor wheel."""


def build() -> tuple[Path, Path]:
    """The sdist, and the wheel that is built from it.

    :raises NotBuiltError: with what the build has said
    """
    shutil.rmtree(OUT, ignore_errors=True)
    command = [sys.executable, "-m", "build", "--installer", "uv", "--outdir", str(OUT)]
    done = subprocess.run(
        [*command, str(REPOSITORY)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotBuiltError(done.stdout.strip())
    (sdist,), (wheel,) = OUT.glob("*.tar.gz"), OUT.glob("*.whl")
    return sdist, wheel


def looked_at(sdist: Path, wheel: Path) -> Iterator[str]:
    """What is wrong with the two files."""
    declared, names = project(), committed()
    changes = (REPOSITORY / "CHANGELOG.md").read_text()
    yield from wrong_versions(declared, changes, last_passed())
    yield from differences("sdist", of_sdist(names), in_sdist(sdist))
    yield from differences("wheel", of_wheel(names, declared), in_wheel(wheel))
    yield from wrong_metadata(wheel, declared)
    command = [sys.executable, "-m", "twine", "check", "--strict", str(sdist), str(wheel)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        yield f"twine check --strict: {done.stdout.strip()}"


def tried(sdist: Path, wheel: Path, folder: Path) -> Iterator[str]:
    """What goes wrong with the wheel installed, outside of the checkout."""
    try:
        python = make(folder / "venv", PYTHONS[0])
        install(python, str(wheel))
        findings = [each for each in trial(python, folder) if each.level.is_finding]
        yield from (f"{each.check}: {each.words}" for each in findings)
        install(python, f"{wheel}[contract]")
    except (MissingPythonError, InstallError) as error:
        yield f"the wheel cannot be tried: {error}"
        return
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "sdist", filter="data")
    (outside,) = (folder / "sdist").iterdir()
    for name in PACKAGE:
        shutil.rmtree(outside / name)
    tests = [f"tests/{name}" for name in TESTS]
    done = subprocess.run(
        [str(python), "-m", "pytest", "-q", "-n", "2", "--dist", "loadscope", *tests],
        cwd=outside,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        | {"CASES_FACTOR": "0.2", "COLUMNS": "200"},  # a line says why a test fails
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines() or ["no words"]
    print(f"tests with the installed wheel: {lines[-1]}")
    if done.returncode:
        yield from (line for line in lines if line.startswith(("FAILED", "ERROR")))
        yield "tests fail with the installed wheel"


def main() -> int:
    """0 when nothing is wrong."""
    try:
        sdist, wheel = build()
    except NotBuiltError as error:
        print(f"{error}\nwrong: there is no wheel")
        return 1
    wrong = [*looked_at(sdist, wheel)]
    print(f"looked at {sdist.name} and {wheel.name}")
    # Tried in any case: what is wrong with both is then known after one run.
    with ended_in_order(), TemporaryDirectory(prefix="release-") as folder:
        wrong += tried(sdist, wheel, Path(folder))
    for words in wrong:
        print(f"wrong: {words}")
    print(f"{len(wrong)} wrong" if wrong else "in order")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
