"""`make soak`: many episodes, a table of how a bot behaves, by kind of fault, and of each episode
in which it was without a stop for too long."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

from tests.soak.rehearsal import STRATEGIES, Outcome, run
from tests.soak.report import bare, summary, table, troubles

# Freqtrade alone, as in docs/soak.md.
ALONE = Path(__file__).parent / "alone.json"


def outcomes(seeds: range, jobs: int, bot: str) -> Iterator[Outcome]:
    one = partial(run, bot=bot)
    if jobs == 1:
        yield from map(one, seeds)
        return
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        yield from pool.map(one, seeds)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--episodes", type=int, default=500)
    parser.add_argument("--first", type=int, default=0, help="seed of the first")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--bot", choices=tuple(STRATEGIES), default="alone")
    parser.add_argument("--out", type=Path, default=Path("soak"), help="directory of the results")
    parser.add_argument(
        "--beside",
        type=Path,
        help="summary.json of another run, first in every cell (guarded: of docs/soak.md)",
    )
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    guarded = arguments.bot == "guarded"
    other = arguments.beside or (ALONE if guarded else None)
    beside = None if other is None else json.loads(other.read_text())
    began, results = perf_counter(), []
    seeds = range(arguments.first, arguments.first + arguments.episodes)
    with (arguments.out / "episodes.jsonl").open("w") as file:
        for outcome in outcomes(seeds, arguments.jobs, arguments.bot):
            results.append(outcome)
            file.write(json.dumps(asdict(outcome)) + "\n")
            file.flush()
    found = summary(results)
    (arguments.out / "summary.json").write_text(json.dumps(found, indent=1) + "\n")
    text = f"{table(found, beside)}\n{bare(results)}"
    (arguments.out / "table.md").write_text(text)
    print(text)
    print(f"{len(results)} episodes in {perf_counter() - began:.0f} s")
    trouble = troubles(results, guarded=guarded)
    print(*trouble, sep="\n")
    return 1 if trouble else 0


if __name__ == "__main__":
    sys.exit(main())
