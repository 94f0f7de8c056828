"""Describes what is left after a run, what was left alone, and what a preview would have done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from perpkit.ops.stop.cancels import Cancels
from perpkit.ops.stop.closes import Closes
from perpkit.ops.stop.contracts import ZERO
from perpkit.ops.stop.picture import Picture

PairOf = Callable[[str], str]  # of a symbol


def planned(picture: Picture, pair_of: PairOf) -> tuple[str, ...]:
    """Returns what would be done, in order."""
    kept = picture.protected - ({due.held.symbol for due in picture.dues} - {*picture.unknown})
    first = picture.cancels_first
    last = [o for o in picture.orders if o not in first and o.symbol not in kept]
    cancels = [f"{pair_of(o.symbol)}: cancel {o.kind} order {o.id}" for o in (*first, *last)]
    closes = [
        f"{pair_of(due.held.symbol)}: close {due.amount} {due.held.side}" for due in picture.dues
    ]
    waits = [
        f"{pair_of(symbol)}: wait for an entry that may still arrive"
        for symbol in sorted(picture.awaited)
    ]
    return (*cancels[: len(first)], *closes, *cancels[len(first) :], *waits)


def left(
    picture: Picture | None,
    why: str,
    closed_since: Mapping[tuple[str, str], Decimal],
    closes: Closes | None,
    cancels: Cancels,
    pair_of: PairOf,
) -> list[str]:
    """Returns what is not done, and why.

    :param picture: of the last snapshot; None if there was none
    :param why: why nothing more was sent; empty if all was done
    :param closed_since: contracts that were closed after the snapshot, by symbol and side of the
        orders
    """
    found: list[str] = []
    shown: set[str] = set()
    if picture is None or picture.seen.held is None:
        found.append(f"The positions could not be seen: {why}")
    else:
        found += _positions_left(picture, why, closed_since, closes, pair_of)
        found += unknown_left(picture, pair_of)
        found += _orders_left(picture, why, cancels, pair_of)
        shown |= {order.id for order in picture.orders}
    for order in cancels.unknown():
        if order.id not in shown:
            where = f"{pair_of(order.symbol)}: {order.kind} order {order.id}"
            found.append(f"{where} may rest: {cancels.refusal(order.id) or why}")
    if why and not found:
        found.append(f"It could not be seen that nothing is left: {why}")
    return found


def _positions_left(
    picture: Picture,
    why: str,
    closed_since: Mapping[tuple[str, str], Decimal],
    closes: Closes | None,
    pair_of: PairOf,
) -> Iterator[str]:
    for due in picture.dues:
        held = due.held
        amount = due.amount - closed_since.get((held.symbol, held.closing_side), ZERO)
        if amount > 0:
            because = closes.refusal(held.symbol) if closes else ""
            yield f"{pair_of(held.symbol)}: {amount} {held.side} not closed: {because or why}"


def unknown_left(picture: Picture, pair_of: PairOf) -> Iterator[str]:
    """Yields the pairs in which more may be the bot's than is certain."""
    for symbol, because in picture.unknown.items():
        yield f"{pair_of(symbol)}: what of it is the bot's is not known: {because}"


def _orders_left(picture: Picture, why: str, cancels: Cancels, pair_of: PairOf) -> Iterator[str]:
    kept = picture.protected - {due.held.symbol for due in picture.dues}
    for order in picture.orders:
        if cancels.is_cancelled(order.id):
            continue
        where = f"{pair_of(order.symbol)}: {order.kind} order {order.id}"
        if order.protects and order.symbol in kept:
            yield f"{where} stays, for the position may be the bot's"
        elif why:
            yield f"{where} rests: {cancels.refusal(order.id) or why}"


def of_unknown_owner(picture: Picture, pair_of: PairOf) -> Iterator[str]:
    """Yields the pairs whose owner is not known, for a bot without a trade database."""
    if picture.parts is not None and picture.seen.held:
        known = {due.held for due in picture.dues}
        pairs = sorted(pair_of(h.symbol) for h in picture.seen.held if h not in known)
        if pairs:
            yield f"{', '.join(pairs)}: whether that is the bot's is not known; nothing is closed"


def left_alone(picture: Picture, pair_of: PairOf) -> Iterator[str]:
    """Yields the positions, or parts of them, that are not the bot's."""
    if picture.parts is None:
        return
    for held in picture.seen.held or ():
        own = sum(due.amount for due in picture.dues if due.held == held)
        if held.symbol not in picture.unknown and (foreign := abs(held.amount) - own):
            pair = pair_of(held.symbol)
            yield f"{pair}: {foreign} {held.side} is not the bot's, and is left alone"
