"""Reads the exchange's income history of an account, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from perpkit.durations import DAY_MS

MOST_ROWS = 1000
MOST_PAGES = 200
KEPT_MS = 90 * DAY_MS

# The figures that are compared, by the exchange's types of income.
_FIGURES = {
    "REALIZED_PNL": "profit",
    "INSURANCE_CLEAR": "profit",  # what a liquidation costs beyond the price
    "DELIVERED_SETTELMENT": "profit",
    "COMMISSION": "commission",
    "FUNDING_FEE": "funding",
    "SPECIAL_FUNDING_FEE": "funding",
}


class IncomesError(Exception):
    """The incomes cannot be read to the end; the message is for the operator."""


@dataclass(frozen=True)
class Income:
    """One entry of the income history.

    :param kind: the exchange's, such as FUNDING_FEE
    :param amount: of `asset`, above 0 if it was received
    :param time: ms since 1970 UTC
    """

    symbol: str
    kind: str
    amount: float
    asset: str
    time: int

    @property
    def figure(self) -> str | None:
        """One of `sums.FIGURES`; None for what is not part of a trade, such as a transfer."""
        return _FIGURES.get(self.kind)


def incomes(client: Any, since: int, until: int) -> list[Income]:
    """Returns all incomes between two moments (ms), oldest first.

    Pages are requested by time: since October 2026 the exchange accepts no page number. A page may
    end within a millisecond, so the next one begins with that millisecond again.

    :raises IncomesError: if there are too many of them
    """
    found: dict[tuple[str, ...], Income] = {}
    start = since
    for _ in range(MOST_PAGES):
        rows = client.fapiPrivateGetIncome(
            {"startTime": start, "endTime": until, "limit": MOST_ROWS}
        )
        for row in rows:
            found[_identity(row)] = _income(row)
        if len(rows) < MOST_ROWS:
            return sorted(found.values(), key=lambda income: income.time)
        last = max(int(row["time"]) for row in rows)
        if last == start:
            raise IncomesError(f"more than {MOST_ROWS} incomes within one millisecond, {last}")
        start = last
    raise IncomesError(f"more than {MOST_PAGES * MOST_ROWS} incomes")


def _identity(row: Any) -> tuple[str, ...]:
    names = ("symbol", "incomeType", "tranId", "tradeId", "asset", "time", "income")
    return tuple(str(row.get(name, "")) for name in names)


def _income(row: Any) -> Income:
    return Income(
        str(row["symbol"]),
        str(row["incomeType"]),
        float(row["income"]),
        str(row["asset"]),
        int(row["time"]),
    )
