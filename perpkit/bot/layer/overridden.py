"""Which attributes of a strategy the configuration or hyperopt's file of parameters overrides.

Freqtrade's resolver merges them before a strategy starts, and writes the strategy's own values into
the configuration. So what was there before is looked at in the strategy's constructor.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from typing import Any

from perpkit.checks import shown

# What Freqtrade's resolver overrides, and the value where neither names one; None for none.
# tests/contract/test_overrides_seams.py compares it with the resolver.
OVERRIDABLE: Mapping[str, Any] = {
    "minimal_roi": {"0": 10.0},
    "timeframe": None,
    "stoploss": None,
    "trailing_stop": None,
    "trailing_stop_positive": None,
    "trailing_stop_positive_offset": 0.0,
    "trailing_only_offset_is_reached": None,
    "use_custom_stoploss": None,
    "process_only_new_candles": None,
    "order_types": None,
    "order_time_in_force": None,
    "stake_currency": None,
    "stake_amount": None,
    "startup_candle_count": None,
    "unfilledtimeout": None,
    "use_exit_signal": True,
    "exit_profit_only": False,
    "ignore_roi_if_entry_signal": False,
    "exit_profit_offset": 0.0,
    "disable_dataframe_checks": False,
    "ignore_buying_expired_candle_after": 0,
    "position_adjustment_enable": False,
    "max_entry_position_adjustment": -1,
    "max_open_trades": inf,
}
# Attributes of a strategy that look as if the configuration overrode them, and are not read there.
NOT_READ = ("can_short", "use_custom_roi")


class Source(StrEnum):
    CONFIGURATION = "the configuration"
    PARAMETER_FILE = "the file of parameters"


@dataclass(frozen=True)
class Override:
    """
    :param value: that replaces the strategy's
    :param own: the strategy's; None if it has none
    :param applied: whether Freqtrade uses it
    """

    name: str
    value: Any
    own: Any
    source: Source = Source.CONFIGURATION
    applied: bool = True

    @property
    def words(self) -> str:
        """Such as `"timeframe" is '5m' by the configuration ('1h' by the strategy)`."""
        given = f'"{self.name}" is {shown(self.value)} by {self.source}'
        return given if self.own is None else f"{given} ({shown(self.own)} by the strategy)"


@dataclass(frozen=True)
class Before:
    """What there was before the resolver overrode anything.

    :param given: what the configuration gives
    :param own: what the strategy has
    :param fixed: names that are properties, which Freqtrade never replaces
    """

    given: Mapping[str, Any] = field(default_factory=dict)
    own: Mapping[str, Any] = field(default_factory=dict)
    fixed: frozenset[str] = frozenset()


def before_overriding(strategy: Any, config: Mapping[str, Any]) -> Before:
    """In the constructor of the strategy."""
    names = (*OVERRIDABLE, *NOT_READ)
    declared = {n: inspect.getattr_static(type(strategy), n, None) for n in names}
    fixed = frozenset(n for n, value in declared.items() if isinstance(value, property))
    own = {n: getattr(strategy, n) for n in names if n not in fixed and hasattr(strategy, n)}
    return Before({n: config[n] for n in names if n in config}, own, fixed)


def overrides_of(strategy: Any, before: Before) -> list[Override]:
    """Returns the attributes whose value is not the strategy's own, in the order of the table."""
    own = {**{n: d for n, d in OVERRIDABLE.items() if d not in (None, inf)}, **before.own}
    file = {n: v for n, v in _of_file(strategy).items() if n not in before.given}  # which counts
    given = [(Source.PARAMETER_FILE, *item) for item in file.items()]
    given += [(Source.CONFIGURATION, *item) for item in before.given.items()]
    found = []
    for source, name, value in given:
        applied = name in OVERRIDABLE and name not in before.fixed
        if applied and name not in own:
            continue  # a setting of the bot, which replaces nothing
        if name in own and _same(name, value, own[name]):
            continue
        found.append(Override(name, value, own.get(name), source, applied))
    order = [*OVERRIDABLE, *NOT_READ]
    return sorted(found, key=lambda override: order.index(override.name))


def _of_file(strategy: Any) -> dict[str, Any]:
    """Returns what hyperopt's file gives of the attributes, by their names."""
    file = getattr(strategy, "_ft_params_from_file", None) or {}
    sections = [file.get(name) or {} for name in ("stoploss", "trailing", "max_open_trades")]
    flat = {name: value for section in sections for name, value in section.items()}
    if file.get("roi"):
        flat["minimal_roi"] = file["roi"]
    return {name: value for name, value in flat.items() if name in OVERRIDABLE}


def _same(name: str, one: Any, other: Any) -> bool:
    if name == "minimal_roi":
        return {int(k): v for k, v in one.items()} == {int(k): v for k, v in other.items()}
    if name == "max_open_trades":
        return bool((inf if one == -1 else one) == (inf if other == -1 else other))
    return bool(one == other)
