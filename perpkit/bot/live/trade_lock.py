"""No object of the database outlives the lock under which it was read.

`/forceexit`, `/forceenter`, `/delete` and the REST API act from threads of their own, each with a
session of its own, and SQLAlchemy keeps what a session has read until it is told to forget it. So a
cycle may still see a trade as open that another thread has closed, or without the stop that it has
just been given. Here whoever takes Freqtrade's lock begins with the database as it is.

Private names of Freqtrade are used; tests/contract/test_live_seams.py holds them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from threading import RLock
from types import TracebackType
from typing import Any

from freqtrade.data.dataprovider import DataProvider
from freqtrade.persistence import Trade

from perpkit.bot.live.replaced import replace, replace_lock, under_lock
from perpkit.bot.live.running_bot import running_bot
from perpkit.bot.refusals import Kind, Refusals, Why

logger = logging.getLogger(__name__)

# What writes to trades, and is called without the lock from the loop, its schedule or the RPC.
UNLOCKED = (
    "bot.update_trades_without_assigned_fees",
    "bot.startup_update_open_orders",
    "bot.update_funding_fees",
    "bot.update_all_liquidation_prices",
    "bot.handle_onexchange_order",
    "bot.cancel_all_open_orders",
)
_OVERTAKEN = Why(Kind.OVERTAKEN, "Another one was made, or its trade has ended.")


class TradeLock:
    """In place of Freqtrade's `_exit_lock`: the same, may be taken again by the thread that holds
    it, and objects read before it was taken, or while it was held, are read again when used."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._depth = 0
        # Called while it is still held, when what was changed is in the database.
        self.on_release: Callable[[], None] = lambda: None

    def __enter__(self) -> TradeLock:
        self._lock.acquire()
        self._depth += 1
        # A session outside of a transaction has read nothing since it was told to forget.
        if self._depth == 1 and Trade.session().in_transaction():
            try:
                Trade.commit()  # which lets it forget
            except Exception as error:
                logger.warning(f"What was changed without the lock cannot be stored: {error}")
                Trade.rollback()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._depth == 1 and kind is None:
                Trade.commit()
                self._say_released()
        finally:
            self._depth -= 1
            self._lock.release()

    def _say_released(self) -> None:
        try:
            self.on_release()
        except Exception as error:  # whoever held the lock has done its work
            logger.warning(f"What is to follow a change of the trades failed: {error}")

    def locked(self) -> bool:
        return self._depth > 0


def share_trades(bot: Any, refusals: Refusals) -> TradeLock:
    """Let all threads of a running bot see the same trades; the lock, now the bot's.

    Called once, before the bot's first cycle.
    """
    lock = TradeLock()
    replace_lock(bot, lock)
    for attribute in UNLOCKED:
        under_lock(bot, attribute)
    replace(bot, "bot.execute_entry", _checked(bot, refusals))
    return lock


def lock_of(dp: DataProvider) -> AbstractContextManager[Any]:
    """The lock of the bot that `dp` belongs to; where there is none, one that does nothing."""
    try:
        lock = running_bot(dp)._exit_lock
    except LookupError:
        return nullcontext()
    return lock if isinstance(lock, TradeLock) else nullcontext()


def _checked(bot: Any, refusals: Refusals) -> Callable[..., bool]:
    """Freqtrade's `execute_entry`, that looks once more whether what was true before the lock was
    taken still is: another thread may have entered the pair meanwhile, or closed the trade."""
    execute: Callable[..., bool] = bot.execute_entry

    @wraps(execute)
    def execute_entry(pair: str, stake_amount: float, *args: Any, **kwargs: Any) -> bool:
        trade = kwargs.get("trade")
        if trade is not None:
            gone = not trade.is_open
        else:
            opened = Trade.get_trades([Trade.is_open.is_(True), Trade.pair == pair]).first()
            gone = opened is not None or not bot.get_free_open_trades()
        if gone:
            side = trade.trade_direction if trade is not None else _side(kwargs)
            refusals.add(_OVERTAKEN, pair, side)
            return False
        return execute(pair, stake_amount, *args, **kwargs)

    return execute_entry


def _side(entry: dict[str, Any]) -> str:
    return "short" if entry.get("is_short") else "long"
