"""Margin that a user adds to an isolated position, or takes back from it.

USD-M futures, "Modify Isolated Position Margin". What may be added is what could be withdrawn. What
may be taken leaves the position its initial margin at mark price, and more than its maintenance
margin, so that taking never liquidates.
"""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

from perpkit.venue.engine import filters
from perpkit.venue.engine.acceptance import side_of_position
from perpkit.venue.engine.account import Account, MarginChange, Position, SymbolHolding
from perpkit.venue.engine.balance import balance_of
from perpkit.venue.engine.contract import ZERO
from perpkit.venue.engine.events import AccountReason, of_position
from perpkit.venue.engine.refusals import Refusal
from perpkit.venue.engine.state import EngineState

MONEY_PLACES = 8
_LEAST = Decimal(1).scaleb(-MONEY_PLACES)


def spare(state: EngineState, holding: SymbolHolding, position: Position) -> Decimal:
    """Returns how much margin an isolated position can give up: eight decimals, 0 or more."""
    mark = state.quote(holding.symbol).mark
    notional = abs(position.amount) * mark
    maintenance = state.contract(holding.symbol).brackets.maintenance(notional)
    needed = max(notional / holding.leverage, maintenance + _LEAST)
    free = position.isolated_wallet + position.unrealized(mark) - needed
    return max(ZERO, min(position.isolated_wallet, free).quantize(_LEAST, ROUND_FLOOR))


def change_margin(
    state: EngineState,
    account: Account,
    symbol: str,
    position_side: str,
    amount: Decimal,
    now: int,
) -> MarginChange:
    """Adds `amount` to the margin of a position; a negative one is taken from it.

    :param amount: margin asset of the contract, at most eight decimals
    :raises VenueError: -4055 for nothing, -1111 for too many decimals, -4061 for the other position
        mode, -4049 with cross margin, -4054 without a position, -4050 for more than is free, -4051
        for more than the position can spare
    """
    holding = state.holding(account, symbol)
    if not amount:
        raise Refusal.AMOUNT_NOT_POSITIVE.error()
    filters.check_precision(amount, MONEY_PLACES)
    position = holding.position(side_of_position(account, position_side, reduce_only=False))
    if not holding.isolated:
        raise Refusal.NOT_ISOLATED.error()
    if not position.amount:
        raise Refusal.NO_POSITION_MARGIN.error()
    if amount > balance_of(state, account, holding.asset).max_withdraw:
        raise Refusal.CROSS_BALANCE.error()
    if amount < 0 and -amount > spare(state, holding, position):
        raise Refusal.ISOLATED_BALANCE.error()
    position.isolated_wallet += amount
    account.updated = now
    change = MarginChange(symbol, amount, holding.asset, now, position.side)
    account.margin_changes.append(change)
    account.report(
        of_position(
            AccountReason.MARGIN_TRANSFER,
            now,
            holding.asset,
            symbol,
            position.side,
        )
    )
    return change
