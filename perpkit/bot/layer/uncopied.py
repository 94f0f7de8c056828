"""Keeps Freqtrade from copying a trade for a callback of the layer, which changes none.

Freqtrade copies the trade for every callback whose qualified name does not say that it is
IStrategy's own: a copy costs a backtest more than all else that the layer does for a trade. The
strategy behind the layer gets its copy here, where it has such a callback.

Uses a habit of Freqtrade's wrapper; tests/contract/test_attaching_seams.py holds it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from freqtrade.persistence import Trade
from freqtrade.strategy import strategy_wrapper

OWN = "IStrategy."
F = TypeVar("F", bound=Callable[..., Any])


def uncopied(callback: F) -> F:
    """Marks a callback of the layer: it gets Freqtrade's own trade, and must not change it."""
    callback.__qualname__ = f"{OWN}{callback.__name__}"
    return callback


def given_on(trade: Trade, callback: Callable[..., Any]) -> Trade:
    """Returns the trade for the callback behind the layer: a copy unless it is IStrategy's own."""
    own = getattr(callback, "__qualname__", "").startswith(OWN)
    if own:
        return trade
    copied: Any = vars(strategy_wrapper)["deepcopy"]  # accelerated, where all its copies are
    return cast(Trade, copied(trade))
