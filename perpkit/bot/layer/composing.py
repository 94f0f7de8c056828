"""Puts the risk layer in front of a strategy that Freqtrade's resolver has found."""

from __future__ import annotations

import inspect
import types
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from freqtrade.exceptions import ConfigurationError
from freqtrade.strategy.parameters import BaseParameter

from perpkit.bot.candles.candles import SIMULATED, TRADING
from perpkit.bot.layer.parts import attached_parts, given_protections
from perpkit.bot.layer.perp_risk import PerpRisk


def compose(found: type, config: Mapping[str, Any]) -> type:
    """Returns the class with the layer in front if the configuration attaches it, else the class.

    It stays the class in plots and in the webserver, where nothing is decided. The name, module
    and file are kept: Freqtrade finds the file of parameters, and names the results, by them.

    :raises ConfigurationError: if the configuration is wrong or the class cannot be composed
    """
    parts = attached_parts(config)
    if not parts or issubclass(found, PerpRisk):
        return found  # which has it already
    if config.get("runmode") not in (*SIMULATED, *TRADING):
        return found
    given_protections(config)  # refuses what is no list of protections
    if (why := _unsuited(found)) is not None:
        raise _cannot(found, why)
    try:
        own_parameters(found)
        composed = types.new_class(found.__name__, (PerpRisk, found))
    except Exception as error:  # a class may refuse to be subclassed in any way
        why = " ".join(f"{type(error).__name__}: {error}".split())
        raise _cannot(found, f"it cannot be subclassed: {why}") from error
    composed.__module__, composed.__qualname__ = found.__module__, found.__qualname__
    composed.__doc__ = found.__doc__
    return composed


def own_parameters(found: type) -> None:
    """Gives a class its own copies of the parameters that it inherits, so that hyperopt's file of
    one strategy changes no other.

    Freqtrade runs the file of a strategy for each load, but what the file imports only once. The
    class itself gets the copies, and not the one in front of it, for it may use its own name. The
    dictionaries of values, such as `buy_params`, are copied, too: Freqtrade writes into them.
    """
    for base in found.__mro__[1:]:
        for name, value in vars(base).items():
            of_hyperopt = isinstance(value, BaseParameter) or (
                isinstance(value, dict) and name.endswith("_params")
            )
            if of_hyperopt and inspect.getattr_static(found, name) is value:
                setattr(found, name, deepcopy(value))


def _unsuited(found: type) -> str | None:
    own = inspect.getattr_static(found, "order_types", None)
    if isinstance(own, property) and own.fset is None:
        return "its order_types is a property that cannot be set"
    return None


def _cannot(found: type, why: str) -> ConfigurationError:
    return ConfigurationError(
        f'"perpkit.attach": Perpkit cannot be attached to {found.__name__}: {why}'
    )
