"""The part "callbacks": the wrapper that Freqtrade puts around a callback is made once.

Freqtrade makes it again for every call, which takes longer than many callbacks. It holds nothing
but the callback and what is answered when that fails.
"""

from __future__ import annotations

from freqtrade.optimize import backtesting
from freqtrade.strategy import interface
from freqtrade.strategy.strategy_wrapper import strategy_safe_wrapper as _stock_wrapper

from perpkit.bot.acceleration.part import Part, Replacements, Seam
from perpkit.bot.acceleration.remembered import remembered

# More than the callbacks of a strategy: where the answer to a failure is a price, few come again.
_REMEMBERED = 64
remembered_wrapper = remembered(_stock_wrapper, _REMEMBERED)


def _install(replacements: Replacements) -> None:
    for module in (interface, backtesting):
        replacements.put(module, "strategy_safe_wrapper", remembered_wrapper, _stock_wrapper)


CALLBACKS = Part(
    [
        Seam(
            "freqtrade.strategy.strategy_wrapper:strategy_safe_wrapper",
            ("42131a52954a", "1dafd625901e"),
        ),
    ],
    _install,
    remembered_wrapper.forget,
)
