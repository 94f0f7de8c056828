"""The insurance fund: it takes the fees of liquidations, and pays for what margins do not cover."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

START = Decimal(1_000_000_000)  # about what the exchange publishes for USDT


@dataclass(slots=True)
class InsuranceFund:
    """A balance per asset.

    Debts of accounts are always paid, if need be from the exchange's own money: the balance may
    become negative by them. Positions are taken over only as long as the balance bears their loss.

    :param start: of each asset; assets that a mapping does not name begin with 0
    """

    start: Decimal | Mapping[str, Decimal] = START
    _moved: dict[str, Decimal] = field(default_factory=dict)

    def balance(self, asset: str) -> Decimal:
        start = self.start.get(asset, Decimal(0)) if isinstance(self.start, Mapping) else self.start
        return start + self._moved.get(asset, Decimal(0))

    def receive(self, asset: str, amount: Decimal) -> None:
        """:param amount: negative where the fund pays"""
        self._moved[asset] = self._moved.get(asset, Decimal(0)) + amount

    def bears(self, asset: str, result: Decimal) -> bool:
        """Whether a position with this profit or loss at mark can be taken over."""
        return result >= 0 or self.balance(asset) + result >= 0
