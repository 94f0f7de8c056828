"""Seeded episodes in which a stop and targets are at risk together, and a table of how they went:
by what the price did, what went wrong, and which price exits had."""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

from tests.targets.episodes import MOVES, PRICE_SIDES, TROUBLES
from tests.targets.rehearsal import Outcome, run


def one(seed: int, price_side: str | None = None) -> Outcome:
    try:
        return run(seed, price_side)
    except Exception as error:
        said = f"not rehearsed: {type(error).__name__}: {error}"
        return Outcome(seed, "", "", "", wrong=[said])


def outcomes(seeds: range, jobs: int, price_side: str | None = None) -> Iterator[Outcome]:
    lived = partial(one, price_side=price_side)
    if jobs == 1:
        yield from map(lived, seeds)
        return
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        yield from pool.map(lived, seeds)


def table(found: Sequence[Outcome]) -> str:
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in found:
        for name in (outcome.move, outcome.trouble, outcome.price_side, "all"):
            groups[name].append(outcome)
    lines = [
        "| | episodes | both at risk | targets filled | of them in part | stops filled "
        "| both in one gap | wrong |",
        "|---|---|---|---|---|---|---|---|",
    ]
    names = (*MOVES, *TROUBLES, *PRICE_SIDES, "all")
    lines += [_row(name, groups[name]) for name in names if groups[name]]
    return "\n".join(lines)


def _row(name: str, found: Sequence[Outcome]) -> str:
    sums = (
        len(found),
        sum(each.risked for each in found),
        sum(each.targets for each in found),
        sum(each.in_part for each in found),
        sum(each.stops for each in found),
        sum(each.both for each in found),
        sum(bool(each.wrong) for each in found),
    )
    return f"| {name} | {' | '.join(map(str, sums))} |"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.targets", description=__doc__)
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="seed of the first")
    parser.add_argument("--price-side", choices=PRICE_SIDES, help="of all, instead of drawn ones")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("targets.jsonl"), help="of the results")
    arguments = parser.parse_args()
    began, results = perf_counter(), []
    seeds = range(arguments.first, arguments.first + arguments.episodes)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    with arguments.out.open("w") as file:
        for outcome in outcomes(seeds, arguments.jobs, arguments.price_side):
            results.append(outcome)
            file.write(json.dumps(asdict(outcome)) + "\n")
            file.flush()
    print(table(results))
    print(f"{len(results)} episodes in {perf_counter() - began:.0f} s")
    wrong = [outcome for outcome in results if outcome.wrong]
    for outcome in wrong:
        print(f"wrong: seed {outcome.seed}: {outcome.wrong}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
