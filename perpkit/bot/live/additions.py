"""Additions to open trades, of every kind, pass one check.

Freqtrade confirms and sizes new trades only. What goes into an open one is asked about nowhere: a
forced entry into a pair that is held, the next slice, the rest of an entry, an order at another
price. In dry-run and live all of them go through `execute_entry`.

Private names of Freqtrade are used; tests/contract/test_trade_seams.py holds them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol

from freqtrade.persistence import Trade

from perpkit.bot.live.replaced import replace
from perpkit.bot.refusals import RefusalKind, Refusals, Why
from perpkit.bot.running_bot import words

# In place of the tag, of an order that goes to another price.
REPLACED = "replaced"


class Allowed(Protocol):
    """The part of `stake` that may be added to an open trade at `rate`; 0 for none."""

    def __call__(self, trade: Trade, stake: float, rate: float, tag: str | None) -> float: ...


def check_additions(bot: Any, allowed: Allowed, refusals: Refusals) -> None:
    """Let nothing be added to an open trade but what is allowed. Called once."""
    execute: Callable[..., bool] = bot.execute_entry

    @wraps(execute)
    def execute_entry(
        pair: str, stake_amount: float, price: float | None = None, **kwargs: Any
    ) -> bool:
        trade = kwargs.get("trade")
        if trade is None:
            return execute(pair, stake_amount, price, **kwargs)
        try:
            rate = price or bot.exchange.get_rate(
                pair, side="entry", is_short=trade.is_short, refresh=True
            )
            tag = REPLACED if kwargs.get("mode") == "replace" else kwargs.get("enter_tag")
            stake = allowed(trade, stake_amount, rate, tag)
        except Exception as error:  # no addition on doubt
            why = Why(RefusalKind.UNCHECKED, f"It could not be checked: {words(error)}")
            side, level = trade.trade_direction, logging.WARNING
            refusals.add(why, pair, side, what="Addition refused", level=level)
            return False
        return stake > 0 and execute(pair, stake, price, **kwargs)

    replace(bot, "bot.execute_entry", execute_entry)
