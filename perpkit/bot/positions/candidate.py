"""An entry that Freqtrade asks about: first for its leverage, then for its stake."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from perpkit.durations import MINUTE

# Freqtrade requests the stake of an entry right after its leverage.
SAME_ENTRY = MINUTE


@dataclass(frozen=True)
class Candidate:
    """An entry whose leverage or stake Freqtrade requests.

    :param rate: the entry price
    """

    pair: str
    is_short: bool
    now: datetime
    rate: float
    tag: str | None

    @property
    def side(self) -> str:
        return "short" if self.is_short else "long"
