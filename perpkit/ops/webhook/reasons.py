"""Why the bot refused a pair: the newest row of its decision log, without reading all of it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from perpkit.record.decisions import Kind
from perpkit.record.decisions_read import parsed

_TAIL_BYTES = 65_536


def newest_refusal(log: Path, pair: str, since: datetime) -> str:
    """Returns the text of the newest refusal of a pair since a time; empty if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            lines = file.read().splitlines()
    except OSError:
        return ""
    refused = [
        row
        for row in parsed(lines).decisions
        if row.kind is Kind.REFUSED and row.pair == pair and row.at >= since
    ]
    return refused[-1].text if refused else ""
