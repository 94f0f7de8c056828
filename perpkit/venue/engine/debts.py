"""Debts of accounts: when one asset pays for another, and when the insurance fund pays.

In multi-assets mode a wallet may be below zero. The exchange pays that with the other assets, at
their worth as collateral (AUTO_EXCHANGE), on three occasions only: the wallet is below the limit of
its asset, positions open or not; the account is liquidated; or it holds no position and its debts
are at least 99.5% of what its other assets count. A smaller debt stays. The insurance fund pays
what is then left, and in single-asset mode what an account owes without a position.

Source: https://www.binance.com/en/support/faq/f80415bea8124f6494566f23c0bf9c38. It names -5,000 as
the limit of most users, the exchange's own `autoAssetExchange` -10,000: the venue has the latter,
so that it does as it says.
"""

from __future__ import annotations

from decimal import Decimal

from perpkit.venue.engine import ledger
from perpkit.venue.engine.account import CREDITS, Account, Position, SymbolHolding
from perpkit.venue.engine.contract import money
from perpkit.venue.engine.state import EngineState

_LIMIT, _LIMIT_OF_CREDITS = Decimal(-10_000), Decimal(-5_000)
_LOAN_TO_VALUE = Decimal("0.995")


def exchanged_below(asset: str) -> Decimal:
    """Returns the wallet of an asset below which it is paid from the others, positions or not."""
    return _LIMIT_OF_CREDITS if asset == CREDITS else _LIMIT


def cover(
    state: EngineState, account: Account, symbol: str, now: int, *, liquidated: bool = False
) -> None:
    """Pays what is due of an account's debts.

    :param symbol: a contract in whose asset the account may owe something
    :param liquidated: whether positions have just been liquidated
    """
    asset = account.settled_in(state.contracts[symbol].asset)
    flat = not cross_positions(account, asset)
    if account.multi_assets:
        for debtor, held in list(account.wallets.items()):
            if held < 0 and (liquidated or held < exchanged_below(debtor)):
                _repay(state, account, debtor, now)
        if not (flat and _spent(state, account)):
            return
        _gather(state, account, asset, now)
        _repay(state, account, asset, now)
    owed = -account.cross_wallet(asset)
    if flat and owed > 0:
        ledger.clear(state, account, owed, symbol, now)


def cross_positions(account: Account, asset: str) -> list[tuple[SymbolHolding, Position]]:
    """Returns the cross positions that share their margin with those in `asset`."""
    return [
        (holding, position)
        for holding in account.holdings.values()
        if not holding.isolated and (account.multi_assets or holding.asset == asset)
        for position in holding.held()
    ]


def _spent(state: EngineState, account: Account) -> bool:
    """Whether an account's debts are about what its other assets count as collateral, or more."""
    values = [held * state.worth(asset) for asset, held in account.wallets.items()]
    debt = -sum(value for value in values if value < 0)
    return debt > 0 and debt >= _LOAN_TO_VALUE * sum(value for value in values if value > 0)


def _gather(state: EngineState, account: Account, asset: str, now: int) -> None:
    """Moves all debts to `asset`."""
    for debtor, held in list(account.wallets.items()):
        if held < 0 and debtor != asset:
            ledger.exchange(state, account, asset, debtor, -held, now)


def _repay(state: EngineState, account: Account, debtor: str, now: int) -> None:
    """Pays the debt in `debtor`, whose unit counts a dollar, as far as the other assets go."""
    for asset, held in list(account.wallets.items()):
        amount = min(money(held * state.worth(asset)), -account.wallet_of(debtor))
        if amount > 0 and asset != debtor:
            ledger.exchange(state, account, asset, debtor, amount, now)
