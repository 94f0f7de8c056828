"""Which incomes are the settlement of a contract that has ended. With a bot: tests/integration."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest

from perpkit.bot.live.ended_contracts import EndedContracts
from tests import factories
from tests.factories import START

END = START + timedelta(hours=5)


def ms(hours: float) -> int:
    return int((START + timedelta(hours=hours)).timestamp() * 1000)


def income(kind: str, hours: float, amount: float) -> dict:
    return {
        "incomeType": kind, "time": str(ms(hours)), "income": str(amount), "tradeId": "8",
        "tranId": "9",
    }  # fmt: skip


def api(incomes: list[dict]) -> SimpleNamespace:
    return SimpleNamespace(
        fapiPrivateGetIncome=lambda _: incomes,
        fapiPrivateGetUserTrades=lambda _: [{"id": "8", "orderId": "77"}],
    )


SETTLED = income("DELIVERED_SETTELMENT", 5.01, 3.0)
CLOSED = income("REALIZED_PNL", 5.01, 3.0)
STOPPED = income("REALIZED_PNL", 4.0, -2.0)
PAID = [income("COMMISSION", 5.01, -0.1), income("FUNDING_FEE", 3.0, -0.5)]


@pytest.mark.parametrize(
    ("incomes", "end", "expected"),
    [
        ([], END, None),
        ([SETTLED], END, (3.0, 0.0, 0.0)),
        ([CLOSED, *PAID], END, (3.0, 0.1, -0.5)),
        # A stop that triggered before the end, and is booked as one.
        ([STOPPED, *PAID], END, None),
        ([STOPPED, CLOSED], END, (3.0, 0.0, 0.0)),
        # The exchange does not list the contract any more.
        ([CLOSED], None, (3.0, 0.0, 0.0)),
        # Of a trade before this one.
        ([income("REALIZED_PNL", -1.0, 7.0), income("FUNDING_FEE", -1.0, 7.0)], END, None),
    ],
)
def test_what_settled_a_position(trade_database, incomes, end, expected):
    exchange = SimpleNamespace(_api=api(incomes))
    settled = EndedContracts(SimpleNamespace(exchange=exchange))._settled(factories.trade(), end)
    if expected is None:
        assert settled is None
    else:
        assert (settled.profit, settled.commission, settled.funding) == expected
        assert settled.id == "77"
