"""Compares the stops at the exchange with those in the database."""

from __future__ import annotations

from collections.abc import Set

from perpkit.bot.live.at_exchange import AtExchange, Resting
from perpkit.bot.live.held import DUST


def in_excess(seen: AtExchange, known: Set[str]) -> list[Resting]:
    """Returns this bot's stops that its database does not contain and that no position needs.

    If the known stops do not cover the whole position, an unknown one stays: it may be the
    position's only protection. Orders that others have placed are never returned.

    :param known: ids of the stops that are open in the database
    """
    return [
        stop
        for stop in seen.stops
        if stop.id not in known and stop.whose.may_be_cancelled and not _needed(stop, seen, known)
    ]


def to_adopt(seen: AtExchange, known: Set[str], pair: str, side: str, amount: float) -> list[str]:
    """Returns ids of this bot's unknown stops that fit a position without a known stop, newest
    first."""
    fitting = [
        stop.id
        for stop in seen.stops
        if stop.id not in known
        and stop.whose.may_be_cancelled
        and (stop.pair, stop.side) == (pair, side)
        and abs(stop.amount - amount) <= DUST
    ]
    return sorted(fitting, key=lambda number: (len(number), number), reverse=True)


def not_there(seen: AtExchange, known: Set[str]) -> Set[str]:
    """Returns ids of stops that are open in the database but not at the exchange."""
    return known - {stop.id for stop in seen.stops}


def _needed(stop: Resting, seen: AtExchange, known: Set[str]) -> bool:
    held = seen.of(stop.pair).of(is_short=stop.side == "buy")
    covered = sum(
        other.amount
        for other in seen.stops
        if other.id in known and (other.pair, other.side) == (stop.pair, stop.side)
    )
    return covered < held - DUST
