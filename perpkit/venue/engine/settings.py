"""Leverage, margin type, position mode, asset mode: what may be changed, and when."""

from __future__ import annotations

from decimal import Decimal

from perpkit.venue.engine.account import Account, SymbolHolding
from perpkit.venue.engine.balance import balance_of, order_notionals
from perpkit.venue.engine.contract import ZERO, money
from perpkit.venue.engine.events import (
    AccountEvent,
    AccountReason,
    AssetModeEvent,
    LeverageEvent,
    of_position,
)
from perpkit.venue.engine.orders import PositionSide
from perpkit.venue.engine.position_margin import spare
from perpkit.venue.engine.refusals import Refusal
from perpkit.venue.engine.state import EngineState


def set_leverage(state: EngineState, account: Account, symbol: str, leverage: int) -> Decimal:
    """Sets the leverage of a symbol and returns the largest notional that it allows."""
    brackets = state.contract(symbol).brackets
    if not 1 <= leverage <= brackets.max_leverage:
        raise Refusal.BAD_LEVERAGE.error(leverage)
    holding = state.holding(account, symbol)
    cap = brackets.cap_at(leverage)
    if max(_exposures(state, holding)) > cap:
        raise Refusal.MAX_POSITION.error()
    held = list(holding.held())
    if held and leverage < holding.leverage and holding.isolated:
        raise Refusal.ISOLATED_LEVERAGE.error()

    previous = holding.leverage
    holding.leverage = leverage
    if leverage < previous and balance_of(state, account, holding.asset).shared.shortfall > 0:
        holding.leverage = previous
        raise Refusal.LOW_LEVERAGE.error()
    account.report(LeverageEvent(symbol, leverage))
    if leverage > previous and holding.isolated:
        _release(state, account, holding, previous)
    return cap


def _exposures(state: EngineState, holding: SymbolHolding) -> tuple[Decimal, Decimal]:
    """Returns the notional of longs and of shorts, each with the open orders that may add to it."""
    longs, shorts = order_notionals(holding.orders.values())
    for position in holding.held():
        notional = position.amount * state.quotes[holding.symbol].mark
        longs += max(notional, ZERO)
        shorts -= min(notional, ZERO)
    return longs, shorts


def _release(state: EngineState, account: Account, holding: SymbolHolding, previous: int) -> None:
    """Frees the margin that isolated positions no longer need at a higher leverage, as far as a
    user could take it: a loss may need it."""
    for position in holding.held():
        value = abs(position.amount) * position.entry
        freed = money(value / previous - value / holding.leverage)
        freed = min(freed, spare(state, holding, position))
        position.isolated_wallet -= freed
        if freed:
            reason = AccountReason.MARGIN_TRANSFER
            account.report(of_position(reason, None, holding.asset, holding.symbol, position.side))


def set_margin_type(state: EngineState, account: Account, symbol: str, *, isolated: bool) -> None:
    state.contract(symbol)
    holding = state.holding(account, symbol)
    if holding.isolated is isolated:
        raise Refusal.SAME_MARGIN_TYPE.error()
    if isolated and account.multi_assets:
        raise Refusal.ISOLATED_WITH_MULTI.error()
    if holding.orders or holding.algos:
        raise Refusal.MARGIN_TYPE_ORDERS.error()
    if any(holding.held()):
        raise Refusal.MARGIN_TYPE_POSITION.error()
    holding.isolated = isolated
    _report_margin_type(account, symbol)


def _report_margin_type(account: Account, symbol: str) -> None:
    sides = (PositionSide.LONG, PositionSide.SHORT) if account.hedge else (PositionSide.BOTH,)
    positions = tuple((symbol, side) for side in sides)
    account.report(AccountEvent(AccountReason.MARGIN_TYPE_CHANGE, None, positions=positions))


def set_position_mode(account: Account, *, hedge: bool) -> None:
    if account.hedge is hedge:
        raise Refusal.SAME_POSITION_MODE.error()
    if _has_orders(account):
        raise Refusal.POSITION_MODE_ORDERS.error()
    if any(any(h.held()) for h in account.holdings.values()):
        raise Refusal.POSITION_MODE_POSITION.error()
    account.hedge = hedge


def _has_orders(account: Account) -> bool:
    return any(h.orders or h.algos for h in account.holdings.values())


def set_multi_assets(state: EngineState, account: Account, *, multi_assets: bool) -> None:
    if account.multi_assets is multi_assets:
        raise Refusal.SAME_MULTI_ASSETS.error()
    if account.credits:
        raise Refusal.REGION.error()
    if _has_orders(account):
        raise Refusal.MULTI_WITH_ORDERS.error()
    if multi_assets and any(h.isolated for h in account.holdings.values()):
        raise Refusal.MULTI_WITH_ISOLATED.error()
    if any(wallet < 0 for wallet in account.wallets.values()):
        raise Refusal.MULTI_WITH_DEBT.error()
    if not multi_assets and any(
        balance_of(state, account, asset).shortfall > 0
        for asset in {holding.asset for holding in account.holdings.values()}
    ):
        raise Refusal.MULTI_WITHOUT_MARGIN.error()
    account.multi_assets = multi_assets
    account.report(AssetModeEvent(multi_assets))
