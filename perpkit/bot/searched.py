"""Freqtrade's hyperopt parameters, made of the declarations of a source's rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from freqtrade.strategy import (
    BooleanParameter,
    CategoricalParameter,
    DecimalParameter,
    IntParameter,
)
from freqtrade.strategy.parameters import BaseParameter

from perpkit.parameters.declared import Parameter, Parameters, declared
from perpkit.parameters.kinds import Choice, Flag, Number


def hyperopt_parameters(rule: Parameters) -> dict[str, BaseParameter]:
    """Returns the parameters of a rule that hyperopt knows, by field, with the rule's values.

    :raises TypeError: for a field whose kind hyperopt cannot search
    """
    return {name: _parameter(each, getattr(rule, name)) for name, each in searched(rule).items()}


def searched(rule: Parameters) -> dict[str, Parameter]:
    """Returns the declarations of the parameters of a rule that hyperopt knows, by field."""
    found = declared(type(rule))
    return {each.name: each for each in found if each.search is not None}


def rule_at(rule: Any, values: Mapping[str, Any]) -> Any:
    """Returns a rule, a dataclass, with these values of its searched parameters."""
    return replace(rule, **values)


def _parameter(declaration: Parameter, default: Any) -> BaseParameter:
    search, kind = declaration.search, declaration.kind
    if search is None:
        raise TypeError(f"{declaration.name} is not searched")
    common = {"space": search.space, "optimize": search.optimize}
    if isinstance(kind, Flag):
        return BooleanParameter(default=default, **common)
    if isinstance(kind, Choice):
        return CategoricalParameter(
            [str(one) for one in kind.options], default=str(default), **common
        )
    if not isinstance(kind, Number):
        raise TypeError(f"hyperopt cannot search {declaration.name}, {kind.words}")
    if kind.whole:
        return IntParameter(int(search.low), int(search.high), default=default, **common)
    decimals = _decimals(default, search.decimals)
    return DecimalParameter(search.low, search.high, default=default, decimals=decimals, **common)


def with_default(
    parameter: DecimalParameter, default: float, *, optimize: bool
) -> DecimalParameter:
    """Returns a copy of a parameter with another default, within the range that is searched."""
    low, high = min(parameter.low, default), max(parameter.high, default)
    return DecimalParameter(
        low,
        high,
        default=default,
        decimals=_decimals(default, parameter.decimals),
        space=parameter.space,
        optimize=optimize,
    )


def _decimals(value: float, least: int) -> int:
    """Returns how many decimals a number needs, at least so many: a parameter rounds its value."""
    most = 15
    return next((n for n in range(least, most) if round(value, n) == value), most)
