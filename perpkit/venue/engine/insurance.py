"""The insurance fund: it receives liquidation fees and pays for what margins do not cover."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

START = Decimal(1_000_000_000)  # about what the exchange publishes for USDT


@dataclass(slots=True)
class InsuranceFund:
    """The balances of the fund, one per asset.

    The fund always pays the debts of accounts, if necessary with the exchange's own money, so its
    balance may become negative. It takes over a position only if its balance covers the loss.

    :param start: initial balance of each asset; assets missing from a mapping begin with 0
    """

    start: Decimal | Mapping[str, Decimal] = START
    _moved: dict[str, Decimal] = field(default_factory=dict)

    def balance(self, asset: str) -> Decimal:
        start = self.start.get(asset, Decimal(0)) if isinstance(self.start, Mapping) else self.start
        return start + self._moved.get(asset, Decimal(0))

    def receive(self, asset: str, amount: Decimal) -> None:
        """Adds `amount` to the balance of an asset; a negative amount is a payment."""
        self._moved[asset] = self._moved.get(asset, Decimal(0)) + amount

    def bears(self, asset: str, result: Decimal) -> bool:
        """Returns whether a position with this profit or loss at mark can be taken over."""
        return result >= 0 or self.balance(asset) + result >= 0
