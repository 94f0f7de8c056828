"""Overrides default parameters with the configuration's, and refuses unknown or invalid ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass, replace
from typing import Any, TypeVar, cast

from freqtrade.exceptions import ConfigurationError

from perpkit.checks import shown
from perpkit.parameters.declared import declared

T = TypeVar("T")
# Keys of a protection's configuration that belong to Freqtrade.
FREQTRADE_KEYS = frozenset({"method", "enabled"})
# The switch in the configuration's "perpkit" of `perpkit.bot.acceleration`.
ACCELERATION = "acceleration"


def overridden(default: T, given: object, where: str, beside: frozenset[str] = frozenset()) -> T:
    """Returns `default`, a dataclass of parameters, with the values that the configuration gives.

    :param given: an object of the configuration; objects inside it override nested dataclasses
    :param where: its path in the configuration, for errors
    :param beside: names of options that are not parameters; ignored here, since others read them
    :raises ConfigurationError: naming the place, the value and what is allowed
    """
    if not isinstance(given, Mapping):
        raise ConfigurationError(f'"{where}" must be an object of parameters, got {shown(given)}')
    if not is_dataclass(default) or isinstance(default, type):
        raise TypeError(f'"{where}" has no parameters: {default!r}')
    known = {parameter.name: parameter.kind for parameter in declared(type(default))}
    changes: dict[str, Any] = {}
    for name, value in given.items():
        if name in beside:
            continue
        if name not in known:
            allowed = ", ".join(sorted(known | dict.fromkeys(beside)))
            raise ConfigurationError(f'"{where}" has no parameter "{name}". Allowed: {allowed}.')
        current = getattr(default, name)
        if is_dataclass(current):
            changes[name] = overridden(current, value, f"{where}.{name}")
            continue
        try:
            changes[name] = known[name].read(name, value)
        except ValueError as error:
            raise ConfigurationError(f'"{where}": {error}') from error
    try:
        return cast(T, replace(default, **changes))
    except ValueError as error:
        raise ConfigurationError(f'"{where}": {error}') from error


def given_switch(config: Mapping[str, Any], option: str) -> bool | None:
    """Returns a switch of the configuration's "perpkit", None if it is not given.

    :raises ConfigurationError: naming the option, its value and what is allowed
    """
    own = config.get("perpkit")
    given = own.get(option) if isinstance(own, Mapping) else None
    if given is not None and not isinstance(given, bool):
        raise ConfigurationError(f'"perpkit.{option}" must be true or false, got {shown(given)}')
    return given


def only_known_keys(name: str, given: dict[str, Any], known: set[str]) -> dict[str, Any]:
    """Returns the parameters in a plugin's configuration, without Freqtrade's own keys.

    :param name: of the plugin, a protection or pairlist, for errors
    :param given: its configuration
    :param known: the allowed parameters
    :raises ConfigurationError: naming an unknown key and the allowed ones
    """
    parameters = {key: value for key, value in given.items() if key not in FREQTRADE_KEYS}
    for key in parameters:
        if key not in known:
            raise ConfigurationError(
                f"{name}: unknown parameter '{key}'. Allowed: {', '.join(sorted(known))}."
            )
    return parameters
