"""Makes all threads of a running bot see the same trades and change them one at a time.

See `TradeLock`. Uses private names of Freqtrade; tests/contract/test_live_seams.py checks them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import wraps
from typing import Any

from freqtrade.exceptions import DependencyException
from freqtrade.persistence import Trade

from perpkit.bot.live.replaced import around, replace, replace_lock, under_lock
from perpkit.bot.positions.trade_lock import TradeLock
from perpkit.bot.refusals import RefusalKind, Refusals, Why
from perpkit.bot.running_bot import message_of

# Functions that change trades and are called without the lock by the loop, schedule or RPC.
UNLOCKED = (
    "bot.update_trades_without_assigned_fees",
    "bot.startup_update_open_orders",
    "bot.update_funding_fees",
    "bot.update_all_liquidation_prices",
    "bot.handle_onexchange_order",
    "bot.cancel_all_open_orders",
)
_OVERTAKEN = Why(RefusalKind.OVERTAKEN, "Another entry was made, or its trade has closed.")


def share_trades(bot: Any, refusals: Refusals) -> TradeLock:
    """Gives a running bot a lock that all its threads share, and returns it.

    Called once, before the bot's first cycle.
    """
    lock = TradeLock()
    replace_lock(bot, lock)
    for attribute in UNLOCKED:
        under_lock(bot, attribute)
    replace(bot, "bot.execute_entry", _checked(bot, refusals))

    def clean_up(cleanup: Callable[[], None]) -> None:
        lock.let_go()  # Telegram and the API end only once their requests have been answered
        _with_a_usable_session(cleanup)

    around(bot, "bot.cleanup", clean_up)
    return lock


def _with_a_usable_session(cleanup: Callable[[], None]) -> None:
    """Ends the bot after a signal within a statement, too, when a session refuses all that follows:
    Freqtrade would name no open trade, and its own last commit would be an error in the log."""
    try:
        Trade.commit()
    except Exception:  # where the database itself is gone, Freqtrade says so
        with suppress(Exception):
            Trade.session.close()
    cleanup()


def _checked(bot: Any, refusals: Refusals) -> Callable[..., bool]:
    """Wraps `execute_entry` to check again, under the lock, that the entry is still possible:
    another thread may have entered the pair in the meantime, or closed the trade."""
    execute: Callable[..., bool] = bot.execute_entry

    @wraps(execute)
    def execute_entry(pair: str, stake_amount: float, *args: Any, **kwargs: Any) -> bool:
        trade = kwargs.get("trade")
        if trade is not None:
            overtaken = not trade.is_open
        else:
            opened = Trade.get_trades([Trade.is_open.is_(True), Trade.pair == pair]).first()
            overtaken = opened is not None or not bot.get_free_open_trades()
        side = trade.trade_direction if trade is not None else _side(kwargs)
        if overtaken:
            refusals.add(_OVERTAKEN, pair, side)
            return False
        decided, began = refusals.decided, datetime.now(UTC)
        try:
            made = execute(pair, stake_amount, *args, **kwargs)
        except DependencyException as error:  # Freqtrade logs it, and tells the strategy nothing
            why = f"it could not be sent: {message_of(error) or type(error).__name__}"
            decided.refused(pair, side, datetime.now(UTC), "unsent", why)
            raise
        if not made and trade is None and decided.sent_since(pair, began):
            why = "the exchange ended the order without a fill: expired or rejected"
            decided.refused(pair, side, datetime.now(UTC), "unsent", why)
        return made

    return execute_entry


def _side(entry: dict[str, Any]) -> str:
    return "short" if entry.get("is_short") else "long"
