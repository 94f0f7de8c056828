"""The parameters of the guard over open positions, which acts in addition to their stops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range


@dataclass(frozen=True)
class GuardRule(Parameters):
    """What the guard does beside the stops."""

    # A day, because the book thins out towards the end, the exchange refuses entries from half an
    # hour before it, and a bot that is down for a night still has time when it is back.
    leave_before_delisting_hours: Annotated[
        float,
        Range(1, 168, "h"),
        "A position is closed at the market this long before its contract ends",
    ] = 24.0
    stop_after_delete: Annotated[
        bool,
        "The position of a trade that is deleted (`/delete`) keeps its stop where it is; off, it "
        "is left without one",
    ] = True
