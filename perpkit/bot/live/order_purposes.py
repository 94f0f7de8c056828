"""Passes the purpose of an order from Freqtrade's decision to the request that sends it.

The functions of Freqtrade in between pass neither tag nor reason on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from freqtrade.persistence import Trade

from perpkit.bot.live.held import DUST
from perpkit.bot.live.replaced import replace
from perpkit.record.order_ids import ENTERS, Purpose

_LEAVES = (Purpose.EXIT, Purpose.PART, Purpose.CROSSING, Purpose.TARGET)


@dataclass(frozen=True)
class Meaning:
    """What an order is for.

    :param tag: entry tag or exit reason
    """

    purpose: Purpose
    tag: str | None
    leverage: float | None


# Set by wrappers of Freqtrade's functions: purpose and tag, and leverage, of the current call.
_decided: ContextVar[tuple[Purpose, str | None] | None] = ContextVar("decided", default=None)
_leverage: ContextVar[float | None] = ContextVar("leverage", default=None)


@contextmanager
def orders_are(purpose: Purpose, tag: str | None) -> Iterator[None]:
    """Sets the purpose and tag of all orders that are sent within the block."""
    before = _decided.set((purpose, tag))
    try:
        yield
    finally:
        _decided.reset(before)


@contextmanager
def orders_cross() -> Iterator[None]:
    """Marks orders within the block as limits that replace market orders, with the same tag."""
    _, tag = _decided.get() or (None, None)
    with orders_are(Purpose.CROSSING, tag):
        yield


def meaning_of(*, stop: bool, reduce_only: bool) -> Meaning:
    """Returns the purpose of the order being sent; an entry may also place stops and exits."""
    leverage, decided = _leverage.get(), _decided.get()
    if stop:
        return Meaning(Purpose.STOP, None, leverage)
    if decided is not None and decided[0] in (_LEAVES if reduce_only else ENTERS):
        return Meaning(*decided, leverage)
    return Meaning(Purpose.EXIT if reduce_only else Purpose.ENTRY, None, leverage)


class OrderPurposes:
    """Records purposes in a running live bot; made once."""

    def __init__(self, bot: Any) -> None:
        self._enter = replace(bot, "bot.execute_entry", self.execute_entry)
        self._leave = replace(bot, "bot.execute_trade_exit", self.execute_trade_exit)
        for send in ("create_order", "create_stoploss"):
            sent = _with_leverage(getattr(bot.exchange, send))
            replace(bot, f"exchange.{send}", sent)

    def execute_entry(self, *args: Any, **how: Any) -> bool:
        purpose = Purpose.ENTRY if how.get("trade") is None else Purpose.ADDITION
        with orders_are(purpose, how.get("enter_tag")):
            placed: bool = self._enter(*args, **how)
        return placed

    def execute_trade_exit(self, trade: Trade, limit: float, exit_check: Any, **how: Any) -> bool:
        part = how.get("sub_trade_amt")
        purpose = Purpose.PART if part and part < trade.amount - DUST else Purpose.EXIT
        reason = how.get("exit_tag") or getattr(exit_check, "exit_reason", None)
        with orders_are(purpose, reason):
            placed: bool = self._leave(trade, limit, exit_check, **how)
        return placed


def _with_leverage(send: Callable[..., Any]) -> Callable[..., Any]:
    def sent(**order: Any) -> Any:
        before = _leverage.set(order.get("leverage"))
        try:
            return send(**order)
        finally:
            _leverage.reset(before)

    return sent
