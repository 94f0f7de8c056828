"""What the layer asks of a strategy that is not the package's, and what it says of it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from freqtrade.exceptions import ConfigurationError
from freqtrade.persistence import LocalTrade

from perpkit.bot.candles.candles import is_trading
from perpkit.bot.layer.hooks import Hooks
from perpkit.bot.layer.layer import RiskLayer
from perpkit.bot.layer.parts import ATTACHING, Part
from perpkit.bot.positions.additions import allowed_addition
from perpkit.bot.positions.contracts import Contracts
from perpkit.bot.positions.parameters import Settings, Switches
from perpkit.bot.settings import overridden
from perpkit.breakers.breaker import Decision
from perpkit.record.latch import OPTIONS
from perpkit.risk.limits import PositionLimits
from perpkit.risk.sizing import Size
from perpkit.risk.stops import distance_of

# Of the switches, those that do not depend on a strategy of the package.
_SWITCHES = frozenset({"guard", "alerts", "refresh"})


def attached_settings(strategy: Any, parts: frozenset[Part]) -> Settings:
    """The parameters of what runs around a strategy that is not the package's.

    :raises ConfigurationError: naming the option, its value and what is allowed
    """
    off = dict.fromkeys((switch.name for switch in fields(Switches)), False)
    settings = Settings(use=Switches(**{**off, "guard": Part.GUARD in parts}))
    given = strategy.config.get("perpkit", {})
    settings = overridden(settings, given, "perpkit", beside=OPTIONS | ATTACHING)
    for name in off:
        if getattr(settings.use, name) and name not in _SWITCHES:
            raise ConfigurationError(
                f'"perpkit.use.{name}" cannot be true for {type(strategy).__name__}: it is a part '
                f"of PerpStrategy. Allowed: {', '.join(sorted(_SWITCHES))}"
            )
    _check_limits(settings.limits, asked=Part.LIMITS in parts)
    if not strategy.order_types.get("stoploss_on_exchange"):
        # The guard would place stops that the strategy does not want.
        settings = replace(settings, use=replace(settings.use, guard=False))
    return settings


def _check_limits(limits: PositionLimits, *, asked: bool) -> None:
    """:raises ConfigurationError: if limits are set and not attached, or the other way round"""
    if limits.given and not asked:
        raise ConfigurationError(
            f'"perpkit.limits" sets {", ".join(limits.given)}, which is not in force: add "limits" '
            'to the list "perpkit.attach", as in ["breakers", "guard", "limits"]'
        )
    if asked and not limits.given:
        raise ConfigurationError(
            'The part "limits" is attached, and "perpkit.limits" sets none. Allowed: '
            f"{', '.join(field.name for field in fields(PositionLimits))}"
        )


def attached_hooks(strategy: Any, layer: RiskLayer) -> Hooks:
    def addition(
        trade: LocalTrade, stake: float, rate: float, _now: Any, decision: Decision, _tag: Any
    ) -> Size:
        contracts = Contracts(strategy.dp._exchange)
        return allowed_addition(trade, stake, rate, decision, contracts)

    return Hooks(
        settings=lambda: attached_settings(strategy, layer.parts),
        columns=lambda _pair: None,
        doubt=lambda _pair: None,
        stop_distance=lambda _entry, leverage: distance_of(strategy.stoploss, leverage),
        addition=addition,
        renew=layer.renew,
        parts_off=lambda: _parts_off(strategy, layer),
        failures=layer.failures,
        doubts=dict,
        own_stops=False,
        own_errors=False,
    )


def attached_line(strategy: Any, layer: RiskLayer) -> str:
    """One line of what is attached."""
    known = layer.breaker_names
    names = [p["method"] for p in strategy.protections if p.get("method") in known]
    idle = "" if layer.watch.enabled or not names else ", idle, for --enable-protections is missing"
    attached = [f"breakers ({', '.join(names)}{idle})"] if names else []
    if layer.running.guarded:
        attached.append("stop guard")
    if limits := layer.limited_by.given:
        attached.append(
            f"limits ({', '.join(f'{name} {most:g}' for name, most in limits.items())})"
        )
    what = " and ".join(attached) or "nothing that acts in this run"
    return f"Perpkit is attached to {type(strategy).__name__}: {what}."


def _parts_off(strategy: Any, layer: RiskLayer) -> list[str]:
    """One message for each part that was asked for and is off in a running bot."""
    found, live = [], is_trading(strategy.config) and not strategy.config["dry_run"]
    unknown = layer.running.unknown_exchange
    if unknown is not None:
        found.append(
            f"{unknown}: in live the stop guard, the memory of orders and the booking of funding "
            "support Binance only, and are off here; Freqtrade sends and tracks orders without them"
        )
    elif Part.GUARD in layer.parts and live and not layer.running.guarded:
        on_exchange = strategy.order_types.get("stoploss_on_exchange")
        why = '"perpkit.use.guard" is false' if on_exchange else "stops are in the bot only"
        more = "" if on_exchange else ' ("order_types.stoploss_on_exchange": true puts them there)'
        found.append(f"The stop guard is off: {why}{more}")
    return found
