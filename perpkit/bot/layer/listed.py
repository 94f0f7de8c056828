"""The protections of a strategy: its own, the configuration's, and the default breakers.

The configuration overrides the strategy, as it does everywhere in Freqtrade. Freqtrade itself
refuses protections in the configuration, so they are read from "perpkit".
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from perpkit.bot.layer.breaker_parameters import BREAKER_PARAMETERS, default_breakers
from perpkit.bot.layer.parts import Part, given_protections
from perpkit.bot.watching.protection import Watched

Protections = Sequence[dict[str, Any]]


class DefaultBreaker(Watched):
    """An entry that the layer has added, whose parameters hyperopt may search."""


def listed(strategy: Any, own: Protections) -> list[dict[str, Any]]:
    """Returns the protections that count, marked as run by the layer's watch.

    :param strategy: with a risk layer
    :param own: the strategy's; of a strategy of the package the configuration's replace them all
    """
    return [_watched(entry) for entry in _counting(strategy, own)]


def uses_default_breakers(strategy: Any) -> bool:
    """Whether the parameters of the default breakers have an effect on the strategy.

    :param strategy: with a risk layer
    """
    if not strategy._perpkit_prefix:
        # A property may read the parameters; a list cannot.
        getter = inspect.getattr_static(type(strategy), "protections").fget
        is_list = (
            strategy._perpkit.assigned_protections is not None
            or getattr(getter, "is_list", False)
            or given_protections(strategy.config) is not None
        )
        return not is_list
    return any(isinstance(entry, DefaultBreaker) for entry in strategy.protections or ())


def _watched(entry: Any) -> Any:
    # Freqtrade reports an entry that is not an object.
    plain = isinstance(entry, dict) and not isinstance(entry, Watched)
    return Watched(entry) if plain else entry


def _counting(strategy: Any, own: Protections) -> list[dict[str, Any]]:
    given, prefix = given_protections(strategy.config), strategy._perpkit_prefix
    if not prefix:
        return list(own) if given is None else given
    layer = strategy._perpkit
    if Part.BREAKERS not in layer.parts:
        return list(own)
    ours = layer.breaker_names if own else frozenset()
    others = [entry for entry in own if _method(entry) not in ours]
    if given is not None:
        return [*others, *given]
    if len(others) < len(own):
        return list(own)
    defaults = {name: parameter.value for name, parameter in BREAKER_PARAMETERS.items()}
    searched = {name: getattr(strategy, prefix + name, None) for name in defaults}
    values = defaults | {name: found.value for name, found in searched.items() if found}
    return [*own, *map(DefaultBreaker, default_breakers(values.__getitem__))]


def with_layer(own: Any, assign: Any) -> Any:
    """Returns a class's own `protections` as a property that adds what the layer adds.

    :param own: a list or a property
    :param assign: the setter, unless `own` has one
    """
    getter = own.fget if isinstance(own, property) else None
    if getter is None and isinstance(own, property):
        return own
    if hasattr(getter, "is_complete"):
        return own

    def protections(self: Any) -> list[dict[str, Any]]:
        assigned = self._perpkit.assigned_protections
        if assigned is not None:
            return listed(self, assigned)
        return listed(self, own if getter is None else getter(self))

    protections.is_complete = True  # type: ignore[attr-defined]  # a subclass may pass it on
    protections.is_list = getter is None  # type: ignore[attr-defined]
    setter = own.fset if isinstance(own, property) else None
    return property(protections, setter or assign)


def _method(entry: Any) -> Any:
    return entry.get("method") if isinstance(entry, Mapping) else None
