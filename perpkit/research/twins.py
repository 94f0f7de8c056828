"""Trades of a bot beside those of a backtest: which one is the other's twin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perpkit.market.times import opening
from perpkit.research.results import Results
from perpkit.research.trades import Trade

# In live trading an entry is decided at a candle's close, and can wait for its fill: up to so many
# candles apart, two trades can be of the same signal.
_CANDLES_APART = 1


@dataclass(frozen=True)
class Twins:
    """At least one of them is there."""

    live: Trade | None
    backtest: Trade | None

    @property
    def one(self) -> Trade:
        found = self.live or self.backtest
        assert found is not None
        return found

    @property
    def difference(self) -> float:
        """What the bot made more than the backtest, in stake currency."""
        made = [0.0 if trade is None else trade.profit for trade in (self.live, self.backtest)]
        return made[0] - made[1]


def span(live: Results, backtest: Results, step: float) -> tuple[float, float]:
    """Returns the time that both have, as far as anything is known of the bot, s since 1970 UTC.

    :param step: length of a candle, s
    """
    # The candle of a first trade began before it.
    return max(opening(live.start, step), backtest.start), min(live.end, backtest.end)


def pair_up(
    live: Sequence[Trade], backtest: Sequence[Trade], step: float, begin: float, end: float
) -> list[Twins]:
    """Returns all trades that were opened from `begin` to `end`, twins together, by their time.

    Twins are of the same pair and side, and were opened in the same candle or in one beside it; of
    several, those that are nearest.
    """
    inside = [[t for t in side if begin <= t.opened <= end] for side in (live, backtest)]
    near = sorted(
        (abs(one.opened - other.opened), a, b)
        for a, one in enumerate(inside[0])
        for b, other in enumerate(inside[1])
        if (one.pair, one.is_short) == (other.pair, other.is_short)
        and abs(opening(one.opened, step) - opening(other.opened, step)) <= _CANDLES_APART * step
    )
    taken: tuple[set[int], set[int]] = (set(), set())
    found = []
    for _, a, b in near:
        if a not in taken[0] and b not in taken[1]:
            taken[0].add(a)
            taken[1].add(b)
            found.append(Twins(inside[0][a], inside[1][b]))
    found += [Twins(t, None) for n, t in enumerate(inside[0]) if n not in taken[0]]
    found += [Twins(None, t) for n, t in enumerate(inside[1]) if n not in taken[1]]
    return sorted(found, key=lambda twins: (twins.one.opened, twins.one.pair))
