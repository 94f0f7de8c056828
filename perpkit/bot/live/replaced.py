"""The complete list of attributes of the running Freqtrade that Perpkit replaces.

No other file sets one (tests/test_replaced.py). Each row names its owner and how Freqtrade's lock
is handled when it is called. The replacement is a method of the part that needs it.
tests/contract/test_live_seams.py checks that Freqtrade calls these attributes and how; verified on
Freqtrade 2026.6 to 2026.9.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import Any

logger = logging.getLogger(__name__)


class Lock(StrEnum):
    """How Freqtrade's `_exit_lock` is handled when the attribute is called."""

    HELD = "held by the caller; otherwise acquired, and logged"
    TAKEN = "acquired before the replacement or the original is called"
    OWN = "acquired by the replacement for as long as it needs it"
    NONE = "not needed: no trade is read or written"


# By owner and name. Owners: the bot, its exchange, the ccxt client, the wallets, the RPC.
REPLACED: dict[str, Lock] = {
    "bot.process": Lock.OWN,
    "bot.process_stopped": Lock.OWN,
    "bot.cleanup": Lock.NONE,
    "bot.execute_entry": Lock.TAKEN,
    "bot.execute_trade_exit": Lock.HELD,
    "bot.exit_positions": Lock.HELD,
    "bot.handle_trade": Lock.HELD,
    "bot.create_stoploss_order": Lock.HELD,
    "bot.handle_stoploss_on_exchange": Lock.HELD,
    "bot.cancel_stoploss_on_exchange": Lock.TAKEN,
    "bot.handle_cancel_order": Lock.HELD,
    "bot.handle_onexchange_order": Lock.TAKEN,
    "bot.cancel_all_open_orders": Lock.TAKEN,
    "bot.startup_update_open_orders": Lock.TAKEN,
    "bot.update_all_liquidation_prices": Lock.TAKEN,
    "bot.update_funding_fees": Lock.TAKEN,
    "bot.update_trades_without_assigned_fees": Lock.TAKEN,
    "bot.update_trade_state": Lock.HELD,
    "bot._update_trade_after_fill": Lock.HELD,
    "bot._notify_exit": Lock.HELD,
    "bot._safe_exit_amount": Lock.NONE,
    "bot.get_valid_enter_price_and_stake": Lock.HELD,
    "exchange.create_order": Lock.HELD,
    "exchange.create_stoploss": Lock.HELD,
    "exchange.fetch_order": Lock.NONE,
    "exchange.fetch_stoploss_order": Lock.OWN,
    "exchange.get_trades_for_order": Lock.NONE,
    "exchange._lev_prep": Lock.NONE,
    "exchange._process_ohlcv_df": Lock.NONE,
    "api.create_order": Lock.NONE,
    "api.fetch_order": Lock.NONE,
    "api.fetch_balance": Lock.NONE,
    "api.fetch": Lock.NONE,
    "api.request": Lock.NONE,
    "api_async.fetch": Lock.NONE,
    "wallets.update": Lock.NONE,
    "rpc._rpc_force_entry": Lock.NONE,
    "rpc._rpc_force_exit": Lock.OWN,
    "rpc._rpc_cancel_open_order": Lock.NONE,
    "rpc._rpc_reload_trade_from_exchange": Lock.NONE,
    "rpc._rpc_delete": Lock.OWN,
}
# The lock itself: replaced as an object, not called.
LOCK = "bot._exit_lock"

_OWNERS: dict[str, Callable[[Any], Any]] = {
    "bot": lambda bot: bot,
    "exchange": lambda bot: bot.exchange,
    "api": lambda bot: bot.exchange._api,
    "api_async": lambda bot: bot.exchange._api_async,
    "wallets": lambda bot: bot.wallets,
    "rpc": lambda bot: bot.rpc._rpc,
}


def replace(bot: Any, attribute: str, new: Callable[..., Any]) -> Callable[..., Any]:
    """Replaces an attribute by `new`; returns what was there before.

    That may be an earlier replacement: the newest one is called first.

    :param attribute: as in `REPLACED`
    :raises KeyError: it is not in `REPLACED`
    """
    lock = REPLACED[attribute]
    owner, name = _of(bot, attribute)
    was: Callable[..., Any] = getattr(owner, name)
    if lock in (Lock.HELD, Lock.TAKEN):
        new = _locked(bot, attribute, new)
    setattr(owner, name, new)
    return was


def around(bot: Any, attribute: str, wrap: Callable[[Callable[[], None]], None]) -> None:
    """Replaces a function without arguments and result, such as a cycle, by a call of `wrap`."""
    was: Callable[[], None]

    def wrapped() -> None:
        wrap(was)

    was = replace(bot, attribute, wrapped)


def under_lock(bot: Any, attribute: str) -> None:
    """Makes Freqtrade's own function run with the lock held."""
    owner, name = _of(bot, attribute)
    replace(bot, attribute, getattr(owner, name))


def replace_lock(bot: Any, new: Any) -> None:
    """Replaces Freqtrade's lock by another one, while no thread holds it."""
    with bot._exit_lock:
        bot._exit_lock = new


def _of(bot: Any, attribute: str) -> tuple[Any, str]:
    owner, name = attribute.split(".")
    return _OWNERS[owner](bot), name


def _locked(bot: Any, attribute: str, function: Callable[..., Any]) -> Callable[..., Any]:
    reported = False

    @wraps(function)
    def locked(*args: Any, **kwargs: Any) -> Any:
        nonlocal reported
        lock = bot._exit_lock
        if REPLACED[attribute] is Lock.HELD and not lock.locked() and not reported:
            reported = True
            logger.warning(f"{attribute} was called without the lock, which is now acquired.")
        with lock:
            return function(*args, **kwargs)

    return locked
