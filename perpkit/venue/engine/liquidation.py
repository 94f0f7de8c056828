"""Forced closing of positions whose margin no longer covers maintenance.

The exchange sends an IOC limit order at the bankruptcy price; what the book does not take there,
the insurance fund takes over at that price. So a position never loses more than the margin behind
it. A fee on the liquidated value goes to the insurance fund as far as margin is left; no commission
is charged. The whole position is closed at once: the exchange's steps from bracket to bracket for
large positions are not modelled.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from perpkit.venue.engine import ledger, matching
from perpkit.venue.engine.account import Account, Holding, IncomeKind, Position
from perpkit.venue.engine.balance import balance_of
from perpkit.venue.engine.contract import ZERO, money
from perpkit.venue.engine.margin import bankruptcy_price
from perpkit.venue.engine.orders import (
    AlgoStatus,
    Order,
    OrderStatus,
    OrderType,
    PositionSide,
    Side,
    TimeInForce,
)
from perpkit.venue.engine.state import State


def liquidate(state: State, symbol: str, now: int) -> None:
    """Every position, and every cross account, that the new mark price of `symbol` has undone."""
    for account in state.accounts.values():
        holding = account.holdings.get(symbol)
        if holding is None:
            continue
        if any(holding.held()):
            if holding.isolated:
                _liquidate_isolated(state, account, holding, now)
            else:
                _liquidate_cross(state, account, now)
        cover_debt(state, account, symbol, now)


def force(state: State, account: Account, holding: Holding, now: int) -> None:
    """Liquidate every position of a holding, whatever its margin."""
    for position in list(holding.held()):
        _expire_all(holding, now)
        if holding.isolated:
            margin = position.isolated_wallet
        else:
            mark = state.quotes[holding.symbol].mark
            total = balance_of(state, account).cross_margin_balance
            margin = total - position.unrealized(mark)
        price = bankruptcy_price(position.amount, position.entry, margin)
        _close_out(state, account, holding, position, price, now)
    cover_debt(state, account, holding.symbol, now)


def cover_debt(state: State, account: Account, symbol: str, now: int) -> None:
    """The insurance fund pays what an account without cross positions still owes."""
    owed = -account.cross_wallet
    if owed > 0 and not _cross_positions(account):
        ledger.record(state, account, IncomeKind.INSURANCE_CLEAR, owed, symbol, now)


def _cross_positions(account: Account) -> list[tuple[Holding, Position]]:
    return [(h, p) for h in account.holdings.values() if not h.isolated for p in h.held()]


def _liquidate_isolated(state: State, account: Account, holding: Holding, now: int) -> None:
    mark, brackets = state.quotes[holding.symbol].mark, state.contracts[holding.symbol].brackets
    for position in list(holding.held()):
        balance = position.isolated_wallet + position.unrealized(mark)
        if balance <= brackets.maintenance(abs(position.amount) * mark):
            _expire_all(holding, now)
            price = bankruptcy_price(position.amount, position.entry, position.isolated_wallet)
            _close_out(state, account, holding, position, price, now)


def _liquidate_cross(state: State, account: Account, now: int) -> None:
    """One position after another, that with the greatest maintenance margin first, until enough."""
    while held := _cross_positions(account):
        balance = balance_of(state, account)
        if balance.cross_margin_balance > balance.cross_maintenance:
            return
        for holding in account.holdings.values():
            if not holding.isolated:
                _expire_all(holding, now)

        def maintenance(pair: tuple[Holding, Position]) -> Decimal:
            held_in, position = pair
            contract, quote = state.contracts[held_in.symbol], state.quotes[held_in.symbol]
            return contract.brackets.maintenance(abs(position.amount) * quote.mark)

        holding, position = max(held, key=maintenance)
        mark = state.quotes[holding.symbol].mark
        others = balance.cross_margin_balance - position.unrealized(mark)
        price = bankruptcy_price(position.amount, position.entry, others)
        _close_out(state, account, holding, position, price, now)


def _expire_all(holding: Holding, now: int) -> None:
    for order in list(holding.orders.values()):
        ledger.end_order(holding, order, OrderStatus.EXPIRED, now)
    for algo in list(holding.algos.values()):
        ledger.end_algo(holding, algo, AlgoStatus.EXPIRED, now)


def _close_out(
    state: State,
    account: Account,
    holding: Holding,
    position: Position,
    bankruptcy: Decimal,
    now: int,
) -> None:
    contract, quote = state.contracts[holding.symbol], state.quotes[holding.symbol]
    long = position.amount > 0
    # To the side on which the loss stays within the margin.
    limit = max(contract.price(bankruptcy, ROUND_CEILING if long else ROUND_FLOOR), contract.tick)
    number = next(state.order_ids)
    order = Order(
        id=number,
        client_id=f"autoclose-{number}",
        symbol=holding.symbol,
        side=Side.SELL if long else Side.BUY,
        position_side=position.side,
        type=OrderType.LIMIT,
        time_in_force=TimeInForce.IOC,
        quantity=abs(position.amount),
        price=limit,
        reduce_only=position.side is PositionSide.BOTH,
        closing=True,
        created=now,
        updated=now,
    )
    matching.enter(account, holding, order)
    before = account.cross_wallet
    trades = quote.sweep(order.side, order.quantity, limit)
    matching.execute(state, account, quote, order, trades, now, commission_rate=ZERO)
    if order.remaining:
        rest = order.remaining
        ledger.fill(state, account, order, limit, rest, now, maker=False, commission_rate=ZERO)
    # Isolated: the margin that came back. Cross: all that is left.
    left = account.cross_wallet - before if holding.isolated else account.cross_wallet
    fee = money(min(order.quote * contract.liquidation_fee, max(left, ZERO)))
    if fee:
        kind = IncomeKind.INSURANCE_CLEAR
        ledger.record(state, account, kind, -fee, holding.symbol, now)
