"""What signed endpoints share: the types of their handlers and the readers of parameters."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from perpkit.venue.engine import Account, Engine, Refusal
from perpkit.venue.http.signing import RequestParameters

# Answers a signed request, given the account, the parameters and the current time (ms).
Handler = Callable[[Account, RequestParameters, int], Any]
# Registers a handler for a method and paths; `trading` states whether the key must allow trading.
Signed = Callable[..., Callable[[Handler], Handler]]


def known_symbol(engine: Engine, sent: RequestParameters) -> str:
    """The required symbol.

    :raises VenueError: -1102 without a symbol, -1121 for one that is not listed
    """
    return engine.contract(sent.text("symbol")).symbol


def optional_symbol(engine: Engine, sent: RequestParameters) -> str | None:
    """The symbol, or None where none is sent.

    :raises VenueError: -1121 for a symbol that is not listed
    """
    symbol = sent.optional("symbol")
    return None if symbol is None else engine.contract(symbol).symbol


def bounded(sent: RequestParameters, name: str, default: int, most: int) -> int:
    """An integer from 1 to `most`.

    :raises VenueError: -1130 outside that range, -1100 where it is no number
    """
    value = sent.integer(name, default)
    if not 1 <= value <= most:
        raise Refusal.INVALID_PARAMETER.error(name)
    return value


def optional_integer(sent: RequestParameters, name: str) -> int | None:
    """An integer of at least 0, or None where none is sent.

    :raises VenueError: -1100 where it is no number, -1130 where it is negative
    """
    if sent.optional(name) is None:
        return None
    value = sent.integer(name)
    if value < 0:
        raise Refusal.INVALID_PARAMETER.error(name)
    return value


def choice_of(
    sent: RequestParameters,
    name: str,
    words: Collection[str],
    refusal: Refusal = Refusal.INVALID_PARAMETER,
) -> str | None:
    """One of `words`, or None where nothing is sent."""
    text = sent.optional(name)
    if text is not None and text not in words:
        raise refusal.error(name)
    return text
