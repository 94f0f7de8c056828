"""Entry slicing: an entry that is large for the book is placed over several candles.

The first slice is the entry itself; the others are position adjustments. A slice exceeds its share
of the plan at most by a rest that is too small for an order of its own, and a plan is never
overfilled. One that cannot continue is given up: an entry that stays smaller than planned costs an
opportunity, a late one costs money.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Annotated, NamedTuple

from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range


@dataclass(frozen=True)
class SlicingRule(Parameters):
    """How an entry that is large against the book is split."""

    slices: Annotated[
        int,
        Range(1, "max_slices", "slices"),
        "How many slices where the depth is not known, as in backtests; 1 is the whole at once",
    ] = 1
    book_share: Annotated[
        float,
        Range(0.001, 1, "of the depth"),
        "The largest part of it that a slice may take",
    ] = 0.05
    max_slices: Annotated[
        int, Range(1, 100, "slices"), "The most slices, however shallow the book"
    ] = 5
    candles_apart: Annotated[
        int, Range(1, 1_000, "candles"), "The time from one slice to the next"
    ] = 1
    max_drift: Annotated[
        float,
        Range(0.0001, 0.5, "of the price"),
        "How far the price may move from that of the signal, either way; beyond it the rest is "
        "given up",
    ] = 0.02


class Plan(NamedTuple):
    """How an entry is split.

    :param stake: stake of all slices together, in stake currency
    """

    stake: float
    slices: int

    @property
    def slice_stake(self) -> float:
        return self.stake / self.slices


class Slice(NamedTuple):
    """The next step of a plan.

    :param stake: stake of the slice to send now; 0 for none
    :param done: the plan is filled or given up; no further slice will follow
    :param reason: why it was given up, for the operator
    """

    stake: float = 0.0
    done: bool = False
    reason: str = ""


def plan(
    rule: SlicingRule,
    stake: float,
    min_stake: float,
    leverage: float,
    depth: float | None,
) -> Plan:
    """Returns the number of slices; the first of them, of `slice_stake`, is the entry itself.

    :param stake: the stake that sizing allows, in stake currency
    :param min_stake: smallest stake of an order; slices are merged until none is below it
    :param depth: value of the orders in the book within the accepted slippage, in stake currency;
        None or NaN where it is not known

    >>> plan(SlicingRule(), stake=900, min_stake=10, leverage=2, depth=12_000)  # 5% of it is 600
    Plan(stake=900, slices=3)
    """
    if depth is None or depth != depth:
        wished = rule.slices
    elif depth * rule.book_share * rule.max_slices <= stake * leverage:
        wished = rule.max_slices
    else:
        wished = ceil(stake * leverage / (depth * rule.book_share) - 1e-9)
    largest = int(stake / min_stake + 1e-9) if min_stake > 0 else wished
    return Plan(stake, max(1, min(wished, largest)))


def next_slice(
    rule: SlicingRule,
    plan: Plan,
    filled: float,
    candles: int,
    candles_since_fill: int,
    drift: float,
    entries_blocked: bool,
    min_stake: float,
) -> Slice:
    """Returns the slice to send now. Do not call it while an order is open, nor after a partial
    exit.

    A slice that was missed or filled in part is made up for at the end, not by a double one. Once
    twice the planned time has passed, the rest is given up.

    :param filled: stake that has been filled so far
    :param candles: candles closed since the entry
    :param candles_since_fill: candles closed since the last slice was filled
    :param drift: price now over the price of the signal, less 1; NaN gives up
    :param entries_blocked: whether a breaker or an operator blocks entries
    :param min_stake: smallest stake of an order now

    >>> next_slice(SlicingRule(), Plan(900, 3), 300, 1, 1, 0.0, False, 10)
    Slice(stake=300.0, done=False, reason='')
    """
    left = plan.stake - filled
    # Filled stakes come from amounts cut to the step: a thousandth of the plan is only rounding.
    if not left >= max(min_stake, 0.001 * plan.stake):
        return Slice(done=True)
    if entries_blocked:
        return _give_up("entries are blocked")
    if not abs(drift) <= rule.max_drift:
        return _give_up(f"price is {drift:+.2%} from the signal (limit {rule.max_drift:.2%})")
    if candles > 2 * plan.slices * rule.candles_apart:
        return _give_up(f"{candles} candles since the entry")
    if candles_since_fill < rule.candles_apart:
        return Slice()
    # A rest that is too small for an order of its own is added to this slice.
    return Slice(left if left - plan.slice_stake < min_stake else plan.slice_stake)


def _give_up(cause: str) -> Slice:
    return Slice(done=True, reason=f"{cause}: rest of the entry given up")
