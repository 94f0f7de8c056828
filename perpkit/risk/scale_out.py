"""Scale-out: parts of a position are sold at multiples of the initial risk (R), the rest trails.

The amount already sold shows which rungs are done. So no state is stored, a restart changes
nothing, and an exit that was filled in part is completed.

A rung is skipped when the amount it sells, or the rest it leaves, is below the smallest order. The
position then stays whole, under its stop, up to the next rung, which sells both parts at once if it
can. Selling everything instead would end small positions at the first rung.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from math import floor
from typing import Annotated, NamedTuple

from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import NotEmpty, Range


@dataclass(frozen=True)
class Rung(Parameters):
    """A part of the position, and the gain at which it is sold."""

    at_r: Annotated[float, Range(0.1, 100, "R"), "The gain at which the part is sold"]
    share: Annotated[float, Range(0.01, 1, "of the amount first bought"), "The part that is sold"]
    stop_r: Annotated[
        float,
        Range(-1, 100, "R"),
        "Where the stop goes once the part is sold, from the entry; 0 is break-even",
    ]

    def check_together(self) -> None:
        if not self.stop_r < self.at_r:
            raise ValueError(f"stop_r must be below at_r ({self.at_r:g}), got {self.stop_r!r}")


@dataclass(frozen=True)
class Ladder(Parameters):
    """The parts that are sold, one after the other."""

    rungs: Annotated[
        tuple[Rung, ...],
        NotEmpty(),
        "The nearest first, their stops never looser; what they leave trails",
    ] = (Rung(1.0, 0.5, 0.0), Rung(2.0, 0.25, 1.0))

    def check_together(self) -> None:
        for near, far in pairwise(self.rungs):
            if not near.at_r < far.at_r:
                raise ValueError(f"rungs must ascend in at_r, got {near.at_r:g}, {far.at_r:g}")
            if not near.stop_r <= far.stop_r:
                raise ValueError(f"rungs must not loosen stop_r: {near.stop_r:g}, {far.stop_r:g}")
        if self.shares[-1] > 1:
            raise ValueError(f"rungs must sell at most 1 in all, got {self.shares[-1]:g}")

    @cached_property
    def shares(self) -> tuple[float, ...]:
        """The share of the position that is sold once each rung and those before it are taken."""
        return tuple(round(share, 9) for share in accumulate(rung.share for rung in self.rungs))

    @cached_property
    def first_r(self) -> float:
        return self.rungs[0].at_r


class OpenPosition(NamedTuple):
    """A position that may be scaled out; amounts are in base currency.

    :param entry: average entry price
    :param risk_distance: from the entry to the first stop, in price
    :param held: amount held now
    :param initial: amount bought in total
    """

    entry: float
    is_short: bool
    risk_distance: float
    held: float
    initial: float


def next_exit(
    ladder: Ladder, position: OpenPosition, rate: float, least: float, amount_step: float
) -> float:
    """Returns the amount to sell now: a multiple of the step, or all that is held; 0 for nothing.

    :param rate: the exit price that the market offers
    :param least: smallest order value, see `perpkit.risk.sizing.least_notional`
    :param amount_step: the exchange's step, above 0

    >>> position = OpenPosition(entry=100, is_short=False, risk_distance=2, held=8, initial=8)
    >>> next_exit(Ladder(), position, rate=102, least=5, amount_step=0.5)  # half of it, at 1 R
    4.0
    """
    gain = position.entry - rate if position.is_short else rate - position.entry
    if not (position.risk_distance > 0 and gain >= ladder.first_r * position.risk_distance):
        return 0.0
    held, sold = _lots_held(position, amount_step)
    initial = held + sold
    for rung, share in zip(reversed(ladder.rungs), reversed(ladder.shares), strict=True):
        if gain < rung.at_r * position.risk_distance:
            continue
        lots = _target(initial, share) - sold
        if lots <= 0:
            return 0.0  # this rung is done, and so are those before it
        rest = held - lots
        value = amount_step * rate
        if lots * value >= least and (rest == 0 or rest * value >= least):
            return position.held if rest == 0 else lots * amount_step
    return 0.0


def rungs_taken(ladder: Ladder, position: OpenPosition, amount_step: float) -> int:
    """Returns how many rungs are done, judged by the amount that has been sold.

    In a position of few steps two rungs may sell the same amount; then the nearer one counts, whose
    stop is looser.

    >>> rungs_taken(Ladder(), OpenPosition(100, False, 2, held=4, initial=8), amount_step=0.5)
    1
    """
    held, sold = _lots_held(position, amount_step)
    taken = before = 0
    for number, share in enumerate(ladder.shares, start=1):
        target = _target(held + sold, share)
        if before < target <= sold:
            taken = number
        before = target
    return taken


def stop_of(ladder: Ladder, position: OpenPosition, amount_step: float) -> float | None:
    """Returns the stop price that belongs to the last rung taken; None before the first.

    It never loosens; the caller keeps the tighter of this stop and its own.

    >>> stop_of(Ladder(), OpenPosition(100, False, 2, held=2, initial=8), amount_step=0.5)
    102.0
    """
    taken = rungs_taken(ladder, position, amount_step)
    if not taken or not position.risk_distance > 0:
        return None
    away = ladder.rungs[taken - 1].stop_r * position.risk_distance
    return position.entry - away if position.is_short else position.entry + away


def reducing_stake(amount: float, held: float, held_stake: float, amount_step: float) -> float:
    """Returns what `adjust_trade_position` must return for Freqtrade to sell exactly `amount`.

    Freqtrade sells |stake| x trade.amount / trade.stake_amount, cut to the step; leverage and the
    current price do not matter. Half a step is added so that rounding cannot lose a whole one.

    :param amount: a multiple of the step, or all of `held`
    :param held, held_stake: the trade's `amount` and `stake_amount`
    :return: below 0
    """
    if amount >= held:
        return -held_stake
    return -min(held_stake, (amount + amount_step / 2) * held_stake / held)


def _lots_held(position: OpenPosition, amount_step: float) -> tuple[int, int]:
    """Returns the number of steps held, and of those sold, which is at least 0."""
    held = floor(position.held / amount_step + 1e-6)
    return held, max(0, floor(position.initial / amount_step + 1e-6) - held)


def _target(initial: int, share: float) -> int:
    return floor(initial * share + 1e-6)
