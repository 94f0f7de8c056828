"""Stop, parts and target of a strategy of the package, in words for the start of a bot."""

from __future__ import annotations

from typing import Any

from perpkit.bot.positions.parameters import Settings
from perpkit.risk.planned_levels import NO_TARGET
from perpkit.risk.stops import EntryStop, StopMethod


def told_levels(settings: Settings, target: float, *, parts: bool) -> str:
    """Returns one line; all distances are of the price, before leverage.

    :param target: distance from the entry, a fraction
    :param parts: whether parts are sold at all
    """
    stop, use = settings.stop, settings.use
    told = [f"Stop: {_stop(stop)} from the entry, before leverage"]
    rungs = settings.scale_out.rungs if parts and use.scale_out else ()
    if rungs:
        sold = ", ".join(f"{percent(rung.share)} at {rung.at_r:g} R" for rung in rungs)
        told.append(f"Parts are sold: {sold} (R is the distance of the first stop)")
    else:
        told.append("No parts are sold")
    if use.trailing:
        told.append("The stop of what is left follows the price")
    told.append(_target(target))
    return f"{'. '.join(told)}."


def show_levels(config: dict[str, Any], stop: EntryStop, target: float) -> None:
    """Has Freqtrade's start message and `/show_config` state the strategy's stop and target, not
    the bounds that its class has for Freqtrade, which are never reached.

    Trading reads the strategy's own attributes.
    """
    away = stop.distance if stop.method is StopMethod.FIXED else stop.ceiling
    config["stoploss"] = -away
    config["minimal_roi"] = {"0": target} if target < NO_TARGET else {}


def _target(target: float) -> str:
    return (
        f"Target: {percent(target)} of the price, after fees" if target < NO_TARGET else "No target"
    )


def percent(share: float) -> str:
    return f"{100 * share:.4g}%"


def _stop(stop: EntryStop) -> str:
    if stop.method is StopMethod.FIXED:
        return f"{percent(stop.distance)} of the price"
    return (
        f"{stop.atr_multiple:g} average true ranges, "
        f"{percent(stop.floor)} to {percent(stop.ceiling)} of the price,"
    )
