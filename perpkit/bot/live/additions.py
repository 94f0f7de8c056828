"""One check for every kind of addition to an open trade.

Freqtrade confirms and sizes new trades only. Additions pass no callback: a forced entry into a held
pair, the next slice, the rest of an entry, an order moved to another price. In dry-run and live all
of them go through `execute_entry`.

Uses private names of Freqtrade; tests/contract/test_trade_seams.py checks that they exist.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol

from freqtrade.persistence import Trade

from perpkit.bot.live.replaced import replace
from perpkit.bot.refusals import RefusalKind, Refusals, Why
from perpkit.bot.running_bot import message_of

# Stands for the tag of an order that is moved to another price.
REPLACED = "replaced"


class Allowed(Protocol):
    """Returns the part of `stake` that may be added to an open trade at `rate`, 0 for none."""

    def __call__(self, trade: Trade, stake: float, rate: float, tag: str | None) -> float: ...


def check_additions(bot: Any, allowed: Allowed, refusals: Refusals) -> None:
    """Limits additions of a bot to what `allowed` returns. Called once."""
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
            why = Why(RefusalKind.UNCHECKED, f"It could not be checked: {message_of(error)}")
            side, level = trade.trade_direction, logging.WARNING
            refusals.add(why, pair, side, what="Addition refused", level=level)
            return False
        return stake > 0 and execute(pair, stake, price, **kwargs)

    replace(bot, "bot.execute_entry", execute_entry)
