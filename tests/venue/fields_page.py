"""Writes docs/venue_fields.md: `python -m tests.venue.fields_page`."""

from __future__ import annotations

from pathlib import Path

from perpkit.venue.market.synthetic import generate
from tests.venue import served_fields
from tests.venue.conftest import CLOCK, DAYS, START, HandClock
from tests.venue.recorded_fields import ALSO_RECORDED, KINDS, RECORDS, SOURCES, Record

PAGE = Path(__file__).resolve().parents[2] / "docs" / "venue_fields.md"

_HEAD = """# Recorded and served fields

What the exchange answers, and what the [venue](venue.md) does, by endpoint: made by `python -m
tests.venue.fields_page` from the table in `tests/venue/recorded_fields.py` and the answers of a
running venue. A test fails when this page, or an answer, differs from that table.

Recorded are facts from public material:

"""


def page(session: served_fields.Session) -> str:
    parts = [_HEAD, *(f"- **{name}**: {text}\n" for name, text in SOURCES.items())]
    parts.append("\n## Otherwise recorded\n\n")
    parts += [f"- **{where}**: {text}\n" for where, text in ALSO_RECORDED]
    parts += [_section(session, record) for record in RECORDS]
    return "".join(parts)


def _section(session: served_fields.Session, record: Record) -> str:
    differing = {name: why for (_, name), why in served_fields.differences(session, record).items()}
    lines = [
        f"\n## {record.title}\n",
        f"Source: {', '.join(record.sources)}.\n",
        "| field | recorded as | example | served |",
        "|---|---|---|---|",
    ]
    if not record.fields:
        return "\n".join((*lines[:2], "An empty object, recorded and served.\n"))
    for name, field in record.fields.items():
        example = f"`{field.example}`" if field.example else "empty"
        lines.append(f"| `{name}` | {KINDS[field.kind]} | {example} | {_served(differing, name)} |")
    for name in sorted(differing.keys() - record.fields.keys()):
        lines.append(f"| `{name}` | not recorded | | yes |")
    reasons = {name: served_fields.explained(record, name) for name in sorted(differing)}
    notes = [f"- `{name}`: {reason}" for name, reason in reasons.items()]
    return "\n".join(lines + (["", *notes] if notes else [])) + "\n"


def _served(differing: dict[str, str], name: str) -> str:
    return "**no**" if differing.get(name) == "not served" else differing.get(name, "same")


def main() -> None:
    history = generate(seed=7, start=START, days=DAYS)
    PAGE.write_text(page(served_fields.answers(history, HandClock(CLOCK))))


if __name__ == "__main__":
    main()
