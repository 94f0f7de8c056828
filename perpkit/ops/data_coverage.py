"""Which positioning data are stored: their period, and where readings are missing."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any


def coverage(datadir: Path, pair: str, period: str) -> dict[str, Any]:
    """Returns the coverage of a pair's readings, or `error` if none can be read."""
    from perpkit.market import store
    from perpkit.market.coverage import gaps

    row: dict[str, Any] = {"pair": pair, "period": period}
    try:
        frame = store.read(datadir, pair, period)
    except store.StoreError as error:
        return {**row, "error": str(error)}
    if frame is None or frame.empty:
        return {**row, "error": f"{store.path_of(datadir, pair, period)}: there are no readings"}
    step, dates = store.PERIODS[period], frame["date"]
    holes = gaps(dates, step)
    return {
        **row,
        "from": dates.iloc[0].isoformat(),
        "until": dates.iloc[-1].isoformat(),
        "readings": len(frame),
        "missing": sum(hole.readings(step) for hole in holes),
        "gaps": [
            {
                "from": hole.first.isoformat(),
                "until": hole.last.isoformat(),
                "readings": hole.readings(step),
            }
            for hole in holes
        ],
        "known": {name: round(float(frame[name].notna().mean()), 4) for name in store.SERIES},
    }


def print_coverage(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    columns = ("pair", "period", "from (UTC)", "until (UTC)", "readings", "missing", "gaps")
    table = Table(*columns, box=None, padding=(0, 1, 0, 0))
    for column in table.columns:
        column.no_wrap = True
    for column in table.columns[4:]:
        column.justify = "right"
    notes = []
    for row in rows:
        name = f"{row['pair']} {row['period']}"
        if "error" in row:
            notes.append(f"{name}: {row['error']}")
            continue
        counts = (row["readings"], row["missing"], len(row["gaps"]))
        ends = (_minute(row["from"]), _minute(row["until"]))
        table.add_row(row["pair"], row["period"], *ends, *map(str, counts))
        if row["gaps"]:
            longest = max(row["gaps"], key=lambda gap: gap["readings"])
            notes.append(
                f"{name}: longest gap from {_minute(longest['from'])}, "
                f"{longest['readings']} readings"
            )
        partly = [f"{name} {share:.1%}" for name, share in row["known"].items() if share < 1]
        if partly:
            notes.append(f"{name}: known only in part: {', '.join(partly)}")
    console = Console(markup=False, emoji=False)  # file and pair names are not markup
    console.print(table)
    for note in notes:
        console.print(note, soft_wrap=True, highlight=False)


def _minute(moment: str) -> str:
    return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M}"
