"""What the layer asks of a strategy that is not the package's."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from freqtrade.exceptions import ConfigurationError
from freqtrade.persistence import LocalTrade

from perpkit.bot.layer.hooks import Hooks
from perpkit.bot.layer.layer import RiskLayer
from perpkit.bot.layer.parts import ATTACHING, Part
from perpkit.bot.layer.start_line import parts_off
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
        parts_off=lambda: parts_off(strategy, layer),
        failures=layer.failures,
        doubts=dict,
        own_stops=False,
        own_errors=False,
    )
