"""Refuses the start of a strategy that must not trade, or its entries where something is open."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from freqtrade.exceptions import ConfigurationError

from perpkit.bot.callbacks.safe_answers import holds_something
from perpkit.bot.candles.candles import is_trading
from perpkit.bot.layer.option_check import arm, look_at_options
from perpkit.bot.layer.verdicts import Outcome
from perpkit.bot.watching.unwatched import log_at_start
from perpkit.breakers.breaker import Decision, Trading

if TYPE_CHECKING:  # it calls these
    from perpkit.bot.layer.layer import RiskLayer


def act_on_obstacles(strategy: Any, layer: RiskLayer) -> None:
    """:raises ConfigurationError: if the bot must not trade, unless something is open"""
    obstacles = layer.running.obstacles
    if obstacles is None:
        return
    if obstacles.reasons and not holds_something(strategy):
        raise ConfigurationError(next(iter(obstacles.reasons.values())))
    for name, reason in obstacles.restricting.items():
        layer.watch.restrict(name, Decision(Trading.REDUCING, 0.0, reason=reason))


def act_on_options(config: dict[str, Any], strategy: Any, layer: RiskLayer) -> None:
    """:raises ConfigurationError: for options that are refused, unless something is open"""
    trading, running = is_trading(config), layer.running
    verdicts = look_at_options(
        strategy,
        layer.hooks,
        layer.before,
        trading=trading,
        guarded=running.guarded,
        unknown_exchange=running.unknown_exchange,
    )
    refused = [each.line for each in verdicts if each.outcome is Outcome.REFUSED]
    if refused:
        if not (trading and holds_something(strategy)):
            raise ConfigurationError(". ".join(refused))
        arm(strategy, verdicts)
        reason = f"{'. '.join(refused)}. For what is open it is as it must be; no entry is made"
        layer.watch.restrict("Options", Decision(Trading.REDUCING, 0.0, reason=reason))
    off = [*running.parts_off, *(each.line for each in verdicts if each.off)]
    layer.parts_off = (*off, *layer.hooks.parts_off())
    for line in off:
        layer.say(f"{line}.", logging.WARNING)
    for each in verdicts:
        if each.outcome is not Outcome.REFUSED and not each.off:
            noted = each.outcome is Outcome.NOTED
            log_at_start(config, f"{each.line}.", logging.WARNING if noted else logging.INFO)
