"""Positions as the exchange reports them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from perpkit.venue.engine.account import Account, Position, SymbolHolding
from perpkit.venue.engine.balance import balance_of, margin_of, order_notionals
from perpkit.venue.engine.contract import ZERO
from perpkit.venue.engine.deleveraging import quantile
from perpkit.venue.engine.margin import liquidation_price
from perpkit.venue.engine.orders import PositionSide
from perpkit.venue.engine.state import EngineState


@dataclass(frozen=True, slots=True)
class PositionView:
    """A position as the exchange reports it; money is in `asset`.

    :param amount: base asset, negative for a short; `notional` has the same sign
    :param liquidation_price: 0 if no price liquidates
    :param isolated_margin: isolated wallet plus unrealised PnL; 0 with cross margin
    :param bid_notional, ask_notional: value of what open orders may still buy, or sell
    :param max_notional: largest position at this leverage
    :param break_even: see `Position.break_even`
    :param adl: see `deleveraging`
    """

    symbol: str
    position_side: PositionSide
    amount: Decimal
    entry_price: Decimal
    mark_price: Decimal
    unrealized: Decimal
    liquidation_price: Decimal
    leverage: int
    isolated: bool
    isolated_margin: Decimal
    isolated_wallet: Decimal
    notional: Decimal
    position_initial_margin: Decimal
    open_order_initial_margin: Decimal
    maintenance: Decimal
    bid_notional: Decimal
    ask_notional: Decimal
    max_notional: Decimal
    update_time: int
    asset: str
    break_even: Decimal
    adl: int

    @property
    def initial_margin(self) -> Decimal:
        return self.position_initial_margin + self.open_order_initial_margin


def position_views(state: EngineState, account: Account, symbol: str) -> list[PositionView]:
    """Returns BOTH in one-way mode, LONG and SHORT in hedge mode; flat positions included."""
    holding = state.seen(account, symbol)
    sides = (PositionSide.LONG, PositionSide.SHORT) if account.hedge else (PositionSide.BOTH,)
    return [_view(state, account, holding, holding.position(side)) for side in sides]


def _view(
    state: EngineState, account: Account, holding: SymbolHolding, position: Position
) -> PositionView:
    contract, quote = state.contracts[holding.symbol], state.quotes.get(holding.symbol)
    mark = position.entry if quote is None else quote.mark
    notional = position.amount * mark
    unrealized = position.unrealized(mark)
    bids, asks = order_notionals(holding.orders.values())
    isolated = holding.isolated and bool(position.amount)
    return PositionView(
        symbol=holding.symbol,
        position_side=position.side,
        amount=position.amount,
        entry_price=position.entry,
        mark_price=mark,
        unrealized=unrealized,
        liquidation_price=_liquidation_price(state, account, holding, position),
        leverage=holding.leverage,
        isolated=holding.isolated,
        isolated_margin=position.isolated_wallet + unrealized if isolated else ZERO,
        isolated_wallet=position.isolated_wallet,
        notional=notional,
        position_initial_margin=abs(notional) / holding.leverage,
        open_order_initial_margin=margin_of(state, holding).order,
        maintenance=contract.brackets.maintenance(abs(notional)),
        bid_notional=bids,
        ask_notional=asks,
        max_notional=contract.brackets.cap_at(holding.leverage),
        update_time=position.updated,
        asset=holding.asset,
        break_even=position.break_even,
        adl=quantile(state, account, holding, position),
    )


def _liquidation_price(
    state: EngineState, account: Account, holding: SymbolHolding, position: Position
) -> Decimal:
    if not position.amount:
        return ZERO
    brackets = state.contracts[holding.symbol].brackets
    if holding.isolated:
        legs = [(position.amount, position.entry)]
        balance = position.isolated_wallet
    else:
        legs = [(p.amount, p.entry) for p in holding.held()]
        own = margin_of(state, holding)
        total = balance_of(state, account, holding.asset).shared
        others = total.cross_unrealized - own.unrealized
        balance = total.cross_wallet + others - (total.cross_maintenance - own.maintenance)
    return liquidation_price(legs, brackets, balance) or ZERO
