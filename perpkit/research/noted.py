"""What a decision log adds to results: where stops stood meanwhile, and what was refused.

A bot writes one beside its trade database; a backtest of ours puts it into its export on request.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import isclose
from pathlib import Path

from perpkit.files.errors import FileError
from perpkit.files.zipped import unpacked
from perpkit.record.decisions import Decision, Kind
from perpkit.record.decisions_read import DecisionsError, parsed, read
from perpkit.record.places import exported_decisions, places
from perpkit.research.trades import StopLevel, Trade

# Of all files of a log, see `perpkit.record.decision_log`.
_MOST_BYTES = 2**27
# Moments in the log are of milliseconds, rates are written in full.
_SAME_MOMENT, _SAME_RATE = 0.002, 1e-9


def noted_in_export(export: Path, strategy: str) -> tuple[Decision, ...]:
    """Returns the decisions in the zip file of an export, oldest first; empty if it has none."""
    member = exported_decisions(export.stem, strategy)
    if not zipfile.is_zipfile(export):
        return ()
    try:
        content = unpacked(export, str(export), lambda _: member, _MOST_BYTES)
    except FileError:
        return ()
    return tuple(parsed(content.splitlines()).decisions)


def noted_beside(database: Path) -> tuple[Decision, ...]:
    """Returns the decisions beside a trade database, oldest first; empty if there are none."""
    try:
        return tuple(read(places(f"sqlite:///{database}", database.parent).decisions).decisions)
    except (DecisionsError, ValueError):
        return ()


def with_stops(trades: Iterable[Trade], decisions: Sequence[Decision]) -> tuple[Trade, ...]:
    """Returns the trades with the stops that were noted of them.

    A trade whose last stop is not the last one noted has none: the log is of another run, or its
    oldest rows are gone.
    """
    noted: dict[tuple[str, str], list[tuple[float, StopLevel]]] = {}
    for each in decisions:
        rate, opened = each.figures.get("stop"), each.figures.get("opened")
        if each.kind is Kind.STOP and rate and opened:
            level = StopLevel(each.at.timestamp(), rate)
            noted.setdefault((each.pair, each.side), []).append((opened, level))
    return tuple(_with_own(trade, noted.get((trade.pair, trade.side), ())) for trade in trades)


def _with_own(trade: Trade, noted: Sequence[tuple[float, StopLevel]]) -> Trade:
    own = [level for opened, level in noted if abs(opened - trade.opened) < _SAME_MOMENT]
    if not own or trade.last_stop is None:
        return trade
    if not isclose(own[-1].rate, trade.last_stop, rel_tol=_SAME_RATE):
        return trade
    return replace(trade, stops=tuple(own))
