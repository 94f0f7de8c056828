"""A run as a table, and the judgement on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any

from tests.endurance.flatness import FEWEST, SETTLING, Slope, gained, settled, slope
from tests.endurance.run import Run
from tests.endurance.samples import Sample

# What a figure may gain a day. The venue's books, in the same process, are a part of the memory.
LEVELS: dict[str, tuple[Callable[[Sample], float], float]] = {
    "memory, MB": (lambda s: s.rss_mb, 2.0),
    "open files": (lambda s: s.files, 0.1),
    "threads": (lambda s: s.threads, 0.1),
    "objects of Perpkit": (lambda s: s.objects, 5.0),
    "state file, kB": (lambda s: s.state / 1000, 0.5),
    "requests a cycle": (lambda s: s.requests, 0.02),
}
# What grows by its nature: what a day adds may grow by this share of itself a day.
RATES: dict[str, Callable[[Sample], float]] = {
    "database, kB": lambda s: s.database / 1000,
    "journal, kB": lambda s: s.journal / 1000,
    "decisions, kB": lambda s: s.decisions / 1000,
    "log, kB": lambda s: s.log / 1000,
}
_RATE_GROWS = 0.1


def slopes(run: Run) -> dict[str, Slope | None]:
    """By name; of what grows by its nature, that of what a day adds."""
    # The last is of a bot that has closed its trades.
    samples = run.samples[:-1]
    days = [each.day for each in samples]
    found = {name: slope(days, [f(s) for s in samples], most) for name, (f, most) in LEVELS.items()}
    for name, value in RATES.items():
        added = gained(days, [value(s) for s in samples]) if len(days) > 1 else []
        usual = sum(settled(added)) / max(len(settled(added)), 1)
        found[f"{name} a day"] = slope(days[1:], added, _RATE_GROWS * usual)
    return found


def growing(run: Run) -> list[str]:
    return [
        f"{name} grows by {each.a_day:.2f} a day (at least {each.low:.2f}; {each.allowed:.2f} are "
        "allowed)"
        for name, each in slopes(run).items()
        if each is not None and not each.flat
    ]


def unproven(run: Run) -> list[str]:
    """What a run was too short or too noisy to say: it has not shown that all is well."""
    found = [
        f"{name}: too few samples to say whether it grows"
        for name, each in slopes(run).items()
        if each is None
    ]
    if not run.compared:
        found.append("positions were never compared: no minute was quiet")
    if not run.samples or not run.samples[-1].trades:
        found.append("no trade was made")
    elif (since := _traded_until(run.samples)) is not None:
        found.append(f"no trade was made after day {since:g}: nothing grows where nothing happens")
    return found


def _traded_until(samples: list[Sample]) -> float | None:
    """Of a bot that has traded nothing in the last half of what counts: since when; else None."""
    counting = settled(samples[:-1])
    last = counting[len(counting) // 2 :]
    if len(counting) < FEWEST or last[-1].trades > last[0].trades:
        return None
    return last[0].day


def troubles(run: Run) -> list[str]:
    return [*run.troubles, *unproven(run), *growing(run)]


def table(run: Run) -> str:
    """Markdown: the run in words, its samples, and whether each figure is flat."""
    lines = [*_words(run), "", *_samples(run.samples), "", *_slopes(run)]
    return "\n".join(lines) + "\n"


def _words(run: Run) -> list[str]:
    struck = ", ".join(f"{kind} {count}" for kind, count in sorted(run.strikes.items()))
    levels = ", ".join(f"{count} {level}" for level, count in run.levels.items())
    trades, orders = next(((s.trades, s.orders) for s in reversed(run.samples)), (0, 0))
    return [
        f"{run.days:.2f} of {run.asked.days:g} virtual days at {run.asked.throttle:g} s, seed "
        f"{run.asked.seed}: {run.cycles:,} cycles in {run.seconds:,.0f} s; {trades} trades, "
        f"{orders} orders.",
        f"Strikes of faults: {struck}.",
        f"Without a stop: at most {run.bare_s:.0f} s, of it without an excuse "
        f"{run.inexcusable_s:.0f} s; breaches: {dict(run.breaches)}.",
        f"Positions compared in {run.compared} quiet minutes: {len(run.apart)} differences; at the "
        f"end {len(run.differences)}.",
        f"Unhandled exceptions: {run.unhandled.total()}. Log: {levels}.",
    ]


def _samples(samples: list[Sample]) -> list[str]:
    names = [each.name for each in fields(Sample)]
    rows = [[f"{value:g}" for value in asdict(each).values()] for each in samples]
    head = [f"| {' | '.join(names)} |", "|" + "---:|" * len(names)]
    return head + [f"| {' | '.join(row)} |" for row in rows]


def _slopes(run: Run) -> list[str]:
    lines = ["| figure | gains a day | at least | allowed | |", "|---|---:|---:|---:|---|"]
    for name, each in slopes(run).items():
        if each is None:
            lines.append(f"| {name} | | | | too few samples |")
        else:
            word = "flat" if each.flat else "GROWS"
            figures = f"{each.a_day:.3f} | {each.low:.3f} | {each.allowed:.3f}"
            lines.append(f"| {name} | {figures} | {word} |")
    return [*lines, "", f"The first {SETTLING:.0%} of the samples do not count."]


def as_json(run: Run) -> dict[str, Any]:
    asked = {**asdict(run.asked), "sampled": run.asked.sampled.total_seconds() / 3600}
    judged = {
        name: each and {**asdict(each), "flat": each.flat} for name, each in slopes(run).items()
    }
    return {
        **vars(run),
        "asked": asked,
        "samples": [asdict(each) for each in run.samples],
        "slopes": judged,
        "troubles": troubles(run),
    }
