"""What signed endpoints have in common: their form, and how they read their parameters."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from perpkit.venue.engine import Account, Engine, Refusal
from perpkit.venue.http.signing import RequestParameters

# What a signed endpoint does with the account, the parameters and the present (ms).
Handler = Callable[[Account, RequestParameters, int], Any]
# Registers a handler: method, paths, and whether it needs the permission to trade.
Signed = Callable[..., Callable[[Handler], Handler]]


def known_symbol(engine: Engine, sent: RequestParameters) -> str:
    """:raises VenueError: -1102 without a symbol, -1121 for one that is not listed"""
    return engine.contract(sent.text("symbol")).symbol


def optional_symbol(engine: Engine, sent: RequestParameters) -> str | None:
    """:raises VenueError: -1121 for a symbol that is not listed"""
    symbol = sent.optional("symbol")
    return None if symbol is None else engine.contract(symbol).symbol


def bounded(sent: RequestParameters, name: str, default: int, most: int) -> int:
    """A count from 1 to `most`.

    :raises VenueError: -1130, or -1100 where it is no number
    """
    value = sent.integer(name, default)
    if not 1 <= value <= most:
        raise Refusal.INVALID_PARAMETER.error(name)
    return value


def optional_integer(sent: RequestParameters, name: str) -> int | None:
    """:raises VenueError: -1100 where it is no number, -1130 where it is negative"""
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
