"""What the guard over open positions does beside their stops."""

from __future__ import annotations

from dataclasses import dataclass

from perpkit.checks import check_range


@dataclass(frozen=True)
class GuardRule:
    """:param leave_before_delisting_hours: a position is closed at the market so long before its
        contract ends
    :param stop_after_delete: the position of a trade that is deleted (`/delete`) keeps its stop
        where it is; off, it is left without one
    :raises ValueError: naming the parameter, its value and the allowed range
    """

    # A day, because the book thins out towards the end, from half an hour before it nobody can
    # enter any more, and a bot that is down for a night still has time when it comes back.
    leave_before_delisting_hours: float = 24.0
    stop_after_delete: bool = True

    def __post_init__(self) -> None:
        check_range("leave_before_delisting_hours", self.leave_before_delisting_hours, 1, 168)
