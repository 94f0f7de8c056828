"""What users can query of their accounts' past: the part of `Engine` that changes nothing."""

from __future__ import annotations

from perpkit.venue.engine import history
from perpkit.venue.engine.account import Account, Income, IncomeKind, MarginChange
from perpkit.venue.engine.history import Forced, Lookup
from perpkit.venue.engine.market_side import MarketSide
from perpkit.venue.engine.orders import Algo, Amendment, Fill, Order


class Past(MarketSide):
    """Histories, as `history` finds them. An unknown symbol raises -1121."""

    def order_history(self, account: Account, symbol: str, lookup: Lookup, now: int) -> list[Order]:
        self._state.contract(symbol)
        return history.orders(account.orders.values(), lookup, now, symbol)

    def algo_history(self, account: Account, symbol: str, lookup: Lookup, now: int) -> list[Algo]:
        self._state.contract(symbol)
        return history.algos(account.algos.values(), lookup, now, symbol)

    def trade_history(
        self, account: Account, symbol: str, lookup: Lookup, now: int, order_id: int | None = None
    ) -> list[Fill]:
        self._state.contract(symbol)
        return history.trades(account.fills, lookup, now, symbol, order_id)

    def income_history(
        self,
        account: Account,
        lookup: Lookup,
        now: int,
        *,
        symbol: str | None = None,
        kind: IncomeKind | None = None,
    ) -> list[Income]:
        return history.incomes(account.incomes, lookup, now, symbol, kind)

    def forced_orders(
        self,
        account: Account,
        lookup: Lookup,
        now: int,
        symbol: str | None = None,
        kind: Forced | None = None,
    ) -> list[Order]:
        return history.forced(account.orders.values(), lookup, now, symbol, kind)

    def amendments(self, order: Order, lookup: Lookup, now: int) -> list[Amendment]:
        return history.amendments(order.amendments, lookup, now)

    def margin_history(
        self,
        account: Account,
        symbol: str,
        lookup: Lookup,
        now: int,
        *,
        adding: bool | None = None,
    ) -> list[MarginChange]:
        self._state.contract(symbol)
        return history.margin_changes(account.margin_changes, lookup, now, symbol, adding)
