"""Seeded emergency stops at the venue, and a table of how they went: by what the bot was doing, and
by what the venue refused."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from tests.bench.emergency import REFUSALS, SECONDS_TO_FLAT, STATES, case, run

_SECONDS = 1200


def one(seed: int) -> dict[str, Any]:
    """In this process."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            outcome = run(case(seed), Path(folder))
        except Exception as error:  # a rehearsal that fails is no stop that has failed
            return {"case": asdict(case(seed)), "failed": f"{type(error).__name__}: {error}"}
    found = asdict(outcome)
    return found if found["wrong"] else {**found, "said": "", "report": {}}


def apart(seed: int) -> dict[str, Any]:
    """In a process of its own: whatever one leaves does not reach the next."""
    command = [sys.executable, "-m", "tests.emergency", "--one", str(seed)]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
        return dict(json.loads(result.stdout.splitlines()[-1]))
    except (subprocess.TimeoutExpired, ValueError, IndexError) as error:
        return {"case": asdict(case(seed)), "failed": f"{type(error).__name__}: {error}"}


def table(found: Sequence[dict[str, Any]]) -> str:
    """Of those that could be rehearsed."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for outcome in found:
        given = outcome["case"]
        also = [name for name in ("thin", "lots", "everything", "shared") if given[name]]
        also += [] if given["api"] else ["without an API"]
        for name in (f"bot {given['state']}", f"venue: {given['refusal']}", *also, "all"):
            groups[name].append(outcome)
    order = [f"bot {s}" for s in STATES] + [f"venue: {r}" for r in REFUSALS]
    order += ["thin", "lots", "everything", "shared", "without an API", "all"]
    lines = [
        "| | stops | flat after the last refusal, s: median | most | requests: median | most "
        "| wrong |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [_row(name, groups[name]) for name in order if groups[name]]
    return "\n".join(lines)


def _row(name: str, found: Iterable[dict[str, Any]]) -> str:
    each = list(found)
    flat = [outcome["flat_seconds"] for outcome in each]
    requests = [outcome["requests"] for outcome in each]
    wrong = sum(bool(outcome["wrong"]) for outcome in each)
    return (
        f"| {name} | {len(each)} | {median(flat):.1f} | {max(flat):.1f} | {median(requests):.0f} "
        f"| {max(requests)} | {wrong} |"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.emergency", description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="seed of the first")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("emergency.jsonl"), help="of the results")
    parser.add_argument("--one", type=int, help="only this seed, as JSON")
    arguments = parser.parse_args()
    if arguments.one is not None:
        print(json.dumps(one(arguments.one), default=str))
        return 0
    began, results, failed = perf_counter(), [], []
    seeds = range(arguments.first, arguments.first + arguments.runs)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(arguments.jobs) as pool, arguments.out.open("w") as file:
        for outcome in pool.map(apart, seeds):
            (failed if "failed" in outcome else results).append(outcome)
            file.write(json.dumps(outcome) + "\n")
            file.flush()
    print(table(results) if results else "no result")
    print(
        f"{len(results)} stops in {perf_counter() - began:.0f} s; flat within {SECONDS_TO_FLAT:g} s"
    )
    for outcome in failed:
        print(f"not rehearsed: {outcome['case']}: {outcome['failed'][-1500:]}")
    wrong = [outcome for outcome in results if outcome["wrong"]]
    for outcome in wrong:
        print(f"wrong: {outcome['case']}: {outcome['wrong']}")
    return 1 if wrong or failed else 0


if __name__ == "__main__":
    sys.exit(main())
