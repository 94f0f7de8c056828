"""Stretches of time in which a breaker restricts a pair and a side in the same way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from perpkit.breakers.breaker import ALL_PAIRS, Decision

Moments = Iterable[tuple[datetime, Sequence[Decision]]]


@dataclass(frozen=True)
class Stretch:
    """A period in which the effect of a breaker on one pair and side stays the same.

    :param level: the trading state; `active` if only size or leverage is restricted. A replay of
        the crypto-VIX alone has its own levels instead
    :param reason: the breaker's reason at the start
    """

    start: datetime
    until: datetime
    level: str
    reason: str
    breaker: str
    pair: str = ALL_PAIRS
    side: str = "*"

    @property
    def where(self) -> str:
        """The pair and the side that are restricted, in words."""
        return " ".join(part for part in (self.pair, self.side) if part != "*") or "all pairs"

    def concerns(self, pair: str, side: str = "*") -> bool:
        """Whether it restricts that pair, and that side of it."""
        return self.pair in (ALL_PAIRS, pair) and self.side in ("*", side)

    def between(self, start: datetime, stop: datetime) -> Stretch:
        return replace(self, start=max(self.start, start), until=min(self.until, stop))


def stretches(breaker: str, moments: Moments, end: datetime) -> list[Stretch]:
    """Converts decisions at successive moments into stretches, ordered by their starts.

    :param end: of stretches that are still open
    """
    found: list[Stretch] = []
    going: dict[tuple[str, str], tuple[datetime, Decision]] = {}

    def close(key: tuple[str, str], at: datetime) -> None:
        start, decision = going.pop(key)
        found.append(Stretch(start, at, decision.trading.value, decision.reason, breaker, *key))

    for now, decisions in moments:
        by_key: dict[tuple[str, str], Decision] = {
            (d.pair, d.side): d for d in decisions if d.restricts
        }
        for key in [k for k, (_, d) in going.items() if _effect(by_key.get(k)) != _effect(d)]:
            close(key, now)
        for key, decision in by_key.items():
            going.setdefault(key, (now, decision))
    for key in list(going):
        close(key, end)
    return sorted(found, key=lambda stretch: (stretch.start, stretch.pair, stretch.side))


def _effect(decision: Decision | None) -> object:
    return decision and (decision.trading, decision.size_factor, decision.max_leverage)
