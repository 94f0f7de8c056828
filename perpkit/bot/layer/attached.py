"""What the layer asks of a strategy that is not the package's."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from freqtrade.exceptions import ConfigurationError
from freqtrade.persistence import LocalTrade

from perpkit.bot.layer.entry_rules import EntryRules
from perpkit.bot.layer.hooks import Hooks
from perpkit.bot.layer.layer import RiskLayer
from perpkit.bot.layer.parts import ATTACHING, BY_STOP, WITH_FRAMES, Part
from perpkit.bot.layer.side_frames import SideFrames
from perpkit.bot.layer.start_line import parts_off
from perpkit.bot.layer.verdicts import Attached
from perpkit.bot.live.additions import REPLACED
from perpkit.bot.positions.additions import allowed_addition
from perpkit.bot.positions.contracts import Contracts
from perpkit.bot.positions.parameters import Settings, Switches
from perpkit.bot.settings import overridden
from perpkit.breakers.breaker import Decision
from perpkit.record.latch import OPTIONS
from perpkit.risk.limits import PositionLimits
from perpkit.risk.sizing import Size
from perpkit.risk.stops import distance_of

# The switches that do not depend on a strategy of the package, and those that belong to the parts
# which are asked for by name.
_SWITCHES = frozenset({"guard", "targets", "performance", "alerts", "refresh"})
_OF_PARTS = {
    "book": Part.BOOK,
    "liquidation": Part.LEVERAGE,
    "sizing": Part.SIZING,
    "kelly": Part.SIZING,
}


def attached_settings(strategy: Any, parts: frozenset[Part]) -> Settings:
    """Returns the parameters of what runs around a strategy that is not the package's.

    :raises ConfigurationError: naming the option, its value and what is allowed
    """
    off = dict.fromkeys((switch.name for switch in fields(Switches)), False)
    on = {"guard": Part.GUARD in parts, "performance": True}
    on |= {name: part in parts for name, part in _OF_PARTS.items() if name != "kelly"}
    settings = Settings(use=Switches(**{**off, **on}))
    given = strategy.config.get("perpkit", {})
    settings = overridden(settings, given, "perpkit", beside=OPTIONS | ATTACHING)
    allowed = _SWITCHES | {name for name, part in _OF_PARTS.items() if part in parts}
    for name in off:
        if getattr(settings.use, name) and name not in allowed:
            part = _OF_PARTS.get(name)
            why = f'"perpkit.attach" does not name {part}' if part else "it is PerpStrategy's"
            raise ConfigurationError(
                f'"perpkit.use.{name}" cannot be true for {type(strategy).__name__}: {why}. '
                f"Allowed: {', '.join(sorted(allowed))}"
            )
    _check_limits(settings.limits, asked=Part.LIMITS in parts)
    if not strategy.order_types.get("stoploss_on_exchange"):
        # The guard would place stops that the strategy does not want.
        settings = replace(settings, use=replace(settings.use, guard=False))
    return settings


def _check_limits(limits: PositionLimits, *, asked: bool) -> None:
    """Checks that limits are set where the part is attached, and only there.

    :raises ConfigurationError: naming the limits, or those that can be set
    """
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
    frames = SideFrames(strategy, lambda: layer.feed)
    rules, by_stop = EntryRules(strategy, layer, frames), bool(layer.parts & BY_STOP)
    with_frames = BY_STOP if layer.simulated else WITH_FRAMES  # a backtest has no order book

    def addition(
        trade: LocalTrade,
        stake: float,
        rate: float,
        now: datetime,
        decision: Decision,
        tag: str | None,
    ) -> Size:
        contracts = Contracts(strategy.dp._exchange)
        # An order at another price is one that the breakers have been asked about.
        sized = tag == REPLACED
        asked = allowed_addition(trade, stake, rate, decision, contracts, sized=sized)
        return rules.addition(trade, asked, rate, now) if by_stop else asked

    def settings() -> Settings:
        return attached_settings(strategy, layer.parts)

    return Hooks(
        settings=settings,
        columns=frames.get,
        doubt=lambda _pair: None,
        stop_distance=lambda _entry, leverage: distance_of(strategy.stoploss, leverage),
        addition=addition,
        renew=rules.renew,
        parts_off=lambda: parts_off(strategy, layer),
        stakes=rules.stakes,
        failures=layer.failures,
        doubts=dict,
        own_stops=False,
        own_errors=False,
        asks=lambda: Attached(
            tuple(rules.acting(settings())), rules.stated, Part.GUARD in layer.parts
        ),
        rules=rules if by_stop else None,
        analysed=frames.renew if layer.parts & with_frames else lambda _pair: None,
    )
