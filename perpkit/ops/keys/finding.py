"""What a check of an API key has found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from perpkit.ops.level import Level


@dataclass(frozen=True)
class KeyFinding:
    """
    :param check: its name, such as "withdrawals"; each stands once in a verdict
    :param words: what was found; never a key, a secret or a signed URL
    :param fix: what to do about it; empty where nothing is to be done
    """

    check: str
    level: Level
    words: str
    fix: str = ""


def worst(findings: Iterable[KeyFinding]) -> Level:
    """FAIL, WARN or OK: what was skipped has its own reason among the others."""
    levels = {finding.level for finding in findings}
    return next((level for level in (Level.FAIL, Level.WARN) if level in levels), Level.OK)
