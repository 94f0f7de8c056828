"""What waits for a price in a contract: what is due now, and how far prices may move before it is.

The market is not evaluated at every millisecond. `levels` and `trails` show which stretches of its
path need no evaluation; `due` decides at the prices of one moment.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import inf
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from perpkit.venue.engine import triggers
from perpkit.venue.engine.account import Account, SymbolHolding
from perpkit.venue.engine.balance import balance_of
from perpkit.venue.engine.brackets import Brackets
from perpkit.venue.engine.debts import cross_positions
from perpkit.venue.engine.liquidation import gone
from perpkit.venue.engine.matching import through
from perpkit.venue.engine.orders import Algo, Order, OrderType, Side, WorkingType
from perpkit.venue.engine.state import EngineState
from perpkit.venue.engine.views import position_views
from perpkit.venue.market.candles import Floats


class Due(NamedTuple):
    """An order, conditional order or liquidation that the present prices set off.

    :param what: "order", "algo" or "liquidation"; a liquidation has `id` 0
    :param account: API key of the account
    """

    what: str
    account: str
    id: int = 0


@dataclass(slots=True)
class QuietRange:
    """The range of a price, above `low` and below `high`, in which nothing happens."""

    low: float = -inf
    high: float = inf

    def narrow(self, level: float, *, falling: bool) -> None:
        """Ends the range at a level that the price reaches `falling` from above, or rising."""
        if falling:
            self.low = max(self.low, level)
        else:
            self.high = min(self.high, level)


@dataclass(frozen=True, slots=True)
class Levels:
    """The quiet ranges of a contract's last and mark price.

    They may be too narrow by a tick, never too wide.
    """

    last: QuietRange
    mark: QuietRange

    def of(self, working: WorkingType) -> QuietRange:
        return self.mark if working is WorkingType.MARK_PRICE else self.last


@dataclass(frozen=True, slots=True)
class CrossMargin:
    """Cross positions of an account that share their margin and are liquidated together.

    :param wallet: cross wallet; `legs`: symbol, signed amount, entry price, brackets
    :param slack: the most that rounding the mark prices may change the margin balance
    """

    wallet: float
    legs: tuple[tuple[str, float, float, Brackets], ...]
    slack: float

    def gone(self, marks: Mapping[str, Floats]) -> NDArray[np.bool_]:
        """Returns where the margin balance may no longer cover maintenance.

        :param marks: mark prices of each leg's symbol at the same times; the result has their shape
        """
        left = np.full_like(next(iter(marks.values())), self.wallet - self.slack)
        for symbol, amount, entry, brackets in self.legs:
            mark = marks[symbol]
            left = left + amount * (mark - entry) - _maintenance(brackets, abs(amount) * mark)
        return left <= 0


def cross_margins(state: EngineState) -> list[CrossMargin]:
    """Returns the shared margins of all accounts with cross positions, one per shared wallet."""
    found = []
    for account in state.accounts.values():
        seen: set[str] = set()
        for asset in dict.fromkeys(holding.asset for holding in account.holdings.values()):
            held = cross_positions(account, asset)
            if not held or asset in seen:
                continue
            seen |= {holding.asset for holding, _ in held}
            contracts = [state.contracts[holding.symbol] for holding, _ in held]
            found.append(
                CrossMargin(
                    float(balance_of(state, account, asset).shared.cross_wallet),
                    tuple(
                        (c.symbol, float(p.amount), float(p.entry), c.brackets)
                        for c, (_, p) in zip(contracts, held, strict=True)
                    ),
                    sum(
                        float(abs(p.amount) * c.tick)
                        for c, (_, p) in zip(contracts, held, strict=True)
                    ),
                )
            )
    return found


def _maintenance(brackets: Brackets, notional: Floats) -> Floats:
    """Returns `Brackets.maintenance` for an array."""
    caps = np.array([float(row.cap) for row in brackets.rows[:-1]])
    rates, cums = (
        np.array([float(value) for value in column])
        for column in zip(*((row.rate, row.cum) for row in brackets.rows), strict=True)
    )
    rows = caps.searchsorted(notional, side="right")
    out: Floats = notional * rates[rows] - cums[rows]
    return out


def due(state: EngineState, symbol: str) -> frozenset[Due]:
    """Returns what `Engine.on_price` would set off at the present prices; changes nothing."""
    quote, found = state.quotes[symbol], set()
    for account, holding in _holders(state, symbol):
        for algo in holding.algos.values():
            if triggers.due(algo, quote):
                found.add(Due("algo", account.api_key, algo.id))
        for order in holding.orders.values():
            if through(order, quote):
                found.add(Due("order", account.api_key, order.id))
        if any(gone(state, account, holding, position) for position in holding.held()):
            found.add(Due("liquidation", account.api_key))
    return frozenset(found)


def levels(state: EngineState, symbol: str, without: Collection[Due] = ()) -> Levels:
    """Returns how far prices may move before something becomes due.

    :param without: what is already due and waits for something other than a price
    """
    out = Levels(QuietRange(), QuietRange())
    # Prices are rounded to the tick before they are compared.
    half = float(state.contracts[symbol].tick) / 2
    for account, holding in _holders(state, symbol):
        for algo in holding.algos.values():
            if Due("algo", account.api_key, algo.id) not in without:
                _add_trigger(out.of(algo.working_type), algo, half)
        for order in holding.orders.values():
            if Due("order", account.api_key, order.id) not in without:
                _add_resting(out.last, order, half)
        if Due("liquidation", account.api_key) not in without:
            _add_liquidation(out.mark, state, account, holding, half)
    return out


def trails(state: EngineState, symbol: str) -> list[Algo]:
    """Returns the trailing stops of a contract, whose levels move with the price."""
    return [
        algo
        for _, holding in _holders(state, symbol)
        for algo in holding.algos.values()
        if algo.type is OrderType.TRAILING_STOP_MARKET
    ]


def _holders(state: EngineState, symbol: str) -> Iterator[tuple[Account, SymbolHolding]]:
    """Iterates over those for whom a price may set something off; there are none while the symbol
    is closed."""
    if state.halted(symbol):
        return
    for account in state.accounts.values():
        holding = account.holdings.get(symbol)
        if holding is not None:
            yield account, holding


def _add_trigger(prices: QuietRange, algo: Algo, half: float) -> None:
    if algo.type is not OrderType.TRAILING_STOP_MARKET:
        falling = (algo.side is Side.SELL) is (algo.type in triggers.STOPS)
        _add(prices, algo.trigger_price, half, falling=falling)


def _add_resting(prices: QuietRange, order: Order, half: float) -> None:
    # It is due one tick beyond its price, and prices from half a tick beyond are rounded to that.
    _add(prices, order.price, -half, falling=order.side is Side.BUY)


def _add_liquidation(
    prices: QuietRange, state: EngineState, account: Account, holding: SymbolHolding, half: float
) -> None:
    """Adds the levels of isolated positions; with cross margin other contracts matter as well."""
    if not holding.isolated or not any(holding.held()):
        return
    for view in position_views(state, account, holding.symbol):
        if view.amount and view.liquidation_price:
            _add(prices, view.liquidation_price, 2 * half, falling=view.amount > 0)


def _add(prices: QuietRange, level: Decimal, slack: float, *, falling: bool) -> None:
    # The last bits of a float must not decide whether a price is reached.
    slack += 1e-9 * float(level)
    prices.narrow(float(level) + (slack if falling else -slack), falling=falling)
