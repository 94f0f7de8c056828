"""Counts the small mistakes in the core that its tests notice: `python -m benchmarks.mutants`.

A mutant is a module of `perpkit/risk`, `perpkit/breakers` or `perpkit/execution` with one mistake
from `mutant_operators`. The mutants of a seeded sample are tested one at a time in a copy of the
tree: first by the test file that mirrors the module, then by the others of the three folders that
import it and by the test of the parameter page (which holds defaults and ranges). A mutant whose
tests take ten times as long as usual counts as killed. Tests run in processes forked from one that
has imported Freqtrade and pandas, and property tests with a quarter of their cases: most mutants
cost a second or two.

Existing libraries do not fit: mutmut skips decorated functions (properties) and everything at
module level; cosmic-ray starts a pytest for each mutant and removes no statements. Neither draws a
sample.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from benchmarks.mutant_operators import mutations

WINGS = ("risk", "breakers", "execution")
PAGE = "tests/ops/test_parameters.py"
# Modules that nearly every test imports and no mutant changes.
PRELOADED = (
    "fastapi", "freqtrade.exchange.binance", "freqtrade.freqtradebot", "freqtrade.resolvers",
    "httpx", "hypothesis.strategies", "pandas", "pytest", "talib", "uvicorn",
)  # fmt: skip
Tests = tuple[str, ...]  # paths of test files
LOG = "mutant.log"
IN_COPY = "PERPKIT_MUTANTS_COPY"
CASES_FACTOR = 0.25  # fraction of the cases of each property test, most of which have 60
EXAMPLES = 25
PLUGINS = ("-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:unraisableexception")
PATIENCE_S, PATIENCE = 20, 10  # time limit of tests: seconds, plus a multiple of their usual time


@dataclass(frozen=True)
class Mutant:
    """:param number: index among the mutations of its module"""

    path: str
    number: int
    line: int
    change: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}  {self.change}"


def killer(mutant: Mutant, imports: dict[str, set[str]]) -> str | None:
    """What kills the mutant: the test file that mirrors its module, "others", or None.

    :param imports: for each test file, the modules of perpkit that it needs
    """
    path = Path(mutant.path)
    mirror, others = able(path, imports)
    patience = [PATIENCE_S + PATIENCE * sum(map(usual_seconds, t)) for t in (mirror, others)]
    source = path.read_text()
    path.write_text(mutations(source)[mutant.number].source())
    try:
        if not passes(mirror, patience[0]):
            return " ".join(mirror)
        return None if passes(others, patience[1]) else "others"
    finally:
        path.write_text(source)


def able(path: Path, imports: dict[str, set[str]]) -> tuple[Tests, Tests]:
    """The test file that mirrors a module, and the others that import it, its own wing's first."""
    _, wing, name = path.with_suffix("").parts
    found = [test for test in imports if f"perpkit.{wing}.{name}" in imports[test]]
    mirror = tuple(test for test in found if Path(test).name == f"test_{name}.py")
    others = sorted(set(found) - set(mirror), key=lambda test: (f"/{wing}/" not in test, test))
    return mirror, tuple(others)


@cache
def usual_seconds(test: str) -> float:
    """The time that a test file takes without a mutant.

    :raises SystemExit: if it fails
    """
    began = time.monotonic()
    if not passes((test,), 600):
        sys.exit(f"{test} fails without any mutant: {Path(LOG).read_text()}")
    return time.monotonic() - began


def needed(test: str) -> set[str]:
    """The modules of perpkit that a test file imports, directly or through others."""
    with tempfile.NamedTemporaryFile() as names:
        passes((test,), 600, "--collect-only", names.name)
        return set(Path(names.name).read_text().split())


def passes(tests: Tests, seconds: float, option: str = "-x", names: str | None = None) -> bool:
    """Runs test files in a process of their own and returns whether they pass.

    The process is killed after `seconds`, which counts as a failure.

    :param names: file to write the names of the imported modules of perpkit to
    """
    if not tests:
        return True
    if child := os.fork():
        return os.waitpid(child, 0)[1] == 0
    code = 1
    try:
        # Bytecode is only written from sources without a mutant. Those of mutants are newer, and so
        # compiled each time.
        sys.dont_write_bytecode = names is None
        signal.alarm(int(seconds))
        log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        code = _pytest(*tests, option)
        if names:
            Path(names).write_text("\n".join(m for m in sys.modules if m.startswith("perpkit.")))
    finally:
        os._exit(code)


def _pytest(*arguments: str) -> int:
    import pytest
    from hypothesis import Phase, settings

    # A failing example is enough: shrinking it takes longer than finding it.
    phases = (Phase.explicit, Phase.generate)
    own = settings(deadline=None, derandomize=True, phases=phases, max_examples=EXAMPLES)
    settings.register_profile("mutants", own)
    options = ["-q", "--timeout=0", "--hypothesis-profile=mutants"]
    return int(pytest.main([*arguments, *options, *PLUGINS]))


def every_mutant() -> Iterator[Mutant]:
    for wing in WINGS:
        for path in sorted(Path("perpkit", wing).glob("[!_]*.py")):
            for number, mutation in enumerate(mutations(path.read_text())):
                yield Mutant(str(path), number, mutation.line, str(mutation))


def tried(sample: list[Mutant], imports: dict[str, set[str]], report: Path) -> int:
    """Tests the mutants of a sample and writes the report.

    :returns: how many were killed
    """
    killed = 0
    with report.open("w") as file:
        for mutant in sample:
            by = killer(mutant, imports)
            killed += by is not None
            file.write(json.dumps({**asdict(mutant), "killed_by": by}) + "\n")
            file.flush()
            if by is None:
                print(f"survived: {mutant}", flush=True)
    return killed


def survivors(report: Path) -> set[tuple[str, int]]:
    rows = [json.loads(line) for line in report.read_text().splitlines()]
    return {(row["path"], row["number"]) for row in rows if row["killed_by"] is None}


def in_copy(arguments: list[str]) -> int:
    """Runs the same command in a copy of the tree and returns its exit code."""
    unwanted = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "user_data", "soak")
    with tempfile.TemporaryDirectory(prefix="mutants-") as place:
        tree = shutil.copytree(".", Path(place, "tree"), ignore=unwanted)
        own = {IN_COPY: str(Path.cwd()), "PYTHONPATH": str(tree), "TMPDIR": place}
        env = {**os.environ, **own, "CASES_FACTOR": str(CASES_FACTOR)}
        command = [sys.executable, "-m", "benchmarks.mutants", *arguments]
        return subprocess.run(command, cwd=tree, env=env).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample", type=int, default=300, help="how many mutants (300)")
    parser.add_argument("--seed", type=int, default=1, help="which ones (1)")
    parser.add_argument("--only", default="", help="those of modules whose path contains this")
    parser.add_argument("--again", type=Path, help="those that survive in this report")
    parser.add_argument("--out", type=Path, default=Path("mutants.jsonl"), help="the report")
    given = parser.parse_args()
    if IN_COPY not in os.environ:
        return in_copy(sys.argv[1:])
    for name in PRELOADED:
        importlib.import_module(name)
    gc.freeze()  # else every child would scan all of those modules at each collection
    every = list(every_mutant())
    sample = random.Random(given.seed).sample(every, min(given.sample, len(every)))
    if given.again:
        left = survivors(Path(os.environ[IN_COPY], given.again))
        sample = [mutant for mutant in sample if (mutant.path, mutant.number) in left]
    sample = [mutant for mutant in sample if given.only in mutant.path]
    tests = [str(p) for wing in WINGS for p in sorted(Path("tests", wing).rglob("test_*.py"))]
    imports = {test: needed(test) for test in (*tests, PAGE)}
    killed = tried(sample, imports, Path(os.environ[IN_COPY], given.out))
    share = killed / max(len(sample), 1)
    print(f"{killed} of {len(sample)} killed ({share:.1%}); {len(every)} in all, seed {given.seed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
