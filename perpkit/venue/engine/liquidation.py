"""Forced closing of positions whose margin no longer covers maintenance.

Open orders expire first. A position above its lowest leverage bracket is reduced to the bracket
below, repeatedly, until its margin covers maintenance; one in its lowest bracket is closed. Each
step is an IOC limit order at the bankruptcy price. If the book does not fill a step completely, the
whole position is closed: the insurance fund takes over what the book leaves at the bankruptcy price
and unloads it at mark. If the fund cannot bear that loss, users on the opposite side are
deleveraged (see `deleveraging`). A position therefore never loses more than the margin behind it. A
fee on the liquidated value goes to the insurance fund as far as margin is left; no commission is
charged.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from perpkit.venue.engine import debts, deleveraging, ledger, matching
from perpkit.venue.engine.account import Account, Position, SymbolHolding
from perpkit.venue.engine.balance import balance_of
from perpkit.venue.engine.contract import ZERO, money
from perpkit.venue.engine.debts import cross_positions
from perpkit.venue.engine.events import ExpiryReason
from perpkit.venue.engine.forced import closing_order, expire_all
from perpkit.venue.engine.margin import bankruptcy_price
from perpkit.venue.engine.orders import Order, OrderStatus
from perpkit.venue.engine.state import EngineState


def liquidate(state: EngineState, symbol: str, now: int) -> None:
    """Liquidates each position and cross account whose margin fails at `symbol`'s mark price.

    Positions of closed symbols wait for the reopening: nothing of them trades before.
    """
    if state.halted(symbol):
        return
    for account in state.accounts.values():
        holding = account.holdings.get(symbol)
        if holding is None:
            continue
        liquidated = False
        if any(holding.held()):
            if holding.isolated:
                _liquidate_isolated(state, account, holding, now)
            else:
                liquidated = _liquidate_cross(state, account, holding.asset, now)
        debts.cover(state, account, symbol, now, liquidated=liquidated)


def gone(state: EngineState, account: Account, holding: SymbolHolding, position: Position) -> bool:
    """Returns whether the margin behind a position no longer covers maintenance at mark price."""
    if not holding.isolated:
        balance = balance_of(state, account, holding.asset).shared
        return balance.cross_margin_balance <= balance.cross_maintenance
    mark, brackets = state.quotes[holding.symbol].mark, state.contracts[holding.symbol].brackets
    left = position.isolated_wallet + position.unrealized(mark)
    return left <= brackets.maintenance(abs(position.amount) * mark)


def force(state: EngineState, account: Account, holding: SymbolHolding, now: int) -> None:
    """Liquidates every position of a holding regardless of its margin."""
    for position in list(holding.held()):
        expire_all(account, holding, now, ExpiryReason.LIQUIDATION)
        _close_out(state, account, holding, position, abs(position.amount), now)
    debts.cover(state, account, holding.symbol, now, liquidated=True)


def _liquidate_isolated(
    state: EngineState, account: Account, holding: SymbolHolding, now: int
) -> None:
    for position in list(holding.held()):
        filled = True
        while position.amount and gone(state, account, holding, position):
            expire_all(account, holding, now, ExpiryReason.LIQUIDATION)
            quantity = _step(state, holding, position) if filled else abs(position.amount)
            filled = _close_out(state, account, holding, position, quantity, now)


def _liquidate_cross(state: EngineState, account: Account, asset: str, now: int) -> bool:
    """Liquidates positions, greatest maintenance margin first, until the margin suffices.

    :returns: whether anything had to be liquidated
    """
    liquidated = False
    unfilled: set[Position] = set()
    while held := [
        (holding, position)
        for holding, position in cross_positions(account, asset)
        if not state.halted(holding.symbol)
    ]:
        if not gone(state, account, *held[0]):
            break
        liquidated = True
        for holding in account.holdings.values():
            if not holding.isolated and (account.multi_assets or holding.asset == asset):
                expire_all(account, holding, now, ExpiryReason.LIQUIDATION)

        def maintenance(pair: tuple[SymbolHolding, Position]) -> Decimal:
            held_in, position = pair
            contract, quote = state.contracts[held_in.symbol], state.quotes[held_in.symbol]
            return contract.brackets.maintenance(abs(position.amount) * quote.mark)

        holding, position = max(held, key=maintenance)
        whole = position in unfilled
        quantity = abs(position.amount) if whole else _step(state, holding, position)
        if not _close_out(state, account, holding, position, quantity, now):
            unfilled.add(position)
    return liquidated


def _step(state: EngineState, holding: SymbolHolding, position: Position) -> Decimal:
    """Returns how much to close next: down to the bracket below, or all of the lowest bracket."""
    contract, mark = state.contracts[holding.symbol], state.quotes[holding.symbol].mark
    size = abs(position.amount)
    floor = contract.brackets.at(size * mark).floor
    left = contract.quantity(floor / mark)
    if left * mark >= floor:
        left -= contract.step
    return size - max(left, ZERO)


def _bankruptcy(
    state: EngineState, account: Account, holding: SymbolHolding, position: Position
) -> Decimal:
    if holding.isolated:
        margin = position.isolated_wallet
    else:
        total = balance_of(state, account, holding.asset).shared.cross_margin_balance
        margin = total - position.unrealized(state.quotes[holding.symbol].mark)
    return bankruptcy_price(position.amount, position.entry, margin)


def _close_out(
    state: EngineState,
    account: Account,
    holding: SymbolHolding,
    position: Position,
    quantity: Decimal,
    now: int,
) -> bool:
    """Closes `quantity` of a position at its bankruptcy price or better.

    :returns: whether the book has filled all of it, or nothing of the position is left
    """
    contract, quote = state.contracts[holding.symbol], state.quotes[holding.symbol]
    bankruptcy = _bankruptcy(state, account, holding, position)
    # Rounded to the side on which the loss stays within the margin.
    rounding = ROUND_CEILING if position.amount > 0 else ROUND_FLOOR
    limit = max(contract.price(bankruptcy, rounding), contract.tick)
    order = closing_order(
        state, account, holding, position, quantity, now, client_id="autoclose-{}", limit=limit
    )
    before = account.cross_wallet(holding.asset)
    trades = quote.sweep(order.side, quantity, limit)
    matching.execute(state, account, quote, order, trades, now, commission_rate=ZERO)
    if order.is_open and quantity == abs(position.amount) + order.executed:
        _take_over(state, account, holding, order, now)
    # The fee takes at most, if isolated, the released margin; if cross, the rest of the balance.
    left = account.cross_wallet(holding.asset) - before
    if not holding.isolated:
        shared = balance_of(state, account, holding.asset).shared
        left = min(shared.cross_wallet, shared.cross_margin_balance)
    fee = money(min(order.quote * contract.liquidation_fee, max(left, ZERO)))
    if fee:
        ledger.clear(state, account, -fee, holding.symbol, now)
    if order.is_open:
        ledger.end_order(account, order, OrderStatus.EXPIRED, now, ExpiryReason.IOC_UNFILLED)
    return order.status is OrderStatus.FILLED


def _take_over(
    state: EngineState, account: Account, holding: SymbolHolding, order: Order, now: int
) -> None:
    """Passes what the book left of an order to the insurance fund, or to other users by ADL."""
    rest, price = order.remaining, order.price
    mark = state.quotes[holding.symbol].mark
    amount = -order.side.sign * rest
    result = money((mark - price) * amount)
    ledger.fill(state, account, order, price, rest, now, maker=False, commission_rate=ZERO)
    if state.fund.bears(holding.asset, result):
        state.fund.receive(holding.asset, result)
    else:
        deleveraging.deleverage(state, holding.symbol, amount, price, now)
