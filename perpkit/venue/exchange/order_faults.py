"""Applies the faults of orders and accounts to the engine: see `faults.FaultKind`."""

from __future__ import annotations

import logging
from decimal import Decimal

from perpkit.venue.engine import Account, Engine, Position, Refusal, SymbolStatus
from perpkit.venue.errors import VenueError
from perpkit.venue.exchange.account_settings import SettingsChange, change
from perpkit.venue.faults.faults import Fault, FaultKind, FaultPlan

_logger = logging.getLogger(__name__)

# What the statuses of exchangeInfo mean for orders.
_STATUS = {
    "TRADING": SymbolStatus.TRADING,
    "PRE_SETTLE": SymbolStatus.SETTLING,
    "SETTLING": SymbolStatus.SETTLING,
    "PENDING_TRADING": SymbolStatus.CLOSE,
    "CLOSE": SymbolStatus.CLOSE,
}


def order_status(listed: str) -> SymbolStatus:
    """Returns what a contract's status in exchangeInfo means for its orders."""
    return _STATUS[listed]


def resting_limit(plan: FaultPlan, engine: Engine, symbol: str, now: int) -> Decimal | None:
    """Returns the maximum that resting orders may fill at a time; None without a fault."""
    if plan.active(FaultKind.STUCK_ORDERS, symbol, now):
        return Decimal(0)
    slow = plan.active(FaultKind.SLOW_FILLS, symbol, now)
    if slow is None:
        return None
    orders = [o for account in engine.accounts for o in engine.open_orders(account, symbol)]
    share = Decimal(str(slow.number("share")))
    step = engine.contract(symbol).step
    # Even a small order fills, one quantity step at a time.
    return max(step, share * sum((order.quantity for order in orders), Decimal(0)))


def check_permission(plan: FaultPlan, *, trading: bool, now: int) -> None:
    """Checks the permissions that a fault may have removed from all keys.

    :raises VenueError: -2015 if the one that the request needs is removed
    """
    fault = plan.active(FaultKind.PERMISSION_REMOVED, None, now)
    if fault is not None and (trading or fault.text("permission") != "trade"):
        raise Refusal.BAD_KEY.error()


def check_lock(plan: FaultPlan, symbol: str, *, closing: bool, now: int) -> None:
    """Checks the trading lock that a fault may have set by the quantitative rules.

    :raises VenueError: -4400 for an opening order while there is a lock
    """
    if not closing and plan.active(FaultKind.TRADING_LOCKED, symbol, now):
        raise Refusal.LOCKED.error()


def locks(plan: FaultPlan, now: int) -> list[Fault]:
    """Returns the trading locks in force, of the account (no symbol) and of single symbols."""
    return [f for _, f in plan if f.kind is FaultKind.TRADING_LOCKED and f.at(now)]


class OrderFaults:
    """Ends orders and positions, and changes settings, as the fault plan demands.

    Whether a fault strikes is drawn once for every order and every position that it concerns.
    """

    def __init__(self, plan: FaultPlan, engine: Engine) -> None:
        self._plan = plan
        self._engine = engine
        self._met: set[tuple[FaultKind, int]] = set()
        self._changed: set[tuple[str, str]] = set()

    def strike(self, symbol: str, now: int) -> None:
        for account in self._engine.accounts:
            self._orders(account, symbol, now)
            self._positions(account, symbol, now)

    def change_settings(self, now: int) -> None:
        """Applies the changes due by now, once for every fault and account.

        The exchange may refuse a change, just as it may refuse the bot's; that is logged.
        """
        due = [
            (name, fault)
            for name, fault in self._plan
            if fault.kind is FaultKind.SETTINGS_CHANGED and fault.at(now)
        ]
        for name, fault in due:
            for account in self._engine.accounts:
                if (name, account.api_key) in self._changed:
                    continue
                self._changed.add((name, account.api_key))
                if self._plan.strikes_now(name):
                    self._change(name, fault, account, now)

    def _change(self, name: str, fault: Fault, account: Account, now: int) -> None:
        settings = SettingsChange.of(fault)
        # An account that has used no symbol yet has only account-wide settings.
        symbols: list[str | None] = (
            [fault.symbol] if fault.symbol else [*account.holdings] or [None]
        )
        for symbol in symbols:
            try:
                change(self._engine, account, symbol, settings, now)
            except VenueError as refusal:
                where = f" of {symbol}" if symbol else ""
                _logger.warning(f"{name}: settings{where} stay as they are: {refusal}")

    def _orders(self, account: Account, symbol: str, now: int) -> None:
        engine = self._engine
        for order in engine.open_orders(account, symbol):
            if self._meets(FaultKind.ORDER_EXPIRED, symbol, order.id, now):
                engine.expire_order(account, order.id, now)
            elif self._meets(FaultKind.ORDER_CANCELLED, symbol, order.id, now):
                engine.cancel_order(account, symbol, now, order_id=order.id)
        for algo in engine.open_algos(account, symbol):
            if self._meets(FaultKind.ORDER_EXPIRED, symbol, algo.id, now):
                engine.expire_algo(account, algo.id, now)
            elif self._meets(FaultKind.ORDER_CANCELLED, symbol, algo.id, now):
                engine.cancel_algo(account, now, algo_id=algo.id)

    def _positions(self, account: Account, symbol: str, now: int) -> None:
        if self._engine.status(symbol) is SymbolStatus.CLOSE:
            return  # nothing trades: the fault strikes at the reopening, if it still lasts
        holding = account.holdings.get(symbol)
        # The trade that opened it distinguishes a position from every other one.
        for position in list(holding.held()) if holding else ():
            if self._meets(FaultKind.LIQUIDATION, symbol, position.opened, now):
                self._engine.force_liquidation(account, symbol, now)
            elif self._in_profit(position, symbol) and (
                fault := self._meets(FaultKind.ADL, symbol, position.opened, now)
            ):
                share = Decimal(str(fault.number("share")))
                self._engine.force_adl(account, symbol, now, share=share)

    def _in_profit(self, position: Position, symbol: str) -> bool:
        return position.unrealized(self._engine.quote(symbol).mark) > 0

    def _meets(self, kind: FaultKind, symbol: str, number: int, now: int) -> Fault | None:
        """Returns the fault that strikes, if any; each case is drawn only once."""
        if (kind, number) in self._met or not self._plan.active(kind, symbol, now):
            return None
        self._met.add((kind, number))
        return self._plan.strike(kind, symbol, now)
