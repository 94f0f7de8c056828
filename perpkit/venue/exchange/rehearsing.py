"""What a run of the venue shows of a rehearsal: see `perpkit.record.rehearsed`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from perpkit.record.rehearsed import Rehearsal, of_the_bot
from perpkit.record.trade_database import DatabaseError
from perpkit.venue.engine import Fill, Side
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.exchange.invariants import Invariant


def rehearsal(exchange: Exchange, database: Path, since: datetime) -> Rehearsal:
    """Returns the record of a run that ends now.

    The venue counts what happened at it. Which strategy traded, and which breakers locked, is known
    to its bot only: without a readable database there are none.

    :param database: that the overlay gave to a live bot
    :param since: when the run began
    """
    exchange.catch_up()  # the invariants hold to the end, or do not
    breaches = Counter(breach.invariant for breach in exchange.checker.breaches)
    try:
        strategies, breakers = of_the_bot(database, since)
    except DatabaseError:
        strategies, breakers = (), {}
    return Rehearsal(
        since=since,
        until=datetime.now(UTC),
        trades=sum(round_trips(account.fills) for account in exchange.engine.accounts),
        breaches={each.value: breaches[each] for each in Invariant if breaches[each]},
        strategies=strategies,
        breakers=breakers,
    )


def round_trips(fills: Iterable[Fill]) -> int:
    """Returns how often a position was opened and closed again, one that was turned included."""
    closed, amounts = 0, dict[tuple[str, str], Decimal]()
    for fill in fills:
        key = (fill.symbol, str(fill.position_side))
        before = amounts.get(key, Decimal(0))
        after = before + (fill.quantity if fill.side is Side.BUY else -fill.quantity)
        amounts[key] = after
        if before and (not after or (before > 0) is not (after > 0)):
            closed += 1
    return closed
