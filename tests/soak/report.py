"""Outcomes by kind of fault, beside those of another run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from statistics import median

from perpkit.venue.exchange.invariants import Invariant, InvariantLimits
from tests.soak.episodes import GROUPS, NOTHING
from tests.soak.rehearsal import Outcome

_BARE_S = InvariantLimits().unprotected_ms / 1000


def _count(test: Callable[[Outcome], object]) -> Callable[[list[Outcome]], str]:
    return lambda rows: str(sum(bool(test(row)) for row in rows) or "")


def _longest(seconds: Callable[[Outcome], float]) -> Callable[[list[Outcome]], str]:
    return lambda rows: f"{max(map(seconds, rows)):.0f}"


def _leaving(rows: list[Outcome]) -> str:
    times = [row.leaving_s for row in rows if row.leaving_s is not None]
    return f"{median(times):.0f} / {max(times):.0f}" if times else ""


def _errors(rows: list[Outcome]) -> str:
    total: Counter[str] = Counter()
    for row in rows:
        total.update(row.errors)
    return ", ".join(f"{name} {count}" for name, count in total.most_common(3))


# Cells by kind of fault and column, as text.
Summary = Mapping[str, Mapping[str, str]]

COLUMNS: dict[str, Callable[[list[Outcome]], str]] = {
    "episodes": lambda rows: str(len(rows)),
    "traded": _count(lambda row: row.entered),
    "halted": _count(lambda row: row.halted),
    "crashed": _count(lambda row: row.crashed),
    f"no stop > {_BARE_S:.0f} s": _count(lambda row: row.bare_s > _BARE_S),
    "of it without excuse": _count(lambda row: row.inexcusable_s > _BARE_S),
    "longest, s": _longest(lambda row: row.bare_s),
    "longest without excuse, s": _longest(lambda row: row.inexcusable_s),
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


def summary(outcomes: Sequence[Outcome]) -> Summary:
    """The columns count episodes unless they say otherwise; empty is none."""
    found = {}
    for group in GROUPS:
        rows = [outcome for outcome in outcomes if outcome.group == group]
        if rows:
            found[group] = {name: cell(rows) for name, cell in COLUMNS.items()}
    return found


def table(found: Summary, beside: Summary | None = None) -> str:
    """Markdown.

    :param beside: of another run: its cells come first, "-" where it has none
    """
    names = list(COLUMNS)
    if beside is not None:
        names.remove("ERROR lines")
    lines = ["| fault | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    for group, cells in found.items():
        shown = [cells[name] for name in names]
        if beside is not None:
            other = beside.get(group, {})
            shown = [_pair(other.get(name, "-"), cells[name]) for name in names]
        lines.append(f"| {group} | {' | '.join(shown)} |")
    return "\n".join(lines) + "\n"


def _pair(before: str, after: str) -> str:
    return "" if (before, after) in (("", ""), ("-", "")) else f"{before or 0} → {after or 0}"


def bare(outcomes: Sequence[Outcome]) -> str:
    """Markdown: every episode with no stop for longer than allowed, and what was said in it."""
    lines = ["| seed | fault | phase | no stop, s | without excuse, s | excuse | said |"]
    lines.append("|---:|---|---|---:|---:|---|---|")
    for row in sorted(outcomes, key=lambda row: (-row.inexcusable_s, -row.bare_s)):
        if row.bare_s > _BARE_S:
            said = " / ".join(text.replace("|", " ").replace("\n", " ") for text in row.said)
            figures = f"{row.bare_s:.0f} | {row.inexcusable_s:.0f} | {', '.join(row.excuses)}"
            lines.append(f"| {row.seed} | {row.group} | {row.phase} | {figures} | {said} |")
    return "\n".join(lines) + "\n"


def troubles(outcomes: Sequence[Outcome], *, guarded: bool = False) -> list[str]:
    """What must not be, whatever goes wrong: one line each."""
    found = []
    for outcome in outcomes:
        if outcome.breaches.get(Invariant.CONSERVED):
            found.append(f"seed {outcome.seed} ({outcome.group}): money is not conserved")
        if outcome.group == NOTHING and (outcome.crashed or outcome.halted or not outcome.flat):
            found.append(f"seed {outcome.seed}: trouble without a fault")
        if guarded and outcome.inexcusable_s > _BARE_S:
            found.append(
                f"seed {outcome.seed} ({outcome.group}): no stop for {outcome.inexcusable_s:.0f} s "
                "without an excuse"
            )
    return found
