"""Protections that are configured wrongly do not end the start of a bot that holds something.

Freqtrade makes them after `bot_start`, when the parameters are loaded, and ends at the first that
it cannot make. With trades open the others are used, and no entry is made.
"""

from __future__ import annotations

from typing import Any

from freqtrade.plugins.protectionmanager import ProtectionManager

from perpkit.bot.callbacks.safe_answers import holds_something
from perpkit.breakers.breaker import Decision, Trading


def usable(config: dict[str, Any], protections: Any) -> tuple[list[dict[str, Any]], list[str]]:
    """Those that can be made, and what is wrong with the others."""
    found, wrong = [], []
    for protection in protections:
        try:
            ProtectionManager(config, [protection])
        except Exception as error:  # of somebody's own, too
            wrong.append(f"{_name(protection)} cannot be made: {error}")
        else:
            found.append(protection)
    return found, wrong


def use_what_is_usable(strategy: Any) -> None:
    """From now on a `strategy` that holds something has only the protections that can be made, and
    is REDUCING where that is not all of them. Any other ends, by Freqtrade's own error."""

    def protections(self: Any) -> Any:
        given = super(kind, self).protections
        found, wrong = usable(self.config, given)
        if not wrong or not holds_something(self):
            return given
        reason = f"{'. '.join(wrong)}. What is open is looked after; no entry is made"
        self.watch.restrict("Protections", Decision(Trading.REDUCING, 0.0, reason=reason))
        return found

    own = type(strategy)
    kind: Any = type(own.__name__, (own,), {"protections": property(protections)})
    strategy.__class__ = kind


def _name(protection: Any) -> str:
    return str(protection.get("method", protection) if isinstance(protection, dict) else protection)
