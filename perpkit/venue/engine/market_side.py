"""What the market does to all users at once: prices, funding, expiries, settlement, ADL."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal

from perpkit.venue.engine import (
    deleveraging,
    funding,
    liquidation,
    matching,
    settlement,
    terms,
    triggers,
    waiting,
)
from perpkit.venue.engine.account import USDT, Account
from perpkit.venue.engine.contract import ZERO, Contract
from perpkit.venue.engine.insurance import START, InsuranceFund
from perpkit.venue.engine.orders import Algo, Order, PositionSide, WorkingType
from perpkit.venue.engine.quote import Depth, Quote
from perpkit.venue.engine.state import EngineState, SymbolStatus


class MarketSide:
    """The half of `Engine` for the caller that drives the market."""

    def __init__(
        self,
        contracts: Iterable[Contract],
        first_id: int = 1,
        *,
        insurance: Decimal | Mapping[str, Decimal] = START,
    ) -> None:
        """Creates an engine without accounts.

        :param first_id: first order id; a new one at every start keeps ids unique across restarts
        :param insurance: initial balance of the insurance fund, for each asset
        """
        self._state = EngineState(
            {contract.symbol: contract for contract in contracts},
            first_id,
            InsuranceFund(insurance),
        )

    def contract(self, symbol: str) -> Contract:
        """Returns the contract of a symbol.

        :raises VenueError: -1121 for an unknown symbol
        """
        return self._state.contract(symbol)

    def set_status(self, symbol: str, status: SymbolStatus) -> None:
        self._state.contract(symbol)
        self._state.status[symbol] = status

    def status(self, symbol: str) -> SymbolStatus:
        """Returns the status that was set last; TRADING if none was."""
        return self._state.status.get(symbol, SymbolStatus.TRADING)

    def on_collateral(self, asset: str, worth: Decimal) -> None:
        """Sets what one unit of an asset counts as margin in multi-assets mode, USD; 0 or more."""
        self._state.collateral[asset] = worth

    def on_price(
        self,
        symbol: str,
        last: Decimal,
        mark: Decimal,
        depth: Depth,
        now: int,
        *,
        traded: Decimal = ZERO,
        resting_limit: Decimal | None = None,
    ) -> None:
        """Applies a market move: triggers conditional orders, fills resting ones, liquidates.

        While the symbol is closed only its prices and expiries are applied.

        The engine knows only the prices shown here: show a candle's low and high so that stops and
        limits there are reached. If `depth` is unchanged, what orders took from it stays taken.

        :param traded: quantity that traded at `last` since the previous call, for orders that wait
            exactly there
        :param resting_limit: maximum that resting orders may fill in this call; 0 blocks them, None
            means no limit
        """
        state = self._state
        quote = state.quotes.get(symbol)
        if quote is None:
            state.contract(symbol)
            state.quotes[symbol] = Quote(last, mark, depth)
        else:
            quote.update(last, mark, depth)
        terms.expire_due(state, symbol, now)
        if state.halted(symbol):
            return
        triggers.trigger_reached(state, symbol, now)
        matching.match_resting(state, symbol, now, traded, resting_limit)
        liquidation.liquidate(state, symbol, now)

    # Between two calls of `on_price`: see `waiting`

    def move(self, symbol: str, last: Decimal, mark: Decimal) -> None:
        """Updates the prices without triggering anything: only the value of accounts changes."""
        quote = self._state.quotes[symbol]
        quote.last, quote.mark = last, mark

    def follow(self, symbol: str, last: Decimal, mark: Decimal) -> None:
        """Shows these prices to the trailing stops."""
        for algo in waiting.trails(self._state, symbol):
            triggers.follow(algo, mark if algo.working_type is WorkingType.MARK_PRICE else last)

    def quote(self, symbol: str) -> Quote:
        """Returns the present prices and book.

        :raises VenueError: before the first price: -4141 for a closed symbol, otherwise -2010
        """
        return self._state.quote(symbol)

    def due(self, symbol: str) -> frozenset[waiting.Due]:
        return waiting.due(self._state, symbol)

    def levels(self, symbol: str, without: Collection[waiting.Due] = ()) -> waiting.Levels:
        return waiting.levels(self._state, symbol, without)

    def trails(self, symbol: str) -> list[Algo]:
        return waiting.trails(self._state, symbol)

    def cross_margins(self) -> list[waiting.CrossMargin]:
        return waiting.cross_margins(self._state)

    def on_funding(self, symbol: str, rate: Decimal, mark: Decimal, now: int) -> None:
        """Settles funding at this moment. If there is a new price, show it first."""
        self._state.contract(symbol)
        funding.settle(self._state, symbol, rate, mark, now)
        if symbol in self._state.quotes:
            liquidation.liquidate(self._state, symbol, now)

    def next_time(self, symbol: str, after: int) -> int | None:
        """Returns the first moment after `after`, ms, at which time alone changes something."""
        return terms.next_expiry(self._state, symbol, after)

    def on_time(self, symbol: str, now: int) -> None:
        """Does what is due by the clock, such as expiries. Calling it again changes nothing."""
        terms.expire_due(self._state, symbol, now)

    def settle(self, symbol: str, price: Decimal, now: int) -> None:
        """Delists or delivers: ends all orders and positions of the symbol; its status is CLOSE."""
        settlement.settle(self._state, symbol, price, now)

    def insurance_balance(self, asset: str = USDT) -> Decimal:
        return self._state.fund.balance(asset)

    def adl_quantile(self, account: Account, symbol: str) -> dict[PositionSide, int]:
        """Returns 0 to 4 for each position held; the higher, the sooner it is deleveraged."""
        self._state.contract(symbol)
        return deleveraging.quantiles(self._state, account, symbol)

    def force_adl(
        self,
        account: Account,
        symbol: str,
        now: int,
        *,
        share: Decimal = Decimal(1),
        price: Decimal | None = None,
    ) -> list[Order]:
        """Deleverages the account in this symbol against a liquidated user outside this venue.

        :param share: share of each profitable position, in (0, 1]; rounded to the quantity grid
        :param price: the other user's bankruptcy price; None for the mark price
        :returns: the closing orders; none if no position is in profit at that price
        """
        return deleveraging.force(self._state, account, symbol, now, share, price)

    def force_liquidation(self, account: Account, symbol: str, now: int) -> None:
        """Liquidates the account's positions in this symbol as if their margin were used up."""
        liquidation.force(self._state, account, self._state.holding(account, symbol), now)
