"""The whole state of the engine, with the counters of its ids."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from itertools import count

from perpkit.venue.engine.account import Account, SymbolHolding
from perpkit.venue.engine.contract import ONE, Contract
from perpkit.venue.engine.insurance import InsuranceFund
from perpkit.venue.engine.quote import Quote
from perpkit.venue.engine.refusals import Refusal
from perpkit.venue.errors import invalid_symbol

ALGO_IDS_ABOVE = 10**15
DEFAULT_LEVERAGE = 20  # of a symbol whose leverage was never set, as on the exchange


class SymbolStatus(StrEnum):
    TRADING = "TRADING"
    SETTLING = "SETTLING"  # to be delisted: positions can only be closed
    CLOSE = "CLOSE"  # no orders at all, and nothing trades or is triggered


@dataclass(slots=True)
class EngineState:
    """The state of one engine.

    :param collateral: what one unit of an asset counts as margin, USD, if it is not a dollar
    :param first_id: first order id; ids of conditional orders are far above it, because users of
        the exchange treat both kinds as one and store their ids in one column
    """

    contracts: dict[str, Contract]
    first_id: int = 1
    fund: InsuranceFund = field(default_factory=InsuranceFund)
    quotes: dict[str, Quote] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    status: dict[str, SymbolStatus] = field(default_factory=dict)
    collateral: dict[str, Decimal] = field(default_factory=dict)
    order_ids: count[int] = field(init=False)
    algo_ids: count[int] = field(init=False)
    trade_ids: count[int] = field(default_factory=lambda: count(1))
    places: count[int] = field(default_factory=lambda: count(1))
    amendment_ids: count[int] = field(default_factory=lambda: count(1))
    income_ids: count[int] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.order_ids = count(self.first_id)
        self.algo_ids = count(self.first_id + ALGO_IDS_ABOVE)

    def contract(self, symbol: str) -> Contract:
        """Returns the contract of a symbol.

        :raises VenueError: -1121 for an unknown symbol
        """
        contract = self.contracts.get(symbol)
        if contract is None:
            raise invalid_symbol()
        return contract

    def halted(self, symbol: str) -> bool:
        """Returns whether nothing of a symbol trades now: no trigger, no fill, no liquidation."""
        return self.status.get(symbol) is SymbolStatus.CLOSE

    def worth(self, asset: str) -> Decimal:
        """Returns what one unit of an asset counts as margin in multi-assets mode, USD."""
        return self.collateral.get(asset, ONE)

    def quote(self, symbol: str) -> Quote:
        """Returns the present prices and book of a symbol.

        :raises VenueError: before the first price: -4141 for a closed symbol, otherwise -2010
        """
        quote = self.quotes.get(symbol)
        if quote is None:
            closed = self.status.get(symbol) is SymbolStatus.CLOSE
            raise (Refusal.SYMBOL_CLOSED if closed else Refusal.REJECTED).error()
        return quote

    def holding(self, account: Account, symbol: str) -> SymbolHolding:
        """Returns what an account has in a symbol, which it uses from now on.

        :raises VenueError: -1121 for an unknown symbol
        """
        return account.holdings.setdefault(symbol, self.seen(account, symbol))

    def seen(self, account: Account, symbol: str) -> SymbolHolding:
        """Returns what an account has in a symbol; of one that it has not used, a copy that shows
        how it would begin.

        :raises VenueError: -1121 for an unknown symbol
        """
        holding = account.holdings.get(symbol)
        if holding is None:
            contract = self.contract(symbol)
            leverage = min(DEFAULT_LEVERAGE, contract.brackets.max_leverage)
            asset = account.settled_in(contract.asset)
            holding = SymbolHolding(symbol, leverage, asset=asset)
        return holding
