"""The exchange's limits of each contract: maintenance tiers, amount steps, smallest orders."""

from __future__ import annotations

from math import inf
from typing import Any

from freqtrade.exchange import Exchange

from perpkit.risk.liquidation import MaintenanceTier, MaintenanceTiers
from perpkit.risk.sizing import least_notional


class Contracts:
    """The contracts of one exchange, as Freqtrade has loaded them."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._known: dict[str, MaintenanceTiers | None] = {}

    def tiers(self, pair: str) -> MaintenanceTiers | None:
        """Returns the maintenance tiers of a pair, or None if the exchange gave none."""
        if pair not in self._known:
            self._known[pair] = self._tiers(pair)
        return self._known[pair]

    def _tiers(self, pair: str) -> MaintenanceTiers | None:
        rows = self._exchange._leverage_tiers.get(pair)
        if not rows:
            return None
        return MaintenanceTiers(
            tuple(
                MaintenanceTier(
                    row["minNotional"] or 0.0,
                    row["maintenanceMarginRate"],
                    row["maintAmt"] or 0.0,
                    row["maxLeverage"],
                )
                for row in rows
            ),
            rows[-1]["maxNotional"] or inf,
        )

    def amount_step(self, pair: str) -> float:
        """Returns the step of amounts in base currency, above 0."""
        return self._exchange.get_precision_amount(pair) or 1e-8

    def least_notional(self, pair: str, price: float) -> float:
        """Returns the smallest order value, in stake currency, that Freqtrade accepts unchanged.

        The same in every mode.
        """
        limits: dict[str, dict[str, Any]] = self._exchange.markets[pair]["limits"]
        cost, amount = limits["cost"]["min"], limits["amount"]["min"]
        return least_notional(cost, amount, price)
