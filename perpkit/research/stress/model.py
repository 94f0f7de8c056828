"""The base of cost models. As it is, it changes nothing: the identity.

A model of your own is a frozen dataclass that overrides what it changes; its parameters are
declared as everywhere in Perpkit, checked, and given on the command line:

    @dataclass(frozen=True)
    class Flat(CostModel):
        bps: Annotated[float, Range(0, 1000, "bps"), "What every order costs more"] = 5.0

        def slippage_bps(self, order: Order, draw: Generator) -> float:
            return self.bps

    perpkit stress EXPORT --model flat.py:Flat,bps=8
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import ClassVar

from numpy.random import Generator

from perpkit.parameters.declared import Parameters
from perpkit.research.accounts import Market
from perpkit.research.liquidation import Tiers
from perpkit.research.results import Results
from perpkit.research.stress.order import Holding, Order


@dataclass(frozen=True)
class CostModel(Parameters):
    """Costs as they are in the results."""

    # Whether the noise of a run multiplies its slippage.
    noisy: ClassVar[bool] = True

    def slippage_bps(self, order: Order, draw: Generator) -> float:
        """Returns how much worse than its rate an order fills, in basis points.

        :param draw: random numbers of this run, by its seed
        :return: NaN where something is missing: the order is left as it is, and counted
        """
        return 0.0

    def least_bps(self) -> float:
        """Returns below which noise brings no slippage of this model, in basis points."""
        return -inf

    def fee(self, order: Order) -> float:
        """Returns the fee of an order, a fraction of its value."""
        return order.fee

    def fails(self, order: Order, draw: Generator) -> bool:
        """Whether an order does not get through.

        A first entry makes no trade then, a later one is left out, and an exit is made at the open
        of the next candle, where it can fail again.
        """
        return False

    def funding(self, funding: float, held: Sequence[Holding]) -> float:
        """Returns the funding of a trade, positive when received, in stake currency.

        :param held: what the trade held, and for how long
        """
        return funding

    def account(self, results: Results, market: Market, tiers: Tiers) -> Results:
        """Returns what becomes of the whole account, after all orders have been priced."""
        return results
