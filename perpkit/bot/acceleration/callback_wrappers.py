"""The part "callbacks": the wrapper that Freqtrade puts around a callback is made once.

Freqtrade makes it again for every call, which takes longer than many callbacks. It holds nothing
but the callback and what is answered when that fails.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from freqtrade.optimize import backtesting
from freqtrade.strategy import interface
from freqtrade.strategy.strategy_wrapper import strategy_safe_wrapper as _stock_wrapper

from perpkit.bot.acceleration.part import Part, Replacements, Seam

# More than the callbacks of a strategy: where the answer to a failure is a price, few come again.
_REMEMBERED = 64
_remembered: Any = lru_cache(maxsize=_REMEMBERED, typed=True)(_stock_wrapper)


def strategy_safe_wrapper(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[..., Any]:
    """As `freqtrade.strategy.strategy_wrapper.strategy_safe_wrapper`."""
    try:
        wrapper: Callable[..., Any] = _remembered(f, *args, **kwargs)
    except TypeError:  # what cannot be a key, such as a list as the answer to a failure
        wrapper = _stock_wrapper(f, *args, **kwargs)
    return wrapper


def _install(replacements: Replacements) -> None:
    for module in (interface, backtesting):
        replacements.put(module, "strategy_safe_wrapper", strategy_safe_wrapper)


CALLBACKS = Part(
    [
        Seam(
            "freqtrade.strategy.strategy_wrapper:strategy_safe_wrapper",
            ("42131a52954a", "1dafd625901e"),
        ),
    ],
    _install,
    _remembered.cache_clear,
)
