"""Puts the risk layer in front of a strategy that Freqtrade's resolver has found."""

from __future__ import annotations

import inspect
import types
from collections.abc import Mapping
from typing import Any

from freqtrade.exceptions import ConfigurationError

from perpkit.bot.candles.candles import SIMULATED, TRADING
from perpkit.bot.layer.breaker_parameters import own_parameters
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
        # The class itself gets the copies, not the one in front: it may use its own name.
        own_parameters(found)
        composed = types.new_class(found.__name__, (PerpRisk, found), {"owns_parameters": False})
    except Exception as error:  # a class may refuse to be subclassed in any way
        why = " ".join(f"{type(error).__name__}: {error}".split())
        raise _cannot(found, f"it cannot be subclassed: {why}") from error
    composed.__module__, composed.__qualname__ = found.__module__, found.__qualname__
    composed.__doc__ = found.__doc__
    return composed


def _unsuited(found: type) -> str | None:
    own = inspect.getattr_static(found, "order_types", None)
    if isinstance(own, property) and own.fset is None:
        return "its order_types is a property that cannot be set"
    return None


def _cannot(found: type, why: str) -> ConfigurationError:
    return ConfigurationError(
        f'"perpkit.attach": Perpkit cannot be attached to {found.__name__}: {why}'
    )
