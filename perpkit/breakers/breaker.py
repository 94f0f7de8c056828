"""What all circuit breakers share: trading states, decisions, and how decisions are combined.

A breaker is either a timeline over stored data (`perpkit.breakers.timeline`) or a pure step
`(limits, state, observation) -> (state, decision)`. Neither reads a clock or has hidden state, so
the same candles give the same decisions in every mode.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import inf
from typing import Literal, get_args

from perpkit.checks import check_range, one_of

ALL_PAIRS = "*"
# Of a limit: 90 for 100 is a fall of 10%, though the quotient is less by an error of rounding.
WITHIN_ROUNDING = 1 - 1e-9
Side = Literal["long", "short", "*"]
SIDES: tuple[Side, ...] = get_args(Side)


class Trading(StrEnum):
    """What the bot may do. Exits are allowed in every state."""

    ACTIVE = "active"
    REDUCING = "reducing"  # no new risk; exits, partial exits and stops continue
    HALTED = "halted"  # close everything, then wait for the release or, without one, an operator

    @property
    def strictness(self) -> int:
        return list(Trading).index(self)


@dataclass(frozen=True)
class Decision:
    """What a breaker allows, where, and why.

    :param size_factor: share of the usual position size that sizing may use, 0 to 1
    :param release: earliest time at which the restriction can end (UTC); None if there is none
    :param reason: for the operator, with the figures
    :param pair: the pair that the decision applies to, `*` for all pairs
    :param side: the side that the decision applies to, `*` for both
    :param max_leverage: cap on the leverage of new positions
    :raises ValueError: for a state or a side that does not exist, a size beyond 0 to 1, and a cap
        below 0; for NaN, too, which would restrict nothing
    """

    trading: Trading = Trading.ACTIVE
    size_factor: float = 1.0
    release: datetime | None = None
    reason: str = ""
    pair: str = ALL_PAIRS
    side: Side = "*"
    max_leverage: float = inf

    def __post_init__(self) -> None:
        # A user's breaker may pass a string, but the string "halted" would not halt.
        if type(self.trading) is not Trading:
            object.__setattr__(self, "trading", one_of("trading", self.trading, Trading))
        if self.side not in SIDES:
            one_of("side", self.side, SIDES)
        if not (0 <= self.size_factor <= 1 and self.max_leverage >= 0):
            _check_figures(self)

    @property
    def entries_blocked(self) -> bool:
        return self.trading is not Trading.ACTIVE

    @property
    def restricts(self) -> bool:
        """Whether the decision restricts anything at all."""
        return self.entries_blocked or self.size_factor < 1 or self.max_leverage < inf

    def concerns(self, pair: str, side: str = "*") -> bool:
        """Returns whether the decision applies to that pair and side.

        >>> Decision(Trading.REDUCING, pair="BTC/USDT:USDT").concerns("ETH/USDT:USDT")
        False
        """
        return self.pair in (ALL_PAIRS, pair) and self.side in ("*", side)


def _check_figures(decision: Decision) -> None:
    check_range("size_factor", decision.size_factor, 0, 1)
    check_range("max_leverage", decision.max_leverage, 0, inf)


UNRESTRICTED = Decision()


def strictest(decisions: Iterable[Decision]) -> Decision:
    """Combines decisions into one: the strictest state, the smallest size, the lowest leverage.

    The release is the latest one among the decisions with that state, because a milder restriction
    that lasts longer is no reason to stay halted. A decision without a release outlasts them all.

    >>> halt, smaller = Decision(Trading.HALTED, reason="drawdown"), Decision(size_factor=0.5)
    >>> found = strictest([halt, smaller])
    >>> found.trading, found.size_factor, found.reason
    (<Trading.HALTED: 'halted'>, 0.5, 'drawdown')
    """
    held = [decision for decision in decisions if decision.restricts]
    if len(held) < 2:
        return held[0] if held else UNRESTRICTED
    trading = max((d.trading for d in held), key=lambda state: state.strictness)
    deciding = [d for d in held if d.trading is trading]
    releases = [d.release for d in deciding if d.release is not None]
    return Decision(
        trading=trading,
        size_factor=min(d.size_factor for d in held),
        release=max(releases) if len(releases) == len(deciding) else None,
        reason="; ".join(dict.fromkeys(d.reason for d in deciding)),
        max_leverage=min(d.max_leverage for d in held),
    )
