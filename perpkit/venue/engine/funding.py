"""Funding: longs pay shorts when the rate is positive, on the notional at mark price."""

from __future__ import annotations

from decimal import Decimal

from perpkit.venue.engine import ledger
from perpkit.venue.engine.account import IncomeKind
from perpkit.venue.engine.contract import money
from perpkit.venue.engine.events import AccountEvent, AccountReason
from perpkit.venue.engine.state import EngineState


def settle(state: EngineState, symbol: str, rate: Decimal, mark: Decimal, now: int) -> None:
    """Charges or credits every position of the symbol that is open at this moment.

    :param rate: funding rate of this settlement, a fraction
    """
    for account in state.accounts.values():
        holding = account.holdings.get(symbol)
        if holding is None:
            continue
        for position in holding.held():
            amount = money(-position.amount * mark * rate)
            if amount:
                kind = IncomeKind.FUNDING_FEE
                ledger.charge(state, account, holding, position, kind, amount, now)
                # As on the exchange, a cross position is not among what is reported.
                held = ((symbol, position.side),) if holding.isolated else ()
                balances = ((holding.asset, amount),)
                reason = AccountReason.FUNDING_FEE
                account.report(AccountEvent(reason, now, balances, held, symbol))
