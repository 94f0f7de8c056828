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

    In plots and in the webserver, where nothing is decided, the class is returned as it is. The
    composed class keeps the name, module and file: Freqtrade finds the file of parameters, and
    names the results, by them.

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

    Freqtrade runs the file of a strategy for each load, but imports only once what that file
    imports. The copies are set on the class itself and not on the composed one, because its code
    may read them by the name of the class. Dictionaries of values, such as `buy_params`, are copied
    too, because Freqtrade writes into them.
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
