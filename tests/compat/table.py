"""What `make compat` prints and writes: a table, and below it every seam that has moved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tests.compat.beside import PACKAGE
from tests.compat.running import Outcome


def table(outcomes: Iterable[Outcome]) -> str:
    """In Markdown."""
    outcomes = [*outcomes]
    lines = [
        "| Freqtrade | Python | ccxt | contracts that hold | rehearsal | |",
        "|---|---|---|---|---|---|",
        *(_row(outcome) for outcome in outcomes),
        "",
        *_beside(outcomes),
        *_wrong(outcomes),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _row(outcome: Outcome) -> str:
    cell = outcome.cell
    if outcome.missing:
        return f"| {cell.freqtrade} | {cell.python} | | | | missing |"
    held = f"{outcome.hold} of {outcome.hold + len(outcome.moved)}"
    rehearsed = any(words.startswith("rehearsal") for words in outcome.wrong)
    words = "fails" if rehearsed or not outcome.steps else "in order"
    end = "passed" if outcome.passed else "failed"
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
