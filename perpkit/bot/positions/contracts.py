"""The exchange's limits of each contract: maintenance tiers, amount steps, smallest orders."""

from __future__ import annotations

from math import inf
from typing import Any

from freqtrade.exchange import Exchange

from perpkit.market.exchanges import TierMargin, facts_at
from perpkit.risk.liquidation import MaintenanceTier, MaintenanceTiers
from perpkit.risk.sizing import least_notional
from perpkit.risk.tiers import in_parts, of_whole


class Contracts:
    """The contracts of one exchange, as Freqtrade has loaded them."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._facts = facts_at(exchange)
        self._known: dict[str, MaintenanceTiers | None] = {}

    def tiers(self, pair: str, price: float) -> MaintenanceTiers | None:
        """Returns the maintenance tiers of a pair, or None if the exchange gave none.

        :param price: of one unit of the base currency, for an exchange whose tiers are bounded by a
            number of contracts
        """
        if self._facts.tiers_in_contracts:
            return self._tiers(pair, self._amount(pair, 1.0) * price)
        if pair not in self._known:
            self._known[pair] = self._tiers(pair, 1.0)
        return self._known[pair]

    def _tiers(self, pair: str, unit: float) -> MaintenanceTiers | None:
        """:param unit: quote currency in one unit of the tiers' bounds"""
        rows = self._exchange._leverage_tiers.get(pair)
        if not rows:
            return None
        tiers = tuple(
            MaintenanceTier(
                (row["minNotional"] or 0.0) * unit,
                row["maintenanceMarginRate"],
                row["maintAmt"] or 0.0,
                row["maxLeverage"],
            )
            for row in rows
        )
        if self._facts.tier_margin is TierMargin.IN_PARTS:
            tiers = in_parts(tiers)
        elif self._facts.tier_margin is TierMargin.OF_WHOLE:
            tiers = of_whole(tiers)
        largest = rows[-1]["maxNotional"]
        return MaintenanceTiers(tiers, largest * unit if largest else inf)

    def amount_step(self, pair: str) -> float:
        """Returns the step of amounts in base currency, above 0."""
        return self._amount(pair, self._exchange.get_precision_amount(pair) or 0.0) or 1e-8

    def least_notional(self, pair: str, price: float) -> float:
        """Returns the smallest order value, in stake currency, that Freqtrade accepts unchanged.

        The same in every mode.
        """
        limits: dict[str, dict[str, Any]] = self._exchange.markets[pair]["limits"]
        cost, amount = limits["cost"]["min"], limits["amount"]["min"]
        return least_notional(cost, amount and self._amount(pair, amount), price)

    def _amount(self, pair: str, contracts: float) -> float:
        """Converts the exchange's contracts, which may each be many or few units of the base."""
        return self._exchange._contracts_to_amount(pair, contracts)
