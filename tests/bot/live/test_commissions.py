"""The total commission of several orders of a trade."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perpkit.bot.live.commissions import (
    FilledOrder,
    UnknownCommissionError,
    commission,
    filled_orders,
    several,
)
from tests import factories

BTC = "BTC/USDT:USDT"
TAKEN = FilledOrder("1", False, False, 0.01, 300.0, 60_000)
RESTED = FilledOrder("2", False, False, 0.03, 900.0, 90_000)
STOPPED = FilledOrder("70", False, True, 0.02, 580.0, 120_000)


class Exchange:
    """An exchange with contracts of 0.01; stop 70 has triggered order 3."""

    def __init__(
        self, *fills: tuple[str, float, float], currency: str = "USDT", wallet: str = "USDT"
    ) -> None:
        self._api = self
        self.get_proxy_coin = lambda: wallet
        self.asked: list[tuple] = []
        self.fills = [
            {
                "id": number,
                "order": order,
                "amount": amount * 100,
                "fee": {"currency": currency, "cost": cost},
            }
            for number, (order, amount, cost) in enumerate(fills)
        ]

    def fetch_my_trades(self, *request):
        self.asked.append(request)
        return self.fills

    def fetch_order(self, number, pair, params):
        assert (number, pair, params) == ("70", BTC, {"stop": True})
        return {"info": {"actualOrderId": "3"}}

    def _trades_contracts_to_amount(self, fills):
        return [{**fill, "amount": fill["amount"] / 100} for fill in fills]


@pytest.mark.parametrize(
    ("orders", "fills", "cost"),
    [
        ([TAKEN, RESTED], [("1", 0.01, 0.15), ("2", 0.03, 0.18)], 0.33),
        # Of several fills, and among those of others.
        (
            [TAKEN, RESTED],
            [("1", 0.004, 0.06), ("1", 0.006, 0.09), ("9", 1.0, 15.0), ("2", 0.03, 0.18)],
            0.33,
        ),
        ([TAKEN, STOPPED], [("1", 0.01, 0.15), ("3", 0.02, 0.29)], 0.44),
        # An order of the trader's has closed 0.01 of the trade, and as much of his own.
        ([TAKEN, RESTED], [("1", 0.02, 0.3), ("2", 0.03, 0.18)], 0.33),
    ],
)
def test_the_rate_is_that_of_all_together(orders, fills, cost):
    exchange = Exchange(*fills)
    found = commission(exchange, BTC, orders)
    assert found.cost == pytest.approx(cost)
    assert found.rate == pytest.approx(cost / sum(order.value for order in orders))
    assert exchange.asked == [(BTC, 55_000, 1000)]  # once, from shortly before the first


@pytest.mark.parametrize(
    "fills",
    [
        [],
        [("1", 0.01, 0.15)],
        [("1", 0.01, 0.15), ("2", 0.029, 0.17)],
        [("1", 0.01, 0.15), ("70", 0.03, 0.18)],
    ],
)
def test_fills_that_are_not_shown_yet_are_waited_for(fills):
    with pytest.raises(UnknownCommissionError, match="not all fills of order"):
        commission(Exchange(*fills), BTC, [TAKEN, RESTED])


def test_a_commission_in_another_currency_has_no_rate():
    fills = ("1", 0.01, 0.0002), ("2", 0.03, 0.0003)
    assert commission(Exchange(*fills, currency="BNB"), BTC, [TAKEN, RESTED]) is None


def test_a_credit_is_charged_for_a_unit_of_the_quote_currency():
    fills = ("1", 0.01, 0.15), ("2", 0.03, 0.18)
    for wallet, known in (("BNFCR", True), ("USDT", False)):
        found = commission(Exchange(*fills, currency="BNFCR", wallet=wallet), BTC, [TAKEN, RESTED])
        assert found is None if not known else found.cost == pytest.approx(0.33)


def test_one_order_needs_no_request():
    entry = replace(TAKEN, id="0", is_entry=True)
    assert several([entry, TAKEN], entries=True) == several([entry, TAKEN], entries=False) == []
    assert several([entry, TAKEN, STOPPED], entries=False) == [TAKEN, STOPPED]


@pytest.mark.parametrize("is_short", [False, True])
def test_the_orders_of_a_trade(trade_database, is_short):
    trade = factories.trade(is_short=is_short, close_rate=29_000.0)
    assert [(o.is_entry, o.is_stop) for o in filled_orders(trade)] == [
        (True, False),
        (False, False),
    ]
    assert [order.amount for order in filled_orders(trade)] == [0.01, 0.01]
    assert filled_orders(trade)[0].value == pytest.approx(300)
