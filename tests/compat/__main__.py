"""Runs the matrix, or some of its cells, and writes down which versions passed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.version import Version

from perpkit import __version__
from perpkit.files.whole_file import put
from perpkit.ops.doctor.software import needed
from perpkit.ops.passed import FILE
from perpkit.ops.upgrade.processes import ended_in_order
from tests.compat.cells import Cell, UnreachableError, cells, published
from tests.compat.running import Outcome, commit_of_checkout, run
from tests.compat.table import table


def earlier(path: Path) -> dict[Cell, Outcome]:
    """What the runs before have written of this commit; nothing where files differ from it."""
    commit = commit_of_checkout()
    if not commit:
        return {}
    ours = __version__, commit
    return {
        cell: each for cell, each in written_in(path).items() if (each.perpkit, each.commit) == ours
    }


def written_in(path: Path) -> dict[Cell, Outcome]:
    """What the runs before have written, of any commit."""
    if not path.is_file():
        return {}
    return {each.cell: each for each in map(Outcome.of_json, json.loads(path.read_text()))}


def passed(matrix: Sequence[Cell], outcomes: dict[Cell, Outcome], day: str) -> dict[str, object]:
    """The content of `passed.json`; empty where a cell that counts has not passed.

    A Python that is missing was not seen to fail, and is not named.
    """
    counted = [outcomes.get(cell) for cell in matrix if not cell.may_fail]
    if not counted or not all(each and (each.passed or each.missing) for each in counted):
        return {}
    good = [each for each in counted if each and each.passed]
    releases = {each.cell.freqtrade for each in good}
    if not good or releases != {cell.freqtrade for cell in matrix if not cell.may_fail}:
        return {}
    newest = good[0].cell.freqtrade
    pythons = [each.python for each in good if each.cell.freqtrade == newest]
    return {
        "perpkit": __version__,
        "at": day,
        "freqtrade": newest,
        "ccxt": good[0].ccxt,
        "releases": sorted(releases, key=Version),
        "pythons": pythons,
    }


def fine(chosen: Sequence[Outcome]) -> bool:
    """Whether some have passed, and the others need not, or lack their Python."""
    return any(each.passed for each in chosen) and all(
        each.passed or each.missing or each.cell.may_fail for each in chosen
    )


def main(arguments: Sequence[str]) -> int:
    """0 when all that could be tried has passed, 1 when not, 2 without a list of releases."""
    parser = argparse.ArgumentParser(prog="python -m tests.compat")
    parser.add_argument("--out", type=Path, default=Path("compat"), help="folder of the tables")
    parser.add_argument(
        "--only",
        nargs="*",
        metavar="2026.9:3.12",
        help="these cells; the others stay as they were last written",
    )
    parser.add_argument(
        "--continue",
        dest="goes_on",
        action="store_true",
        help="only cells that have not passed with this commit",
    )
    given = parser.parse_args(arguments)
    try:
        matrix = cells(published(), needed("freqtrade"))
    except UnreachableError as error:
        print(f"the releases of Freqtrade cannot be listed: {error}", file=sys.stderr)
        return 2
    if given.only is not None and (unknown := {*given.only} - {*map(str, matrix)}):
        parser.error(f"--only must be of {', '.join(map(str, matrix))}, got {sorted(unknown)}")
    written = given.out / "compat.json"
    before = written_in(written)
    outcomes = earlier(written) if given.goes_on or given.only is not None else {}
    chosen = [cell for cell in matrix if given.only is None or str(cell) in given.only]
    for cell in chosen:
        if given.goes_on and cell in outcomes and outcomes[cell].passed:
            continue
        print(f"Freqtrade {cell.freqtrade}, Python {cell.python}", file=sys.stderr, flush=True)
        with ended_in_order(), TemporaryDirectory(prefix="compat-cell-") as folder:
            outcomes[cell] = run(cell, Path(folder), plugin=cell == matrix[0])
        # The matrix takes hours: what was tried of other commits stays, and counts for nothing.
        known = {**before, **outcomes}
        ordered = [known[each] for each in matrix if each in known]
        content = json.dumps([each.as_json() for each in ordered], indent=2) + "\n"
        put(written, content.encode())
        put(given.out / "compat.md", table(ordered, before.keys() - outcomes.keys()).encode())
    print(table([outcomes[each] for each in matrix if each in outcomes]), end="")
    found = passed(matrix, outcomes, datetime.now(UTC).date().isoformat())
    if not found and given.only is not None and fine([outcomes[cell] for cell in chosen]):
        print("Not all cells of this commit have passed: `--version` goes by the last whole run.")
        return 0
    if not found:
        return 1
    put(FILE, (json.dumps(found, indent=2) + "\n").encode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
