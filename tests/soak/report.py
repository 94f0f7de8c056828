"""Outcomes by kind of fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median

from perpkit.venue.invariants import Invariant, Limits
from tests.soak.episodes import GROUPS, NOTHING
from tests.soak.rehearsal import Outcome

_BARE_S = Limits().unprotected_ms / 1000


def _count(test: Callable[[Outcome], object]) -> Callable[[list[Outcome]], str]:
    return lambda rows: str(sum(bool(test(row)) for row in rows) or "")


def _longest_bare(rows: list[Outcome]) -> str:
    return f"{max(row.bare_s for row in rows):.0f}"


def _leaving(rows: list[Outcome]) -> str:
    times = [row.leaving_s for row in rows if row.leaving_s is not None]
    return f"{median(times):.0f} / {max(times):.0f}" if times else ""


def _errors(rows: list[Outcome]) -> str:
    total: Counter[str] = Counter()
    for row in rows:
        total.update(row.errors)
    return ", ".join(f"{name} {count}" for name, count in total.most_common(3))


COLUMNS: dict[str, Callable[[list[Outcome]], str]] = {
    "episodes": lambda rows: str(len(rows)),
    "traded": _count(lambda row: row.entered),
    "halted": _count(lambda row: row.halted),
    "crashed": _count(lambda row: row.crashed),
    f"no stop > {_BARE_S:.0f} s": _count(lambda row: row.bare_s > _BARE_S),
    "longest, s": _longest_bare,
    "not flat": _count(lambda row: not row.flat),
    "to flat, s (median / most)": _leaving,
    "orphans": _count(lambda row: row.orphans),
    "doubles": _count(lambda row: row.doubles),
    "2 stops": _count(lambda row: row.stops > 1),
    "unknown position": _count(lambda row: row.unknown),
    "no order id": _count(lambda row: row.nameless),
    "misbooked": _count(lambda row: row.misbooked),
    "ERROR lines": _errors,
}


def table(outcomes: Sequence[Outcome]) -> str:
    """Markdown; the columns count episodes unless they say otherwise."""
    lines = [
        "| fault | " + " | ".join(COLUMNS) + " |",
        "|---|" + "---:|" * len(COLUMNS),
    ]
    for group in GROUPS:
        rows = [outcome for outcome in outcomes if outcome.group == group]
        if rows:
            cells = " | ".join(cell(rows) for cell in COLUMNS.values())
            lines.append(f"| {group} | {cells} |")
    return "\n".join(lines) + "\n"


def troubles(outcomes: Sequence[Outcome]) -> list[str]:
    """What must not be, whatever goes wrong: one line each."""
    found = []
    for outcome in outcomes:
        if outcome.breaches.get(Invariant.CONSERVED):
            found.append(f"seed {outcome.seed} ({outcome.group}): money is not conserved")
        if outcome.group == NOTHING and (outcome.crashed or outcome.halted or not outcome.flat):
            found.append(f"seed {outcome.seed}: trouble without a fault")
    return found
