"""What the exchange says of each contract: maintenance tiers, steps and smallest orders."""

from __future__ import annotations

from math import inf
from typing import Any

from freqtrade.exchange import Exchange

from perpkit.risk.liquidation import MaintenanceTier, MaintenanceTiers
from perpkit.risk.sizing import least_notional


class Contracts:
    """Of one exchange, as Freqtrade has loaded it."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._known: dict[str, MaintenanceTiers | None] = {}

    def tiers(self, pair: str) -> MaintenanceTiers | None:
        """None where the exchange has not told them."""
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
        """In base currency, above 0."""
        return self._exchange.get_precision_amount(pair) or 1e-8

    def least_notional(self, pair: str, price: float) -> float:
        """The smallest order value that Freqtrade neither refuses nor raises, in every mode."""
        limits: dict[str, dict[str, Any]] = self._exchange.markets[pair]["limits"]
        cost, amount = limits["cost"]["min"], limits["amount"]["min"]
        return least_notional(cost, amount, price)
