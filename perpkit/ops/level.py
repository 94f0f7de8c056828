"""How bad it is what a check has found: of `perpkit doctor` and of `perpkit keys check`."""

from __future__ import annotations

from enum import StrEnum


class Level(StrEnum):
    """How a check ended.

    FAIL: do not trade with this. WARN: it trades, with less than it should have. SKIPPED: what it
    needs could not be read, for a reason that another finding names.
    """

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"

    @property
    def is_finding(self) -> bool:
        return self in (Level.WARN, Level.FAIL)
