"""Targets: which orders should take a position's profit, each at its price.

They are the exits that would be decided if the price were there: the next part of the ladder, and
the whole of what is left. Together they never sell more than the position.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from perpkit.risk.scale_out import Ladder, OpenPosition, next_exit
from perpkit.risk.sizing import floor_to_step

# So that a rung's own price counts as reached, whatever the last digit of its computation.
_AT_IT = 1e-9

PART, WHOLE = "scale_out", "roi"


class Target(NamedTuple):
    """An order that takes profit.

    :param amount: in base currency
    :param tag: the exit reason: of the same exit if the bot decides it
    """

    price: float
    amount: float
    tag: str


def next_part(
    ladder: Ladder, position: OpenPosition, least: Callable[[float], float], amount_step: float
) -> Target | None:
    """Returns the next part that `next_exit` sells, and the price at which it does.

    :param least: returns that of `next_exit` at a price
    :param amount_step: as for `next_exit`

    >>> position = OpenPosition(entry=100, is_short=False, risk_distance=2, held=8, initial=8)
    >>> next_part(Ladder(), position, lambda price: 5, amount_step=0.5)
    Target(price=102.0, amount=4.0, tag='scale_out')
    """
    way = -1 if position.is_short else 1
    for rung in ladder.rungs:
        price = position.entry + way * rung.at_r * position.risk_distance
        if price <= 0:
            return None
        reached = price * (1 + way * _AT_IT)
        if amount := next_exit(ladder, position, reached, least(price), amount_step):
            return Target(price, amount, PART)
    return None


def targets(
    held: float, is_short: bool, part: Target | None, whole: float | None, amount_step: float
) -> tuple[Target, ...]:
    """Returns the orders that should be in the book, nearest first.

    :param held: amount of the position
    :param part: from `next_part`
    :param whole: the price at which all that is left is sold; None for no such price

    >>> targets(8, False, Target(102.0, 4.0, "scale_out"), 110.0, 0.5)
    (Target(price=102.0, amount=4.0, tag='scale_out'), Target(price=110.0, amount=4.0, tag='roi'))
    """
    if part is not None and whole is not None and (part.price >= whole) is not is_short:
        part = None  # the whole is sold first
    found = () if part is None else (part._replace(amount=min(part.amount, held)),)
    left = held - sum(target.amount for target in found)
    left = round(floor_to_step(left, amount_step), 12)
    if whole is not None and left > 0:
        found = (*found, Target(whole, left, WHOLE))
    return found
