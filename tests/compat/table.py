"""What `make compat` prints and writes: a table, and below it every seam that has moved."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from tests.compat.beside import PACKAGE
from tests.compat.cells import Cell
from tests.compat.running import Outcome


def table(outcomes: Iterable[Outcome], others: Collection[Cell] = ()) -> str:
    """In Markdown.

    :param others: cells that were tried with another commit, which is shown
    """
    outcomes = [*outcomes]
    lines = [
        "| Freqtrade | Python | ccxt | contracts that hold | rehearsal | |",
        "|---|---|---|---|---|---|",
        *(_row(outcome, outcome.cell in others) for outcome in outcomes),
        "",
        *_beside(outcomes),
        *_wrong(outcomes),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _row(outcome: Outcome, is_other: bool) -> str:
    cell = outcome.cell
    of = f", {outcome.commit[:8] or 'of changed files'}" if is_other else ""
    if outcome.missing:
        return f"| {cell.freqtrade} | {cell.python} | | | | missing{of} |"
    held = f"{outcome.hold} of {outcome.hold + len(outcome.moved)}"
    rehearsed = any(words.startswith("rehearsal") for words in outcome.wrong)
    words = "fails" if rehearsed or not outcome.steps else "in order"
    end = ("passed" if outcome.passed else "failed") + of
    return f"| {cell.freqtrade} | {outcome.python} | {outcome.ccxt} | {held} | {words} | {end} |"


def _beside(outcomes: Iterable[Outcome]) -> Iterator[str]:
    for outcome in outcomes:
        if outcome.beside and not any(words.startswith("beside") for words in outcome.wrong):
            yield (
                f"{PACKAGE} {outcome.beside} beside Perpkit, Freqtrade {outcome.cell.freqtrade}: "
                "both are found"
            )
            yield ""


def _wrong(outcomes: Iterable[Outcome]) -> Iterator[str]:
    for outcome in outcomes:
        found = [*outcome.wrong, *outcome.moved, *filter(None, [outcome.missing, outcome.untried])]
        if found:
            yield f"Freqtrade {outcome.cell.freqtrade}, Python {outcome.cell.python}:"
            yield ""
            yield from (f"- {words}" for words in found)
            yield ""
