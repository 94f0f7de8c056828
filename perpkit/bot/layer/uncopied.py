"""Keeps Freqtrade from copying a trade for a callback of the layer, which changes none.

Freqtrade copies the trade for every callback whose qualified name does not say that it is
IStrategy's own: a copy costs a backtest more than all else that the layer does for a trade. The
strategy behind the layer gets its copy here, where it has such a callback.

Uses a habit of Freqtrade's wrapper; tests/contract/test_attaching_seams.py holds it.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, TypeVar

from freqtrade.persistence import Trade

OWN = "IStrategy."
F = TypeVar("F", bound=Callable[..., Any])


def uncopied(callback: F) -> F:
    """Marks a callback of the layer: it gets Freqtrade's own trade, and must not change it."""
    callback.__qualname__ = f"{OWN}{callback.__name__}"
    return callback


def given_on(trade: Trade, callback: Callable[..., Any]) -> Trade:
    """Returns the trade for the callback behind the layer: a copy unless it is IStrategy's own."""
    own = getattr(callback, "__qualname__", "").startswith(OWN)
    return trade if own else deepcopy(trade)
