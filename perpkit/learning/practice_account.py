"""The account of an agent that learns to trade a perpetual: what it pays, earns and can lose.

It holds one isolated position at a time. Between two steps the position is marked to market, pays
or receives funding, and is liquidated where the candle in between reached its liquidation price.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log
from typing import Annotated, NamedTuple

from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range
from perpkit.risk.liquidation import (
    MaintenanceTier,
    MaintenanceTiers,
    Position,
    liquidation_price,
)

# An account that has lost everything has no logarithm; it is counted as if this were left.
_RUINED = 1e-3


@dataclass(frozen=True)
class PracticeTerms(Parameters):
    """The terms on which an agent trades, and what its reward is made of."""

    leverage: Annotated[float, Range(1, 125, "x"), "The leverage of a position"] = 2.0
    stake: Annotated[
        float, Range(0.01, 1, "of the equity"), "The margin that a position is given"
    ] = 0.5
    fee: Annotated[
        float, Range(0, 0.05, "of the position's value"), "What each entry and each exit costs"
    ] = 0.0005
    maintenance: Annotated[
        float, Range(0, 0.5, "of the position's value"), "The maintenance margin"
    ] = 0.005
    drawdown_penalty: Annotated[
        float,
        Range(0, 100),
        "How much a new depth of the drawdown costs, beside the loss that it is",
    ] = 1.0
    liquidation_penalty: Annotated[
        float, Range(0, 10), "What a liquidation costs, beside the loss that it is"
    ] = 0.1
    idle_order_penalty: Annotated[
        float, Range(0, 1), "What an action costs that the position does not allow"
    ] = 0.0001
    scale: Annotated[
        float, Range(0.001, 10_000), "What rewards are multiplied with, which are small fractions"
    ] = 100.0

    def __post_init__(self) -> None:
        super().__post_init__()
        tier = MaintenanceTier(0.0, self.maintenance, 0.0, 125.0)
        object.__setattr__(self, "_tiers", MaintenanceTiers((tier,)))

    @property
    def tiers(self) -> MaintenanceTiers:
        return self._tiers  # type: ignore[attr-defined]


class Step(NamedTuple):
    """The time between two decisions.

    :param low, high: the lowest and the highest price in it
    :param close: the price at its end, at which the next decision is executed
    :param funding: the rate settled in it, as a fraction of the position's value; longs pay it,
        and where it is negative, receive it
    """

    low: float
    high: float
    close: float
    funding: float = 0.0


@dataclass(frozen=True)
class PracticeAccount:
    """An account between two steps.

    :param equity: marked to market, 1 at the beginning
    :param peak: the highest equity so far
    :param deepest: the deepest drawdown so far, as a fraction of the peak before it
    :param side: 1 for a long, -1 for a short, 0 without a position
    :param amount: of the position, such that amount x price is its value in units of the equity
    :param margin: what of the position's collateral is left, before its unrealised profit
    :param entry, mark: prices
    :param liquidated: whether the last step ended in a liquidation
    """

    equity: float = 1.0
    peak: float = 1.0
    deepest: float = 0.0
    side: int = 0
    amount: float = 0.0
    margin: float = 0.0
    entry: float = 0.0
    mark: float = 0.0
    liquidated: bool = False

    @property
    def profit(self) -> float:
        """The unrealised profit of the position, in units of the equity."""
        return self.side * self.amount * (self.mark - self.entry)

    def held(self, step: Step, terms: PracticeTerms) -> PracticeAccount:
        """Returns the account at the end of a step: marked, charged funding, perhaps liquidated.

        A liquidated position loses its whole margin: the exchange keeps what is left of it.
        """
        if self.side == 0:
            return replace(self, mark=step.close, liquidated=False)
        worst = step.low if self.side > 0 else step.high
        position = Position(self.entry, self.amount, self.side < 0)
        limit = liquidation_price(position, self.margin, terms.tiers)
        if self.side * (worst - limit) <= 0:
            lost = self.margin + self.profit
            after = replace(self._flat(), mark=step.close, liquidated=True)
            return _marked(after, self.equity - lost)
        paid = self.side * self.amount * step.close * step.funding
        moved = self.side * self.amount * (step.close - self.mark)
        after = replace(self, margin=self.margin - paid, mark=step.close, liquidated=False)
        return _marked(after, self.equity + moved - paid)

    def entered(self, side: int, price: float, terms: PracticeTerms) -> PracticeAccount:
        """Returns the account after an entry: the margin is a part of the equity, less the fee.

        :param side: 1 for a long, -1 for a short
        """
        margin = self.equity * terms.stake
        value = margin * terms.leverage
        after = replace(
            self,
            side=side,
            amount=value / price,
            margin=margin,
            entry=price,
            mark=price,
        )
        return _marked(after, self.equity - value * terms.fee)

    def exited(self, price: float, terms: PracticeTerms) -> PracticeAccount:
        """Returns the account after its position was closed at the price at which it is marked."""
        fee = self.amount * price * terms.fee
        return _marked(self._flat(), self.equity - fee)

    def _flat(self) -> PracticeAccount:
        return replace(self, side=0, amount=0.0, margin=0.0, entry=0.0)


def _marked(account: PracticeAccount, equity: float) -> PracticeAccount:
    equity = max(equity, 0.0)
    peak = max(account.peak, equity)
    deepest = max(account.deepest, 1 - equity / peak)
    return replace(account, equity=equity, peak=peak, deepest=deepest)


def reward(before: PracticeAccount, after: PracticeAccount, terms: PracticeTerms) -> float:
    """Returns what an agent is given for the way from one account to the next.

    It is the logarithm of the equity's growth, so that a run's rewards add up to its profit
    in any order, less a multiple of every new depth of the drawdown and of a liquidation.

    >>> account = PracticeAccount()
    >>> round(reward(account, replace(account, equity=1.01, peak=1.01), PracticeTerms()), 4)
    0.995
    """
    growth = log(max(after.equity, _RUINED) / max(before.equity, _RUINED))
    deeper = after.deepest - before.deepest
    penalty = terms.drawdown_penalty * deeper + terms.liquidation_penalty * after.liquidated
    return terms.scale * (growth - penalty)
