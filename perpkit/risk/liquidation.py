"""Liquidation and bankruptcy prices of USD-M perpetuals.

Sources: Binance support, "How to Calculate Liquidation Price of USDⓈ-M Futures Contracts" (its WB,
TMM, UPNL, cum, MMR, EP) and "Leverage and Margin of USDⓈ-M Futures".

Freqtrade's dry-run uses the maintenance tier of the collateral where the exchange uses that of the
position's value, and counts other cross positions as longs. Prices here are the exchange's: equal
to Freqtrade's where both use the same tier, otherwise closer to the entry, never farther.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import Annotated

from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range


@dataclass(frozen=True, slots=True)
class MaintenanceTier(Parameters):
    """The terms of positions whose value is at least `floor`."""

    floor: Annotated[float, Range(0, 1e15, "quote currency"), "The least notional value"]
    rate: Annotated[float, Range(0, 0.99, "of the notional value"), "The maintenance margin"]
    amount: Annotated[
        float,
        Range(0, 1e15, "quote currency"),
        "What is taken off that margin (the exchange's cum, Freqtrade's maintAmt)",
    ]
    max_leverage: Annotated[
        float, Range(1, 1000, "x"), "The highest leverage that the exchange allows"
    ]


@dataclass(frozen=True, slots=True)
class MaintenanceTiers(Parameters):
    """The tiers of one contract, from the smallest notional up.

    The maintenance margin is the greatest that any tier would require. Where the amounts join the
    tiers without a jump, as the exchange's do, it is the margin of the tier that the value lies in.
    """

    rows: Annotated[tuple[MaintenanceTier, ...], "The tiers, the smallest notional first"]
    cap: Annotated[
        float,
        Range(0, unit="quote currency", infinite=True),
        "The largest notional that may be held at all",
    ] = inf

    def check_together(self) -> None:
        if not self.rows or self.rows[0].floor != 0:
            raise ValueError(f"rows must begin with a tier from 0, got {self.rows[:1]}")
        for lower, upper in pairwise(self.rows):
            ordered = lower.floor < upper.floor and lower.rate <= upper.rate
            if not (ordered and lower.max_leverage >= upper.max_leverage):
                raise ValueError(
                    f"rows must rise in floor and rate and fall in max_leverage, "
                    f"got {lower} before {upper}"
                )
        if not self.cap > self.rows[-1].floor:
            raise ValueError(f"cap must be above {self.rows[-1].floor:g}, got {self.cap!r}")

    def maintenance(self, notional: float) -> float:
        """Returns the maintenance margin of an absolute notional value, in quote currency.

        >>> rows = MaintenanceTier(0, 0.004, 0, 125), MaintenanceTier(50_000, 0.005, 50, 100)
        >>> MaintenanceTiers(rows).maintenance(100_000)
        450.0
        """
        return max(notional * tier.rate - tier.amount for tier in self.rows)


@dataclass(frozen=True, slots=True)
class Position:
    """An open position.

    :param amount: in base currency, positive for shorts too
    """

    entry: float
    amount: float
    is_short: bool

    def profit(self, price: float) -> float:
        """Returns the profit at `price` before fees and funding, in quote currency."""
        move = self.entry - price if self.is_short else price - self.entry
        return self.amount * move


@dataclass(frozen=True, slots=True)
class OtherPosition:
    """Another position on the same cross wallet, at its mark price."""

    position: Position
    mark: float
    tiers: MaintenanceTiers

    @property
    def unrealized(self) -> float:
        return self.position.profit(self.mark)

    @property
    def maintenance(self) -> float:
        return self.tiers.maintenance(self.position.amount * self.mark)


def carrying_margin(margin: float, others: Sequence[OtherPosition] = ()) -> float:
    """Returns the margin available to a position, its own maintenance included: WB - TMM + UPNL.

    :param margin: the position's collateral if isolated, the wallet's balance if cross
    :param others: all other positions on the cross wallet
    """
    return margin + sum(other.unrealized - other.maintenance for other in others)


def liquidation_price(
    position: Position, margin: float, tiers: MaintenanceTiers, others: Sequence[OtherPosition] = ()
) -> float:
    """Returns the mark price at which the margin left equals the maintenance margin.

    In one tier: (margin + amount_tier -/+ size x entry) / (size x rate -/+ size), the exchange's
    formula. A position must satisfy every tier at once, so the strictest one decides.

    :param margin: with `others`, as in `carrying_margin`
    :return: 0 where no price above 0 liquidates (a long without leverage)

    >>> tiers = MaintenanceTiers((MaintenanceTier(0, 0.004, 0, 125),))
    >>> round(liquidation_price(Position(100, 1, is_short=False), margin=10, tiers=tiers), 2)
    90.36
    """
    carrying = carrying_margin(margin, others)
    size, cost = position.amount, position.amount * position.entry
    if position.is_short:
        price = min((carrying + t.amount + cost) / (size * (1 + t.rate)) for t in tiers.rows)
    else:
        price = max((cost - carrying - t.amount) / (size * (1 - t.rate)) for t in tiers.rows)
    return max(price, 0.0)


def bankruptcy_price(
    position: Position, margin: float, others: Sequence[OtherPosition] = ()
) -> float:
    """Returns the price at which a position has lost all its margin; 0 if a long never does.

    A liquidation is executed at this price or better, and never loses more.

    :param margin: with `others`, as in `carrying_margin`; here nothing is set aside for their
        maintenance

    >>> bankruptcy_price(Position(100, 1, is_short=False), margin=10)
    90.0
    """
    equity = margin + sum(other.unrealized for other in others)
    per_unit = equity / position.amount
    return max(position.entry + (per_unit if position.is_short else -per_unit), 0.0)
