"""The parts of the risk layer, and which of them the configuration attaches."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from freqtrade.exceptions import ConfigurationError

from perpkit.bot.decided import OPTION
from perpkit.bot.settings import ACCELERATION
from perpkit.checks import shown
from perpkit.record import fleet

# Keys of the configuration's "perpkit" that are read here or by a running bot's parts, and are no
# sections of parameters.
ATTACHING = frozenset({"attach", "protections", OPTION, ACCELERATION}) | fleet.OPTIONS


class Part(StrEnum):
    BREAKERS = "breakers"
    GUARD = "guard"
    LIMITS = "limits"
    BOOK = "book"
    LEVERAGE = "leverage"
    SIZING = "sizing"


# What `"attach": true` means.
BREAKERS_AND_GUARD = frozenset({Part.BREAKERS, Part.GUARD})

# Parts that need the distance of a stop, and those that read a frame beside the strategy's.
BY_STOP = frozenset({Part.LEVERAGE, Part.SIZING})
WITH_FRAMES = BY_STOP | {Part.BOOK}


def attached_parts(config: Mapping[str, Any]) -> frozenset[Part] | None:
    """Returns the parts that the configuration asks for, None if it says nothing of any.

    :raises ConfigurationError: naming the option, its value and what is allowed
    """
    given = _own(config).get("attach")
    if given is None or isinstance(given, bool):
        return {None: None, True: BREAKERS_AND_GUARD, False: frozenset()}[given]
    allowed = f"true, false or a list of {', '.join(Part)}"
    if not isinstance(given, list) or not given:
        raise ConfigurationError(f'"perpkit.attach" must be {allowed}, got {shown(given)}')
    for name in given:
        if name not in list(Part):
            raise ConfigurationError(f'"perpkit.attach" must be {allowed}, got {shown(name)} in it')
    return frozenset(map(Part, given))


def parts_of(kind: type[Any]) -> frozenset[Part]:
    """Returns the parts that a class with the layer names in `perpkit_parts`.

    :raises ConfigurationError: naming the class, the value and what is allowed
    """
    given = kind.perpkit_parts
    if isinstance(given, str) or not set(given) <= frozenset(Part):
        raise ConfigurationError(
            f"{kind.__name__}.perpkit_parts must be a set of {', '.join(Part)}, got {shown(given)}"
        )
    return frozenset(map(Part, given))


def given_protections(config: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Returns the protections of the configuration's "perpkit", None if it has no such key.

    :raises ConfigurationError: naming the option, its value and what is allowed
    """
    given = _own(config).get("protections")
    if given is None:
        return None
    if not isinstance(given, list):
        raise ConfigurationError(
            f'"perpkit.protections" must be a list of objects with a "method", got {shown(given)}'
        )
    for entry in given:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("method"), str):
            raise ConfigurationError(
                f'"perpkit.protections" must be a list of objects with a "method", got '
                f"{shown(entry)} in it"
            )
    return [dict(entry) for entry in given]


def _own(config: Mapping[str, Any]) -> Mapping[str, Any]:
    own = config.get("perpkit")
    if own is None:
        return {}
    if not isinstance(own, Mapping):
        raise ConfigurationError(f'"perpkit" must be an object of parameters, got {shown(own)}')
    return own
