"""The settings of a strategy that ranks pairs."""

from __future__ import annotations

from dataclasses import dataclass, field

from perpkit.bot.positions.parameters import Settings
from perpkit.signals.cross_rank import RankedPairs


@dataclass(frozen=True)
class RankSettings(Settings):
    """Settings with the pairs that are compared."""

    ranking: RankedPairs = field(default_factory=RankedPairs)
