"""How many small mistakes in the core its tests notice: `python -m benchmarks.mutants --seed 1`.

A mutant is a module of `perpkit/risk`, `perpkit/breakers` or `perpkit/execution` with one mistake
of `mutant_operators`. A seeded sample is tried, one at a time, in a copy of the tree: first on the
test file that mirrors the module, then on the others of the three folders that import it and on the
test of the parameter page (which holds defaults and ranges). A mutant whose tests take ten times as
long as usual counts as killed. Tests run in processes forked from one that has imported Freqtrade
and pandas, and properties with a quarter of their cases: most mutants cost a second or two.

Of the libraries, mutmut skips decorated functions (properties) and everything at module level, and
cosmic-ray starts a pytest for each mutant and removes no statement. Neither draws a sample.
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
# What nearly every test imports, and no mutant changes.
PRELOADED = (
    "fastapi", "freqtrade.exchange.binance", "freqtrade.freqtradebot", "freqtrade.resolvers",
    "httpx", "hypothesis.strategies", "pandas", "pytest", "talib", "uvicorn",
)  # fmt: skip
Tests = tuple[str, ...]  # paths of test files
LOG = "mutant.log"
IN_COPY = "PERPKIT_MUTANTS_COPY"
CASES_FACTOR = 0.25  # of the cases of each property, most of which have 100
EXAMPLES = 25
PLUGINS = ("-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:unraisableexception")
PATIENCE_S, PATIENCE = 20, 10  # a test file may take so long, and so many times as long as usual


@dataclass(frozen=True)
class Mutant:
    """:param number: among the mutations of its module"""

    path: str
    number: int
    line: int
    change: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}  {self.change}"


def killer(mutant: Mutant, imports: dict[str, set[str]]) -> str | None:
    """What notices the mutant: the test file that mirrors its module, "others", or nothing.

    :param imports: of each test file, the modules of perpkit that it needs
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
    """The mirror of a module, and the other test files that import it, those of its wing first."""
    _, wing, name = path.with_suffix("").parts
    found = [test for test in imports if f"perpkit.{wing}.{name}" in imports[test]]
    mirror = tuple(test for test in found if Path(test).name == f"test_{name}.py")
    others = sorted(set(found) - set(mirror), key=lambda test: (f"/{wing}/" not in test, test))
    return mirror, tuple(others)


@cache
def usual_seconds(test: str) -> float:
    """:raises SystemExit: if it fails without any mutant"""
    began = time.monotonic()
    if not passes((test,), 600):
        sys.exit(f"{test} fails without any mutant: {Path(LOG).read_text()}")
    return time.monotonic() - began


def needed(test: str) -> set[str]:
    """The modules of perpkit that a test file imports, or that those import."""
    with tempfile.NamedTemporaryFile() as names:
        passes((test,), 600, "--collect-only", names.name)
        return set(Path(names.name).read_text().split())


def passes(tests: Tests, seconds: float, option: str = "-x", names: str | None = None) -> bool:
    """Run test files in a process of their own, which is killed after so many seconds.

    :param names: a file to be filled with the names of perpkit's modules that were imported
    """
    if not tests:
        return True
    if child := os.fork():
        return os.waitpid(child, 0)[1] == 0
    code = 1
    try:
        # Once, from the sources without a mutant, whose times are older than any mutant's.
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

    # A failing example is enough: making it smaller takes longer than finding it.
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
    """:returns: how many were killed"""
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
    """The same command in a copy of the tree."""
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
    gc.freeze()  # or every child would go through all of that at each collection
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
