"""The only place where money moves: trades, funding, insurance. Every change is an `Income`."""

from __future__ import annotations

from decimal import Decimal

from perpkit.venue.engine.account import Account, Income, IncomeKind, Position, SymbolHolding
from perpkit.venue.engine.contract import ZERO, money
from perpkit.venue.engine.events import (
    AccountEvent,
    AccountReason,
    AlgoEvent,
    Execution,
    ExpiryReason,
    OrderEvent,
    of_position,
)
from perpkit.venue.engine.orders import (
    Algo,
    AlgoStatus,
    Fill,
    Order,
    OrderStatus,
)
from perpkit.venue.engine.state import EngineState


def record(
    state: EngineState,
    account: Account,
    kind: IncomeKind,
    amount: Decimal,
    symbol: str,
    now: int,
    trade_id: int = 0,
) -> None:
    """Adds `amount` (eight decimals) to the wallet of the symbol's asset and records the reason."""
    asset = account.settled_in(state.contracts[symbol].asset)
    if kind is IncomeKind.INSURANCE_CLEAR:
        state.fund.receive(asset, -amount)
    _move(state, account, kind, asset, amount, symbol, now, trade_id)


def clear(state: EngineState, account: Account, amount: Decimal, symbol: str, now: int) -> None:
    """Books what the insurance fund pays, or receives where negative, apart from a trade."""
    record(state, account, IncomeKind.INSURANCE_CLEAR, amount, symbol, now)
    asset = account.settled_in(state.contracts[symbol].asset)
    _report_clearing(account, asset, amount, now)


def _report_clearing(account: Account, asset: str, amount: Decimal, now: int) -> None:
    account.report(AccountEvent(AccountReason.INSURANCE_CLEAR, now, ((asset, amount),)))


def exchange(
    state: EngineState, account: Account, source: str, target: str, amount: Decimal, now: int
) -> None:
    """Pays a debt of `amount` in `target` with `source`, at their worth as collateral."""
    paid = money(amount * state.worth(target) / state.worth(source))
    changes = (source, -paid), (target, amount)
    for asset, change in changes:
        _move(state, account, IncomeKind.AUTO_EXCHANGE, asset, change, "", now, 0)
    account.report(AccountEvent(AccountReason.AUTO_EXCHANGE, now, changes))


def _move(
    state: EngineState,
    account: Account,
    kind: IncomeKind,
    asset: str,
    amount: Decimal,
    symbol: str,
    now: int,
    trade_id: int,
) -> None:
    account.wallets[asset] = account.wallet_of(asset) + amount
    account.updated = now
    number = next(state.income_ids)
    account.incomes.append(Income(number, kind, amount, symbol, now, trade_id, asset))


def charge(
    state: EngineState,
    account: Account,
    holding: SymbolHolding,
    position: Position,
    kind: IncomeKind,
    amount: Decimal,
    now: int,
    trade_id: int = 0,
) -> None:
    """Books commission or funding: the free wallet pays first, then the position's margin."""
    record(state, account, kind, amount, holding.symbol, now, trade_id)
    if holding.isolated and amount < 0:
        short = min(-account.cross_wallet(holding.asset), -amount, position.isolated_wallet)
        position.isolated_wallet -= max(short, ZERO)


def fill(
    state: EngineState,
    account: Account,
    order: Order,
    price: Decimal,
    quantity: Decimal,
    now: int,
    *,
    maker: bool,
    commission_rate: Decimal | None = None,
    kind: IncomeKind = IncomeKind.REALIZED_PNL,
) -> None:
    """Books one trade of `order`: position, margin, incomes, history.

    :param commission_rate: a fraction; None means the account's own rate
    :param kind: income type of the closed part's profit
    """
    holding = account.holdings[order.symbol]
    position = holding.position(order.position_side)
    amount = order.side.sign * quantity
    trade_id = next(state.trade_ids)

    closed = ZERO
    if position.amount * amount < 0:
        closed = min(quantity, abs(position.amount)) * order.side.sign
    pnl = money((position.entry - price) * closed)
    insured = ZERO
    if closed:
        insured = _close(state, account, holding, position, closed, pnl, now, trade_id, kind)
    if amount != closed:
        if not position.amount:
            position.opened = trade_id
        _open(holding, position, amount - closed, price)
    position.updated = now

    if commission_rate is None:
        commission_rate = account.maker if maker else account.taker
    commission = money(price * quantity * commission_rate)
    if commission:
        charge(state, account, holding, position, IncomeKind.COMMISSION, -commission, now, trade_id)
    add_cost(position, amount, price, commission)

    trade = Fill(
        trade_id,
        order.id,
        order.symbol,
        order.side,
        order.position_side,
        price,
        quantity,
        pnl,
        commission,
        maker,
        now,
        holding.asset,
    )
    account.fills.append(trade)
    account.report(
        of_position(AccountReason.ORDER, now, holding.asset, holding.symbol, position.side)
    )
    if insured:
        _report_clearing(account, holding.asset, insured, now)
    order.executed += quantity
    order.quote += price * quantity
    order.updated = now
    execution = Execution.CALCULATED if order.forced else Execution.TRADE
    if order.remaining:
        order.status = OrderStatus.PARTIALLY_FILLED
        account.report(OrderEvent(order, execution, now, trade))
    else:
        _end(account, order, OrderStatus.FILLED, OrderEvent(order, execution, now, trade))
    if closed and position.amount * closed >= 0:  # flat, or flipped
        _expire_closing(account, holding, position, now)


def _open(holding: SymbolHolding, position: Position, amount: Decimal, price: Decimal) -> None:
    total = position.amount + amount
    position.entry = (position.entry * position.amount + price * amount) / total
    position.amount = total
    if holding.isolated:
        position.isolated_wallet += money(abs(amount) * price / holding.leverage)


def _close(
    state: EngineState,
    account: Account,
    holding: SymbolHolding,
    position: Position,
    closed: Decimal,
    pnl: Decimal,
    now: int,
    trade_id: int,
    kind: IncomeKind,
) -> Decimal:
    """Releases the closed share of the margin. A loss beyond that share reduces the remaining
    margin, and the insurance fund bears a loss beyond all of it.

    :returns: what the insurance fund has borne
    """
    record(state, account, kind, pnl, holding.symbol, now, trade_id)
    position.realized += pnl
    cover = ZERO
    if holding.isolated:
        released = money(position.isolated_wallet * -closed / position.amount)
        position.isolated_wallet += min(released + pnl, ZERO) - released
        if position.isolated_wallet < 0:
            cover = -position.isolated_wallet
            position.isolated_wallet = ZERO
            insured = IncomeKind.INSURANCE_CLEAR
            record(state, account, insured, cover, holding.symbol, now, trade_id)
    position.amount += closed
    if not position.amount:
        position.entry = ZERO
    return cover


def add_cost(position: Position, amount: Decimal, price: Decimal, commission: Decimal) -> None:
    """Updates the cost of a position that a trade of a signed `amount` has already changed."""
    if not position.amount:
        position.cost = ZERO
    elif position.amount * amount > 0 and abs(position.amount) <= abs(amount):
        opened = position.amount / amount  # the rest of a larger trade closed what was held before
        position.cost = position.amount * price + commission * opened
    else:
        position.cost += amount * price + commission


def end_order(
    account: Account,
    order: Order,
    status: OrderStatus,
    now: int,
    reason: ExpiryReason = ExpiryReason.NONE,
) -> None:
    """Cancels or expires an order, and ends the conditional order that it came from."""
    execution = Execution.CANCELED if status is OrderStatus.CANCELED else Execution.EXPIRED
    _end(account, order, status, OrderEvent(order, execution, now, expiry=reason))


def _end(account: Account, order: Order, status: OrderStatus, event: OrderEvent) -> None:
    order.status = status
    order.updated = event.time
    account.holdings[order.symbol].orders.pop(order.id, None)
    account.report(event)
    if order.algo is not None:
        set_algo(account, order.algo, AlgoStatus.FINISHED, event.time)


def set_algo(account: Account, algo: Algo, status: AlgoStatus, now: int) -> None:
    algo.status = status
    algo.updated = now
    account.report(AlgoEvent(algo, now))


def end_algo(account: Account, algo: Algo, status: AlgoStatus, now: int) -> None:
    """Ends a conditional order, or its waiting: it triggers."""
    account.holdings[algo.symbol].algos.pop(algo.id, None)
    set_algo(account, algo, status, now)


def _expire_closing(account: Account, holding: SymbolHolding, position: Position, now: int) -> None:
    """Expires the closing orders of a closed position; they must not wait for the next one."""
    for order in list(holding.orders.values()):
        if order.closing and order.position_side is position.side:
            end_order(account, order, OrderStatus.EXPIRED, now, ExpiryReason.NOTHING_TO_CLOSE)
    for algo in list(holding.algos.values()):
        if algo.close_position and algo.position_side is position.side:
            end_algo(account, algo, AlgoStatus.EXPIRED, now)
