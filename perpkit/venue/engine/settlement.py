"""Settlement: what happens to orders and positions when a contract is delisted or delivered.

Open orders and conditional orders expire. Positions close at the settlement price through a MARKET
order whose client id is "settlement_autoclose-" and a number. The taker commission is charged, as
the exchange states for automatic settlement; it publishes no other rate for delivery. The profit is
booked as DELIVERED_SETTELMENT (the exchange's spelling) instead of REALIZED_PNL. A position loses
no more than the margin behind it: the insurance fund bears the rest.
"""

from __future__ import annotations

from decimal import Decimal

from perpkit.venue.engine import debts, ledger
from perpkit.venue.engine.account import IncomeKind
from perpkit.venue.engine.events import ExpiryReason
from perpkit.venue.engine.forced import closing_order, expire_all
from perpkit.venue.engine.state import EngineState, SymbolStatus


def settle(state: EngineState, symbol: str, price: Decimal, now: int) -> None:
    """Closes everything in a symbol at the settlement price; its status is CLOSE from then on.

    :raises VenueError: -1121 for an unknown symbol
    """
    state.contract(symbol)
    for account in state.accounts.values():
        holding = account.holdings.get(symbol)
        if holding is None:
            continue
        expire_all(account, holding, now, ExpiryReason.DELISTED)
        for position in list(holding.held()):
            order = closing_order(
                state,
                account,
                holding,
                position,
                abs(position.amount),
                now,
                client_id="settlement_autoclose-{}",
            )
            kind = IncomeKind.DELIVERED_SETTELMENT
            ledger.fill(state, account, order, price, order.quantity, now, maker=False, kind=kind)
        debts.cover(state, account, symbol, now)
    state.status[symbol] = SymbolStatus.CLOSE
