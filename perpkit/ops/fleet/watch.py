"""Holds the limits over the sum of a fleet: looks at all states, and tightens what is exceeded.

A limit that is exceeded sets the stop latches, which only `perpkit resume` clears. A sum that is
not known is no zero: it holds back entries of all bots until it is known again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from perpkit.ops.fleet.fleet_file import Fleet
from perpkit.ops.fleet.peaks import Peaks, PeaksError
from perpkit.ops.fleet.readings import Member, Reading, read
from perpkit.ops.fleet.sums import Breach, Sum, breaches, sums
from perpkit.ops.operator import operator
from perpkit.record.fleet import Rules, Watched
from perpkit.record.latch import LatchState

# A look counts for a few intervals, and for as long as a machine may be busy.
_INTERVALS = 3
_MORE = timedelta(seconds=30)


@dataclass(frozen=True)
class Look:
    """
    :param peaks: highest equity by mode
    :param hold: why no bot may enter; empty if they may
    :param set: latches that were tightened, as sentences
    :param problems: what could not be done
    """

    at: datetime
    sums: list[Sum]
    peaks: dict[str, float | None] = field(default_factory=dict)
    broken: list[Breach] = field(default_factory=list)
    hold: str = ""
    set: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def well(self) -> bool:
        return not (self.broken or self.hold or self.problems)


def rules_of(fleet: Fleet) -> Rules:
    """Returns what the fleet's bots must know."""
    return Rules(
        bots=tuple(bot.name for bot, _ in fleet.bots),
        pairs=fleet.pairs,
        watched=fleet.limits.given,
    )


def look(
    fleet: Fleet,
    members: Sequence[Member],
    now: datetime,
    interval: timedelta,
    *,
    new_peak: Collection[str] = (),
) -> Look:
    """Looks once, and acts on it; what cannot be done is among the problems, and no error.

    :param interval: until the next look
    :param new_peak: modes whose present equity is the highest, because money was paid in or taken
        out; it is so only where `peaks` then has it
    """
    readings = [read(member, now) for member in members]
    found = Look(now, sums(readings))
    unknown: list[str] = []
    for each in found.sums:
        of_mode = [reading for reading in readings if reading.member.live == each.live]
        unknown += each.unknown
        try:
            peak = Peaks(fleet.folder.path).update(each, afresh=each.mode in new_peak)
        except PeaksError as error:
            peak = None
            unknown.append(str(error))
        found.peaks[each.mode] = peak
        broken = breaches(each, peak, fleet.limits)
        found.broken.extend(broken)
        for breach in broken:
            _tighten(of_mode, breach.state, breach.why, found)
    hold = f"the sums of the fleet are not known: {'; '.join(unknown)}" if unknown else ""
    if hold:
        unled = [reading for reading in readings if reading.member.unled]
        _tighten(unled, LatchState.REDUCING, hold, found)
    held = "; ".join(filter(None, [hold, *found.problems]))
    until = now + _INTERVALS * interval + _MORE
    try:
        fleet.folder.write_watched(Watched(at=now, until=until, hold=held))
    except OSError as error:
        # The look before counts for a moment; from then on, no bot enters.
        found.problems.append(f"the look cannot be written: {error}")
    return replace(found, hold=held)


def _tighten(readings: Sequence[Reading], state: LatchState, why: str, found: Look) -> None:
    """Sets the latches of these bots, each once; one that is set more strictly stays as it is."""
    by = f"perpkit fleet watch, {operator()}"
    for latch in dict.fromkeys(reading.member.latch for reading in readings):
        before = latch.read()
        try:
            after = latch.tighten(state, by, why)
        except OSError as error:
            found.problems.append(
                f"the stop latch {latch.path} cannot be set: {error.strerror or error}"
            )
            continue
        if after != before:
            found.set.append(f"{latch.path}: {after}")
