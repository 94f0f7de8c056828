"""Auto-deleveraging (ADL): who gives up profit when the insurance fund cannot bear a position.

Positions on the opposite side close at the bankruptcy price of the liquidated one. As on the
exchange, they are ranked by profit relative to their margin, times their margin ratio; the highest
comes first. No commission is charged; open orders of the symbol expire; the closing order is a
MARKET order with the client id "adl_autoclose". The exchange ranks all its users. Here the accounts
of the venue are ranked and come first; users outside the venue take what those leave.

The ADL quantile of a position (`adl`, 0 to 4) is 0 without a profit, otherwise 1 to 4 by its rank
among the venue's profitable positions on the same side; a single one is at 4.
"""

from __future__ import annotations

from decimal import Decimal

from perpkit.venue.engine import ledger
from perpkit.venue.engine.account import Account, Position, SymbolHolding
from perpkit.venue.engine.balance import balance_of
from perpkit.venue.engine.contract import ZERO
from perpkit.venue.engine.events import ExpiryReason
from perpkit.venue.engine.forced import closing_order, expire_all
from perpkit.venue.engine.orders import Order, PositionSide
from perpkit.venue.engine.state import EngineState

_HIGHEST = 4


def quantiles(state: EngineState, account: Account, symbol: str) -> dict[PositionSide, int]:
    holding = state.seen(account, symbol)
    return {p.side: quantile(state, account, holding, p) for p in holding.held()}


def quantile(
    state: EngineState, account: Account, holding: SymbolHolding, position: Position
) -> int:
    own = _score(state, account, holding, position)
    if own <= 0:
        return 0
    scores = [score for score, *_ in _ranked(state, holding.symbol, position.amount)]
    # A query that sees the account with a delay passes a copy, which is not among those ranked.
    return _HIGHEST - _HIGHEST * sum(score > own for score in scores) // max(1, len(scores))


def deleverage(
    state: EngineState, symbol: str, taken: Decimal, price: Decimal, now: int
) -> Decimal:
    """Closes positions of accounts on the opposite side against a liquidated position.

    :param taken: signed amount of the liquidated position that needs a counterparty
    :param price: its bankruptcy price; positions at a loss at this price are left alone
    :returns: how much of it the accounts of the venue have taken, absolute
    """
    left = abs(taken)
    for _, account, holding, position in _ranked(state, symbol, -taken):
        if left and (price - position.entry) * position.amount > 0:
            order = _close(
                state, account, holding, position, min(left, abs(position.amount)), price, now
            )
            left -= order.quantity
    return abs(taken) - left


def force(
    state: EngineState,
    account: Account,
    symbol: str,
    now: int,
    share: Decimal,
    price: Decimal | None,
) -> list[Order]:
    """Deleverages the account's profitable positions in a symbol (see `MarketSide.force_adl`).

    :raises ValueError: for a share outside (0, 1]
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must be above 0 and at most 1, got {share}")
    contract, holding = state.contract(symbol), state.holding(account, symbol)
    at = state.quote(symbol).mark if price is None else price
    orders = []
    for position in list(holding.held()):
        quantity = contract.quantity(abs(position.amount) * share)
        if quantity and (at - position.entry) * position.amount > 0:
            orders.append(_close(state, account, holding, position, quantity, at, now))
    return orders


def _close(
    state: EngineState,
    account: Account,
    holding: SymbolHolding,
    position: Position,
    quantity: Decimal,
    price: Decimal,
    now: int,
) -> Order:
    expire_all(account, holding, now, ExpiryReason.LIQUIDATION)
    order = closing_order(
        state, account, holding, position, quantity, now, client_id="adl_autoclose"
    )
    ledger.fill(state, account, order, price, quantity, now, maker=False, commission_rate=ZERO)
    return order


def _ranked(
    state: EngineState, symbol: str, amount: Decimal
) -> list[tuple[Decimal, Account, SymbolHolding, Position]]:
    """Returns the profitable positions on the side of a signed `amount`, in ADL order."""
    found = [
        (score, account, holding, position)
        for account in state.accounts.values()
        if (holding := account.holdings.get(symbol)) is not None
        for position in holding.held()
        if position.amount * amount > 0 and (score := _score(state, account, holding, position)) > 0
    ]
    return sorted(found, key=lambda entry: -entry[0])


def _score(
    state: EngineState, account: Account, holding: SymbolHolding, position: Position
) -> Decimal:
    """Returns profit / collateral x margin ratio; 0 without a profit."""
    quote = state.quotes.get(holding.symbol)
    profit = ZERO if quote is None else position.unrealized(quote.mark)
    if quote is None or profit <= 0:
        return ZERO
    if holding.isolated:
        collateral = position.isolated_wallet + profit
        brackets = state.contracts[holding.symbol].brackets
        maintenance = brackets.maintenance(abs(position.amount) * quote.mark)
    else:
        balance = balance_of(state, account, holding.asset).shared
        collateral, maintenance = balance.cross_margin_balance, balance.cross_maintenance
    return profit / collateral * (maintenance / collateral) if collateral > 0 else ZERO
