"""The result levels of the checks of `perpkit doctor` and `perpkit keys check`."""

from __future__ import annotations

from enum import StrEnum


class Level(StrEnum):
    """The result of a check.

    FAIL: do not trade in this state. WARN: trading works, but something that should be there is
    missing. SKIPPED: the check's input could not be read, for a reason that another finding names.
    """

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"

    @property
    def is_finding(self) -> bool:
        return self in (Level.WARN, Level.FAIL)
