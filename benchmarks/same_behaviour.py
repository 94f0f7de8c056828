"""Checks that a refactoring changed no behaviour: compares trades, locks, replays and parameters.

    PYTHONPATH=BEFORE python -m benchmarks.same_behaviour --out /tmp/before
    PYTHONPATH=AFTER  python -m benchmarks.same_behaviour --out /tmp/after
    python -m benchmarks.same_behaviour --compare /tmp/before /tmp/after

Run all three in one checkout, which provides the markets: only `perpkit`, its plugins and
`config.json.example` come from PYTHONPATH. `--out` gets a text file for each item, and SHA256SUMS
once all are written. `--compare` exits with 0 if all items are equal, 1 if something differs and 2
if nothing could be compared.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from time import monotonic
from typing import Any

from benchmarks.behaviour import REPOSITORY, Checkout, items, sha256

REAL = REPOSITORY.parent / "shared/data/binance"
SUMS = "SHA256SUMS"
SHOWN = 40  # characters on either side of the first difference between two lines


def write(out: Path, root: Path, real: Path) -> None:
    print(f"{root}, {REPOSITORY} running it")
    out.mkdir(parents=True, exist_ok=True)
    sums, began = "", monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for name, text in items(Checkout(root, Path(folder)), real):
            (out / name).write_text(text)
            line = f"{sha256(text.encode())}  {name}\n"
            sums += line
            print(f"{monotonic() - began:4.0f} s  {line}", end="", flush=True)
    (out / SUMS).write_text(sums)


def compare(old: Path, new: Path, wording_free: bool) -> bool:
    """Prints a table of the items and their first differences.

    :return: whether all items are equal
    """
    before, after = map(read, (old, new))
    equal = True
    print("| item | | first difference |\n|---|---|---|")
    for name in dict.fromkeys((*before, *after)):
        if name not in before or name not in after:
            difference = f"only in {old if name in before else new}"
        else:
            texts = before[name], after[name]
            if wording_free:
                texts = without_wording(name, texts[0]), without_wording(name, texts[1])
            difference = parting(*texts)
        equal &= not difference
        print(f"| {name} | {'differs' if difference else 'equal'} | {difference} |")
    return equal


def read(out: Path) -> dict[str, str]:
    """The texts of a folder by name.

    :raises ValueError: when a file has been changed since it was written
    """
    texts = {}
    for line in (out / SUMS).read_text().splitlines():
        expected, name = line.split("  ")
        texts[name] = (out / name).read_text()
        if sha256(texts[name].encode()) != expected:
            raise ValueError(f"{out / name} is not what was written: its SHA-256 differs")
    return texts


def parting(old: str, new: str) -> str:
    """The first line that differs, around its first differing character; "" when none differs."""
    lines = zip_longest(old.split("\n"), new.split("\n"), fillvalue="(end)")
    for number, (before, after) in enumerate(lines, 1):
        if before != after:
            pairs = enumerate(zip(before, after, strict=False))
            at = next((n for n, (x, y) in pairs if x != y), min(len(before), len(after)))
            part = slice(max(0, at - SHOWN), at + SHOWN)
            return f"line {number}, character {at + 1}: `{before[part]}` became `{after[part]}`"
    return ""


def without_wording(name: str, text: str) -> str:
    """The part of an item that counts when the wording of sentences may change.

    It leaves out reasons, descriptions and tables that show either. Of the parameter page it keeps
    the first three cells of each row: name, default and range.
    """
    lines = text.split("\n")
    if name.startswith("parameters"):
        return "\n".join("|".join(x.split("|")[:4]) for x in lines if x.startswith("|"))
    if name.startswith("replay") and name.endswith(".txt"):
        return ""
    if "json" in name:
        return "\n".join(json.dumps(without_reasons(json.loads(x))) if x else "" for x in lines)
    return text


def without_reasons(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_reasons(v) for k, v in value.items() if k != "reason"}
    return [without_reasons(v) for v in value] if isinstance(value, list) else value


def checkout_on_path() -> Path:
    """The first checkout on PYTHONPATH; this one when the variable is empty.

    :raises ValueError: when none of its folders is a checkout
    """
    given = [Path(p).resolve() for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    for root in given or [REPOSITORY]:
        if (root / "perpkit/__init__.py").is_file():
            return root
    raise ValueError(f"PYTHONPATH must have a checkout of Perpkit, got {os.environ['PYTHONPATH']}")


def main(arguments: Sequence[str]) -> int:
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("same_behaviour", None, __doc__, formatter_class=as_written)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--out", type=Path, help="new folder for what a checkout does")
    what.add_argument("--compare", type=Path, nargs=2, metavar="DIR", help="two such folders")
    parser.add_argument("--data", type=Path, default=REAL, help=f"real candles; default: {REAL}")
    parser.add_argument("--wording-free", action="store_true", help="sentences may differ")
    given = parser.parse_args(arguments)
    try:
        if given.compare:
            return 0 if compare(*given.compare, given.wording_free) else 1
        if given.out.exists() and any(given.out.iterdir()):
            raise ValueError(f"out must be a new or empty folder, got {given.out}")
        write(given.out, checkout_on_path(), given.data.resolve())
    except (OSError, ValueError) as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
