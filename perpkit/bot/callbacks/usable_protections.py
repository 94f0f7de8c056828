"""A wrongly configured protection does not keep a bot with open trades from starting.

Freqtrade creates protections after `bot_start`, when the parameters are loaded, and ends at the
first that fails. With trades open, the valid ones are used and entries are blocked.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from freqtrade.plugins.protectionmanager import ProtectionManager

from perpkit.bot.callbacks.safe_answers import holds_something
from perpkit.breakers.breaker import Decision, Trading

# The name under which the watch blocks entries while a protection cannot be made.
UNUSABLE = "Protections"


def usable(config: dict[str, Any], protections: Any) -> tuple[list[dict[str, Any]], list[str]]:
    """Returns the protections that can be created, and what is wrong with the others."""
    found, wrong = [], []
    for protection in protections:
        try:
            ProtectionManager(config, [protection])
        except Exception as error:  # protections of users can raise anything
            wrong.append(f"{_name(protection)} cannot be made: {error}")
        else:
            found.append(protection)
    return found, wrong


def use_what_is_usable(strategy: Any, restrict: Callable[[str, Decision], None]) -> None:
    """Makes a `strategy` that holds something use only its valid protections.

    It is REDUCING if any is invalid. Without trades and positions Freqtrade's error ends the run.

    :param restrict: of the strategy's watch
    """

    def protections(self: Any) -> Any:
        given = super(kind, self).protections
        found, wrong = usable(self.config, given)
        if not wrong or not holds_something(self):
            return given
        reason = f"{'. '.join(wrong)}. Open trades are managed; no entry is made"
        restrict(UNUSABLE, Decision(Trading.REDUCING, 0.0, reason=reason))
        return found

    own = type(strategy)
    protections.is_complete = True  # type: ignore[attr-defined]  # nothing is added to it
    assign = getattr(inspect.getattr_static(own, "protections"), "fset", None)
    members = {"protections": property(protections, assign), "__module__": own.__module__}
    kind: Any = type(own.__name__, (own,), members)
    strategy.__class__ = kind


def _name(protection: Any) -> str:
    return str(protection.get("method", protection) if isinstance(protection, dict) else protection)
