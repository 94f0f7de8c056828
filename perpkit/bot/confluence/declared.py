"""The hyperopt parameters of sources, and what the settings of their trades follow from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from freqtrade.exceptions import ConfigurationError
from freqtrade.strategy import DecimalParameter
from freqtrade.strategy.parameters import BaseParameter

from perpkit.bot.confluence.found import Chosen
from perpkit.bot.positions.parameters import Settings
from perpkit.bot.searched import hyperopt_parameters, with_default
from perpkit.bot.settings import overridden
from perpkit.risk.planned_levels import NO_TARGET
from perpkit.signals.source import Source

# The settings that a source may have of its own: whole sections, and switches of `use`.
SECTIONS = frozenset({"stop", "trailing", "scale_out"})
SWITCHES = frozenset({"trailing", "scale_out", "carry"})


def with_risk(settings: Settings, source: Source) -> Settings:
    """Returns the settings of a source's trades, before parameters and the configuration.

    :raises ConfigurationError: naming the source and the setting
    """
    for section, given in source.risk.items():
        allowed = SECTIONS if section != "use" else SWITCHES
        names = given if section == "use" else [section]
        if wrong := [name for name in names if name not in allowed]:
            where = "use" if section == "use" else "risk"
            raise ConfigurationError(
                f"{where} of {source.name} cannot have {wrong[0]!r}. Allowed: "
                f"{', '.join(sorted(SECTIONS | {'use'} if section != 'use' else SWITCHES))}"
            )
    return overridden(settings, source.risk, f"risk of {source.name}")


def parameters_of(each: Chosen, bases: Mapping[str, DecimalParameter]) -> dict[str, BaseParameter]:
    """Returns the hyperopt parameters of a source: those of its rule, and the distances of its
    trades, as far as these have any.

    :param bases: the strategy's own parameters `stop_distance`, `trail_atr` and `take_profit`
    :raises TypeError: for one that hyperopt cannot search
    """
    source, optimize = each.source, each.choice.optimize and each.choice.enabled
    found = hyperopt_parameters(source.rule)
    for parameter in found.values():
        parameter.optimize = parameter.optimize and optimize
    for name, default in _distances(source.risk, source.take_profit).items():
        base = bases[name]
        found[name] = with_default(
            base, base.value if default is None else default, optimize=optimize
        )
    return found


def _distances(
    risk: Mapping[str, Mapping[str, Any]], take_profit: float | None
) -> dict[str, float | None]:
    """The distances that hyperopt can search, None where they are the strategy's."""
    stop, trailing = risk.get("stop", {}), risk.get("trailing", {})
    found: dict[str, float | None] = {}
    if stop.get("method", "fixed") == "fixed":
        found["stop_distance"] = stop.get("distance")
    if risk.get("use", {}).get("trailing", True):
        found["trail_atr"] = trailing.get("atr_multiple")
    if take_profit is None or take_profit < NO_TARGET:
        found["take_profit"] = take_profit
    return found
