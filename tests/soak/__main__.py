"""`make soak`: many episodes, a table of how Freqtrade alone behaves, by kind of fault."""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import sys
import warnings
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from time import perf_counter

from tests.soak.episodes import episode
from tests.soak.rehearsal import Outcome, rehearse
from tests.soak.report import table, troubles


def run(seed: int) -> Outcome:
    logging.disable(logging.NOTSET)
    warnings.simplefilter("ignore")
    return rehearse(episode(seed))


def outcomes(seeds: range, jobs: int) -> Iterator[Outcome]:
    if jobs == 1:
        yield from map(run, seeds)
        return
    # Fresh processes now and then: what an episode left behind must not reach the next for long.
    with multiprocessing.get_context("spawn").Pool(jobs, maxtasksperchild=50) as pool:
        yield from pool.imap(run, seeds)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--episodes", type=int, default=500)
    parser.add_argument("--first", type=int, default=0, help="seed of the first")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("soak"), help="directory of the results")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    logging.getLogger("freqtrade").propagate = False
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
