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
    """The half of `Engine` that whoever plays the market calls."""

    def __init__(
        self,
        contracts: Iterable[Contract],
        first_id: int = 1,
        *,
        insurance: Decimal | Mapping[str, Decimal] = START,
    ) -> None:
        """:param first_id: of orders; a new one at every start keeps ids unique across restarts
        :param insurance: what the insurance fund begins with, of each asset
        """
        self._state = EngineState(
            {contract.symbol: contract for contract in contracts},
            first_id,
            InsuranceFund(insurance),
        )

    def contract(self, symbol: str) -> Contract:
        """:raises VenueError: -1121"""
        return self._state.contract(symbol)

    def set_status(self, symbol: str, status: SymbolStatus) -> None:
        self._state.contract(symbol)
        self._state.status[symbol] = status

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
        """The market has moved: trigger conditional orders, fill resting ones, liquidate.

        Only prices that are shown here exist: show a candle's low and high to have stops and
        limits at them reached. The same `depth` again stays as eaten into as it was.

        :param traded: quantity that traded at `last` since the previous call, for orders that wait
            exactly there
        :param resting_limit: the most that resting orders may fill in this call; 0 makes them stick
        """
        state = self._state
        quote = state.quotes.get(symbol)
        if quote is None:
            state.contract(symbol)
            state.quotes[symbol] = Quote(last, mark, depth)
        else:
            quote.update(last, mark, depth)
        terms.expire_due(state, symbol, now)
        triggers.trigger_reached(state, symbol, now)
        matching.match_resting(state, symbol, now, traded, resting_limit)
        liquidation.liquidate(state, symbol, now)

    # Between two calls of `on_price`: see `waiting`

    def move(self, symbol: str, last: Decimal, mark: Decimal) -> None:
        """Prices have moved and set nothing off: accounts are worth something else."""
        quote = self._state.quotes[symbol]
        quote.last, quote.mark = last, mark

    def follow(self, symbol: str, last: Decimal, mark: Decimal) -> None:
        """Trailing stops have seen these prices."""
        for algo in waiting.trails(self._state, symbol):
            triggers.follow(algo, mark if algo.working_type is WorkingType.MARK_PRICE else last)

    def quote(self, symbol: str) -> Quote:
        """:raises VenueError: -2010 before the first price"""
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
        """A funding settlement at this moment. Show the price first, if there is a new one."""
        self._state.contract(symbol)
        funding.settle(self._state, symbol, rate, mark, now)
        if symbol in self._state.quotes:
            liquidation.liquidate(self._state, symbol, now)

    def next_time(self, symbol: str, after: int) -> int | None:
        """The first moment after `after`, ms, at which time alone changes something."""
        return terms.next_expiry(self._state, symbol, after)

    def on_time(self, symbol: str, now: int) -> None:
        """Do what is due by the clock, such as expiries. Twice is as good as once."""
        terms.expire_due(self._state, symbol, now)

    def settle(self, symbol: str, price: Decimal, now: int) -> None:
        """Delist or deliver: nothing of the symbol is left, and its status is CLOSE."""
        settlement.settle(self._state, symbol, price, now)

    def insurance_balance(self, asset: str = USDT) -> Decimal:
        return self._state.fund.balance(asset)

    def adl_quantile(self, account: Account, symbol: str) -> dict[PositionSide, int]:
        """0 to 4 of each position held; the higher, the sooner it is deleveraged."""
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
        """Deleverage what the account has in this symbol, for somebody who is not on this venue.

        :param share: of each position in profit, in (0, 1], on the quantity grid
        :param price: at which the other went bankrupt; None for the mark price
        :returns: the orders that did it; none where no position is in profit at that price
        """
        return deleveraging.force(self._state, account, symbol, now, share, price)

    def force_liquidation(self, account: Account, symbol: str, now: int) -> None:
        """Close what the account has in this symbol as if its margin were gone."""
        liquidation.force(self._state, account, self._state.holding(account, symbol), now)
