"""Finds orders with this bot's tag that its journal lacks: another bot runs with the same files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from perpkit.durations import DAY_MS
from perpkit.ops.doctor.asking import of_account
from perpkit.ops.doctor.finding import Finding, UnavailableError, fail, ok
from perpkit.ops.doctor.incomes import incomes
from perpkit.record.whose import Whose, whose

if TYPE_CHECKING:
    from perpkit.ops.doctor.context import Context
    from perpkit.record.journal import Journal

# How many traded symbols are checked at most; each costs a request of weight 5.
_MOST_SYMBOLS = 20
_FIX = (
    "a copy of this bot's files trades this account: end that bot, or, if it was moved here on "
    "purpose, run perpkit adopt for this one; docs/journal.md"
)


@of_account
def check(context: Context) -> Iterator[Finding]:
    from perpkit.record.journal import Journal, JournalError

    path = context.bot.places.journal
    if path is None or not path.is_file():
        raise UnavailableError("there is no journal yet to compare with")
    client = context.client
    orders = [*_open_orders(client), *_recent_orders(client, client.milliseconds())]
    try:
        journal = Journal.open(path, read_only=True)
        try:
            found = others(orders, journal)
        finally:
            journal.close()
    except JournalError as error:
        raise UnavailableError(str(error)) from None
    if not found:
        yield ok(f"None among {len(orders)} orders of the last day")
    for symbol, count in found.items():
        yield fail(f"{symbol}: {count} orders with this bot's tag that it has not sent", _FIX)


def others(orders: Iterable[dict[str, Any]], journal: Journal) -> dict[str, int]:
    """Returns by symbol how many orders are another bot's with the same tag."""
    found: dict[str, int] = {}
    for order in {_client_id(order): order for order in orders}.values():
        placed = int(order.get("time") or order.get("createTime") or 0)
        if whose(_client_id(order), journal, placed) is Whose.ANOTHERS:
            found[order["symbol"]] = found.get(order["symbol"], 0) + 1
    return found


def _client_id(order: dict[str, Any]) -> str:
    return str(order.get("clientOrderId") or order.get("clientAlgoId") or "")


def _open_orders(client: Any) -> list[dict[str, Any]]:
    return [*client.fapiPrivateGetOpenOrders(), *client.fapiPrivateGetOpenAlgoOrders()]


def _recent_orders(client: Any, now: int) -> list[dict[str, Any]]:
    """Returns the orders in symbols traded in the last day: a copy may have nothing open now."""
    since = now - DAY_MS
    symbols = sorted({i.symbol for i in incomes(client, since, now) if i.figure and i.symbol})
    return [
        order
        for symbol in symbols[:_MOST_SYMBOLS]
        for order in client.fapiPrivateGetAllOrders({"symbol": symbol, "startTime": since})
    ]
