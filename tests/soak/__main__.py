"""`make soak`: many episodes, a table of how Freqtrade alone behaves, by kind of fault."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

from tests.soak.rehearsal import Outcome, run
from tests.soak.report import table, troubles


def outcomes(seeds: range, jobs: int) -> Iterator[Outcome]:
    if jobs == 1:
        yield from map(run, seeds)
        return
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        yield from pool.map(run, seeds)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--episodes", type=int, default=500)
    parser.add_argument("--first", type=int, default=0, help="seed of the first")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("soak"), help="directory of the results")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    began, results = perf_counter(), []
    seeds = range(arguments.first, arguments.first + arguments.episodes)
    with (arguments.out / "episodes.jsonl").open("w") as file:
        for outcome in outcomes(seeds, arguments.jobs):
            results.append(outcome)
            file.write(json.dumps(asdict(outcome)) + "\n")
            file.flush()
    text = table(results)
    (arguments.out / "table.md").write_text(text)
    print(text)
    print(f"{len(results)} episodes in {perf_counter() - began:.0f} s")
    found = troubles(results)
    print(*found, sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
