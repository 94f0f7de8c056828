"""The value of an account at mark prices, and how much of it is committed as margin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from perpkit.venue.engine.account import Account, SymbolHolding
from perpkit.venue.engine.contract import ONE, ZERO
from perpkit.venue.engine.orders import Order, PositionSide, Side
from perpkit.venue.engine.state import EngineState


@dataclass(frozen=True, slots=True)
class Margin:
    """Unrealised PnL of one holding, and its margins: initial (positions, orders), maintenance."""

    unrealized: Decimal
    position: Decimal
    order: Decimal
    maintenance: Decimal


@dataclass(frozen=True, slots=True)
class Balance:
    """An account's balance in one asset, with the names of the exchange's account information.

    Fields named `cross_*` leave out isolated positions.

    :param pool: the sum of all assets at their worth as collateral, in multi-assets mode; otherwise
        None
    :param worth: what one unit of the asset counts as collateral, USD; 0 while it is unknown
    """

    wallet: Decimal
    cross_wallet: Decimal
    unrealized: Decimal
    cross_unrealized: Decimal
    position_initial_margin: Decimal
    open_order_initial_margin: Decimal
    cross_position_initial_margin: Decimal
    maintenance: Decimal
    cross_maintenance: Decimal
    update_time: int
    pool: Balance | None = None
    worth: Decimal = ONE

    @property
    def shared(self) -> Balance:
        """The balance that backs cross positions in this asset."""
        return self.pool or self

    @property
    def margin_balance(self) -> Decimal:
        return self.wallet + self.unrealized

    @property
    def cross_margin_balance(self) -> Decimal:
        return self.cross_wallet + self.cross_unrealized

    @property
    def initial_margin(self) -> Decimal:
        return self.position_initial_margin + self.open_order_initial_margin

    @property
    def available(self) -> Decimal:
        """The amount available for new orders; never negative."""
        free = max(ZERO, -self.shared.shortfall)
        return free / self.worth if self.worth else ZERO

    @property
    def shortfall(self) -> Decimal:
        """The initial margin that the margin balance does not cover; negative if some is free."""
        bound = self.cross_position_initial_margin + self.open_order_initial_margin
        return bound - self.cross_margin_balance

    @property
    def max_withdraw(self) -> Decimal:
        """The amount that can be withdrawn: without unrealised profit, less unrealised loss."""
        profit = self.shared.cross_unrealized / self.worth if self.worth else ZERO
        free = min(self.available, self.available - profit)
        return max(ZERO, min(free, self.cross_wallet) if self.pool else free)


def order_notionals(orders: Iterable[Order]) -> tuple[Decimal, Decimal]:
    """Returns the value of what open orders may still buy and sell, except closing orders.

    Closing orders need no margin.
    """
    bids = asks = ZERO
    for order in orders:
        if order.closing:
            continue
        if order.side is Side.BUY:
            bids += order.remaining * order.price
        else:
            asks += order.remaining * order.price
    return bids, asks


def margin_of(state: EngineState, holding: SymbolHolding) -> Margin:
    quote = state.quotes.get(holding.symbol)
    brackets = state.contracts[holding.symbol].brackets
    unrealized = signed = gross = maintenance = ZERO
    hedged = False
    for position in holding.held():
        mark = position.entry if quote is None else quote.mark
        notional = position.amount * mark
        unrealized += position.unrealized(mark)
        signed += notional
        gross += abs(notional)
        maintenance += brackets.maintenance(abs(notional))
        hedged = position.side is not PositionSide.BOTH
    order = ZERO
    if holding.orders:
        order = order_margin(
            holding.leverage, signed, *order_notionals(holding.orders.values()), hedged
        )
    return Margin(unrealized, gross / holding.leverage, order, maintenance)


def order_margin(
    leverage: int, signed: Decimal, bids: Decimal, asks: Decimal, hedged: bool
) -> Decimal:
    """Returns the initial margin of open orders in addition to that of the position.

    One-way mode counts the worse case, all bids filling or all asks filling, so orders that would
    only shrink the position need no margin. Hedge mode adds up both sides.

    :param signed: value of the position, negative for a short; `bids`, `asks`: of open orders
    """
    if hedged:
        return (bids + asks) / leverage
    return (max(abs(signed + bids), abs(signed - asks), abs(signed)) - abs(signed)) / leverage


def balance_of(state: EngineState, account: Account, asset: str) -> Balance:
    own = _balance(state, account, {asset: ONE})
    if not account.multi_assets:
        return own
    assets = {asset, *account.wallets, *(h.asset for h in account.holdings.values())}
    pool = _balance(state, account, {each: state.worth(each) for each in assets})
    return replace(own, pool=pool, worth=state.worth(asset))


def _balance(state: EngineState, account: Account, assets: Mapping[str, Decimal]) -> Balance:
    """:param assets: with what one unit of each counts"""
    unrealized = cross_unrealized = position = cross_position = ZERO
    order = maintenance = cross_maintenance = isolated = ZERO
    for holding in account.holdings.values():
        if holding.asset not in assets:
            continue
        margin = margin_of(state, holding)
        unrealized += margin.unrealized
        position += margin.position
        order += margin.order
        maintenance += margin.maintenance
        if holding.isolated:
            isolated += sum((p.isolated_wallet for p in holding.positions.values()), ZERO)
        else:
            cross_unrealized += margin.unrealized
            cross_position += margin.position
            cross_maintenance += margin.maintenance
    wallet = sum((account.wallet_of(asset) * worth for asset, worth in assets.items()), ZERO)
    return Balance(
        wallet,
        wallet - isolated,
        unrealized,
        cross_unrealized,
        position,
        order,
        cross_position,
        maintenance,
        cross_maintenance,
        account.updated,
    )
