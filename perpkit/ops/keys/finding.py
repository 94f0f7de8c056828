"""The finding of one check of an API key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from perpkit.ops.level import Level


@dataclass(frozen=True)
class KeyFinding:
    """The result of one check.

    :param check: name of the check, such as "withdrawals"; unique within a verdict
    :param words: what was found; never a key, a secret or a signed URL
    :param fix: what to do about it; empty if nothing needs to be done
    """

    check: str
    level: Level
    words: str
    fix: str = ""


def worst(findings: Iterable[KeyFinding]) -> Level:
    """Returns FAIL, WARN or OK; a skipped check has its reason among the other findings."""
    levels = {finding.level for finding in findings}
    return next((level for level in (Level.FAIL, Level.WARN) if level in levels), Level.OK)
