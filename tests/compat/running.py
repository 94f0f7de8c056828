"""One cell: an installation as a user has it and its rehearsal, then the contract tests."""

from __future__ import annotations

import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from perpkit import __version__
from perpkit.ops.upgrade.trying import trial
from tests.compat.beside import PACKAGE, beside
from tests.compat.cells import Cell
from tests.compat.contracts import contracts
from tests.compat.environments import (
    InstallError,
    MissingPythonError,
    install,
    make,
    of_python,
    remove,
    version,
    wheel,
)
from tests.conftest import REPOSITORY


@dataclass
class Outcome:
    """
    :param perpkit: what was tried; `commit` of it, empty where files differ from it
    :param python: with its last part, empty where it is missing
    :param missing: which Python is not here
    :param steps: of `perpkit doctor --upgrade` that are in order
    :param wrong: what it found, and what cannot be installed together
    :param beside: of the other plugin, its version; empty where it was not tried
    :param untried: why it was not, which is no fault of ours
    """

    cell: Cell
    python: str = ""
    ccxt: str = ""
    missing: str = ""
    steps: int = 0
    wrong: list[str] = field(default_factory=list)
    hold: int = 0
    moved: list[str] = field(default_factory=list)
    beside: str = ""
    seconds: int = 0
    perpkit: str = ""
    commit: str = ""
    untried: str = ""

    @property
    def passed(self) -> bool:
        return bool(self.hold and self.steps) and not (self.missing or self.wrong or self.moved)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "passed": self.passed}

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> Outcome:
        content = {name: value for name, value in content.items() if name != "passed"}
        return cls(**{**content, "cell": Cell(**content["cell"])})


def commit_of_checkout() -> str:
    """Empty where files differ from it: what is tried then cannot be named.

    But for the file that a whole matrix writes when it has passed.
    """
    if _git("status", "--porcelain", "--", ".", ":(exclude)perpkit/ops/passed.json"):
        return ""
    return _git("rev-parse", "HEAD")


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(REPOSITORY), *arguments]
    # Empty in an unpacked sdist, too.
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def run(cell: Cell, folder: Path, *, plugin: bool) -> Outcome:
    """
    :param folder: an empty one, which may be large
    :param plugin: whether another plugin is tried beside
    """
    outcome = Outcome(cell, perpkit=__version__, commit=commit_of_checkout())
    began = perf_counter()
    try:
        python = make(folder / "venv", cell.python)
        freqtrade = f"freqtrade=={cell.freqtrade}"
        # As a user has it: the wheel, and none of what the tests bring.
        install(python, freqtrade, str(wheel(folder / "wheel")))
        outcome.ccxt = version(python, "ccxt")
        outcome.python = of_python(python)
        findings = trial(python, folder)
        outcome.steps = sum(not each.level.is_finding for each in findings)
        outcome.wrong = [f"{f.check}: {f.words}" for f in findings if f.level.is_finding]
        if plugin:
            _try_beside(outcome, python, folder)
        install(python, freqtrade, f"ccxt=={outcome.ccxt}", "--editable", f"{REPOSITORY}[contract]")
        held = contracts(python, folder)
        outcome.hold, outcome.moved = held.hold, [*held.moved]
    except MissingPythonError as error:
        outcome.missing = str(error)
    except InstallError as error:
        outcome.wrong.append(f"install: {error}")
    outcome.seconds = round(perf_counter() - began)
    return outcome


def _try_beside(outcome: Outcome, python: Path, folder: Path) -> None:
    try:
        # Without what it requires: it holds ccxt below what newer Freqtrades need.
        install(python, "--no-deps", PACKAGE)
    except InstallError as error:  # withdrawn, or the registry is away: its makers' business
        outcome.untried = f"{PACKAGE} cannot be installed: {error}"
        return
    outcome.beside = version(python, PACKAGE)
    if words := beside(python, folder):
        outcome.wrong.append(f"beside {PACKAGE}: {words}")
    # It imports Freqtrade in every Python, of which contracts say that ours does not.
    remove(python, PACKAGE)
