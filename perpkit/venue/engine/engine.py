"""The engine's only entry point: the users' requests, beside `market_side` and `past`."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from perpkit.venue.engine import (
    amending,
    debts,
    history,
    ledger,
    matching,
    position_margin,
    settings,
    triggers,
)
from perpkit.venue.engine.account import UNRESTRICTED, USDT, Account, MarginChange, Restrictions
from perpkit.venue.engine.amending import OrderChange
from perpkit.venue.engine.balance import Balance, balance_of
from perpkit.venue.engine.orders import Algo, AlgoStatus, NewAlgo, NewOrder, Order, OrderStatus
from perpkit.venue.engine.past import Past
from perpkit.venue.engine.refusals import Refusal
from perpkit.venue.engine.views import PositionView, position_views


class Engine(Past):
    """The accounts, orders and positions of one venue; the package's docstring has the rules.

    Times are ms since the epoch and come from the caller; they must never decrease. A refused
    request raises `VenueError` and changes nothing.
    """

    # Accounts

    def add_account(
        self,
        api_key: str,
        secret: str,
        wallet: Decimal | Mapping[str, Decimal],
        now: int,
        *,
        restrictions: Restrictions = UNRESTRICTED,
        maker: Decimal = Decimal("0.0002"),
        taker: Decimal = Decimal("0.0005"),
    ) -> Account:
        """Opens an account and returns it.

        :param wallet: balances by asset, or a balance in USDT
        :raises ValueError: if there is an account with this key
        """
        if api_key in self._state.accounts:
            raise ValueError("api_key must be new: there is an account with it")
        wallets = dict(wallet) if isinstance(wallet, Mapping) else {USDT: wallet}
        account = Account(api_key, secret, wallets, now, restrictions, maker, taker)
        self._state.accounts[api_key] = account
        return account

    @property
    def accounts(self) -> list[Account]:
        return list(self._state.accounts.values())

    def account(self, api_key: str) -> Account:
        """Returns the account of an API key.

        :raises VenueError: -2015 if there is none
        """
        account = self._state.accounts.get(api_key)
        if account is None:
            raise Refusal.BAD_KEY.error()
        return account

    # Orders

    def place_order(self, account: Account, new: NewOrder, now: int) -> Order:
        order = matching.place(self._state, account, new, now)
        debts.cover(self._state, account, new.symbol, now)
        return order

    def check_order(self, account: Account, new: NewOrder, now: int) -> Order:
        """Returns what `place_order` would place: see `matching.check`."""
        return matching.check(self._state, account, new, now)

    def amend_order(
        self,
        account: Account,
        symbol: str,
        change: OrderChange,
        now: int,
        *,
        order_id: int = 0,
        client_id: str = "",
    ) -> Order:
        """Changes price and quantity of an open order and returns it: see `amending`.

        :raises VenueError: -2013 unless there is such an order and it is open; others by the change
        """
        order = self._order(account, symbol, order_id, client_id)
        if order is None or not order.is_open:
            raise Refusal.NO_SUCH_ORDER.error()
        amending.amend(self._state, account, order, change, now)
        debts.cover(self._state, account, symbol, now)
        return order

    def cancel_order(
        self, account: Account, symbol: str, now: int, *, order_id: int = 0, client_id: str = ""
    ) -> Order:
        """Cancels an open order and returns it.

        :raises VenueError: -2011 unless there is such an order and it is open
        """
        order = self._order(account, symbol, order_id, client_id)
        if order is None:
            raise Refusal.UNKNOWN_ORDER.error()
        matching.cancel(account, order, now)
        return order

    def cancel_all(self, account: Account, symbol: str, now: int) -> None:
        """Cancels all ordinary orders of a symbol; for conditional ones see `cancel_all_algos`."""
        holding = self._state.holding(account, symbol)
        for order in list(holding.orders.values()):
            matching.cancel(account, order, now)

    def set_countdown(self, account: Account, symbol: str, after: int, now: int) -> None:
        """Cancels all ordinary orders of a symbol in `after` ms; 0 stops the countdown."""
        self._state.contract(symbol)
        if after:
            account.countdowns[symbol] = now + after
        else:
            account.countdowns.pop(symbol, None)

    def query_order(
        self,
        account: Account,
        symbol: str,
        *,
        order_id: int = 0,
        client_id: str = "",
        now: int | None = None,
    ) -> Order:
        """Returns an order by its id, or by its client id if that is 0.

        :param now: time of the query, ms; orders deleted by then are not found; None finds all
        :raises VenueError: -2013 if there is no such order
        """
        order = self._order(account, symbol, order_id, client_id)
        if order is None or (now is not None and history.order_forgotten(order, now)):
            raise Refusal.NO_SUCH_ORDER.error()
        return order

    def open_orders(self, account: Account, symbol: str | None = None) -> list[Order]:
        return [
            order
            for holding in account.holdings.values()
            if symbol in (None, holding.symbol)
            for order in holding.orders.values()
        ]

    def orders(self, account: Account, symbol: str) -> list[Order]:
        """Returns all orders of a symbol, oldest first, even those that the exchange has deleted.

        `order_history` returns what a user may see.
        """
        return [order for order in account.orders.values() if order.symbol == symbol]

    def expire_order(self, account: Account, order_id: int, now: int) -> Order:
        """Ends an open order on behalf of the exchange."""
        order = account.orders.get(order_id)
        if order is None or not order.is_open:
            raise Refusal.UNKNOWN_ORDER.error()
        ledger.end_order(account, order, OrderStatus.EXPIRED, now)
        return order

    def fill_order(self, account: Account, order_id: int, quantity: Decimal, now: int) -> Order:
        """Fills a resting order at its own price, as if another user traded with it.

        The book does not matter and does not change.
        """
        order = account.orders.get(order_id)
        if order is None:
            raise Refusal.UNKNOWN_ORDER.error()
        matching.fill_resting(self._state, account, order, quantity, now)
        return order

    # Conditional orders

    def place_algo(self, account: Account, new: NewAlgo, now: int) -> Algo:
        return triggers.place_algo(self._state, account, new, now)

    def cancel_algo(
        self, account: Account, now: int, *, algo_id: int = 0, client_id: str = ""
    ) -> Algo:
        """Cancels a conditional order and returns it.

        :raises VenueError: -2011 unless there is such an order and it has not triggered
        """
        algo = self._algo(account, algo_id, client_id)
        if algo is None:
            raise Refusal.UNKNOWN_ORDER.error()
        triggers.cancel_algo(account, algo, now)
        return algo

    def cancel_all_algos(self, account: Account, symbol: str, now: int) -> None:
        holding = self._state.holding(account, symbol)
        for algo in list(holding.algos.values()):
            triggers.cancel_algo(account, algo, now)

    def query_algo(
        self, account: Account, *, algo_id: int = 0, client_id: str = "", now: int | None = None
    ) -> Algo:
        """Returns a conditional order; `now` and the error are those of `query_order`."""
        algo = self._algo(account, algo_id, client_id)
        if algo is None or (now is not None and history.algo_forgotten(algo, now)):
            raise Refusal.NO_SUCH_ORDER.error()
        return algo

    def open_algos(self, account: Account, symbol: str | None = None) -> list[Algo]:
        return [
            algo
            for holding in account.holdings.values()
            if symbol in (None, holding.symbol)
            for algo in holding.algos.values()
        ]

    def expire_algo(self, account: Account, algo_id: int, now: int) -> Algo:
        """Ends a conditional order that has not triggered, on behalf of the exchange."""
        algo = account.algos.get(algo_id)
        if algo is None or not algo.is_open:
            raise Refusal.UNKNOWN_ORDER.error()
        ledger.end_algo(account, algo, AlgoStatus.EXPIRED, now)
        return algo

    # Settings

    def set_leverage(self, account: Account, symbol: str, leverage: int) -> Decimal:
        """Sets the leverage of a symbol and returns the largest notional that it allows, USDT."""
        return settings.set_leverage(self._state, account, symbol, leverage)

    def set_margin_type(self, account: Account, symbol: str, *, isolated: bool) -> None:
        settings.set_margin_type(self._state, account, symbol, isolated=isolated)

    def change_margin(
        self, account: Account, symbol: str, position_side: str, amount: Decimal, now: int
    ) -> MarginChange:
        """Moves margin to an isolated position, or from it: see `position_margin`."""
        return position_margin.change_margin(
            self._state, account, symbol, position_side, amount, now
        )

    def set_position_mode(self, account: Account, *, hedge: bool) -> None:
        settings.set_position_mode(account, hedge=hedge)

    def set_multi_assets(self, account: Account, *, multi_assets: bool) -> None:
        settings.set_multi_assets(self._state, account, multi_assets=multi_assets)

    # Present state of an account

    def balance(self, account: Account, asset: str = USDT) -> Balance:
        return balance_of(self._state, account, asset)

    def assets(self, account: Account) -> list[str]:
        """Returns the assets in which the account has a wallet or trades, USDT first."""
        named = {USDT, *account.wallets, *(h.asset for h in account.holdings.values())}
        return sorted(named, key=lambda asset: (asset != USDT, asset))

    def positions(self, account: Account, symbol: str | None = None) -> list[PositionView]:
        """Returns the account's positions.

        For one symbol, flat ones are included; for all, only those with a position or an order.
        """
        if symbol is not None:
            self._state.contract(symbol)
            return position_views(self._state, account, symbol)
        return [
            view
            for holding in account.holdings.values()
            if holding.orders or any(holding.held())
            for view in position_views(self._state, account, holding.symbol)
            if view.amount or view.initial_margin
        ]

    def _order(self, account: Account, symbol: str, order_id: int, client_id: str) -> Order | None:
        self._state.contract(symbol)
        own = account.orders_by_client_id
        order = account.orders.get(order_id) if order_id else own.get(client_id)
        return order if order is not None and order.symbol == symbol else None

    def _algo(self, account: Account, algo_id: int, client_id: str) -> Algo | None:
        own = account.algos_by_client_id
        return account.algos.get(algo_id) if algo_id else own.get(client_id)
