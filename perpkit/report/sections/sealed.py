"""The days that were put aside, and who has looked at them, or wanted to."""

from __future__ import annotations

from datetime import UTC, datetime

from perpkit.report import words
from perpkit.report.section import Section
from perpkit.report.view import View
from perpkit.report.words import Cell


def sealed(view: View) -> Section | None:
    if not view.seals:
        return None
    start, end = (
        datetime.fromtimestamp(each, UTC) for each in (view.run.results.start, view.run.results.end)
    )
    met = ", ".join(each.period for each in view.seals if each.meets(start, end))
    lead = (
        f"{words.counted(len(view.seals), 'period')} in the record of the user directory; "
        f"{f'these tests have days of {met}' if met else 'these tests have none of these days'}."
    )
    rows: list[list[Cell]] = [
        [each.period, f"{each.sealed:%Y-%m-%d %H:%M}", each.state] for each in view.seals
    ]
    looks: list[list[Cell]] = [
        [
            f"{look.at:%Y-%m-%d %H:%M}",
            each.period,
            f"{look.strategy} ({look.of[:12]})",
            look.outcome,
        ]
        for each in view.seals
        for look in each.looks
    ]
    content = [words.table(["Days", "Sealed", "State"], rows)]
    if looks:
        content.append(words.table(["Look", "At", "Of", "Outcome"], looks))
    return Section("holdout", "Sealed days", lead, content)
