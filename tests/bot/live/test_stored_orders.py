"""Orders in the trade database, and fills that their trades lack."""

from __future__ import annotations

from pathlib import Path

import pytest
from freqtrade.persistence import Order, Trade

import perpkit
from perpkit.bot.live.stored_orders import amount_of_orders, unbooked_fill
from tests import factories
from tests.factories import START


def add(trade: Trade, number: str, side: str, filled: float, is_open: bool = False) -> None:
    trade.orders.append(
        Order(
            order_id=number, ft_pair=trade.pair, ft_order_side=side, ft_amount=0.01, ft_price=1.0,
            ft_is_open=is_open, side=trade.exit_side, order_type="market", amount=0.01,
            filled=filled, order_date=START, status="open" if is_open else "closed",
        )
    )  # fmt: skip
    Trade.commit()


@pytest.mark.parametrize("is_short", [False, True])
@pytest.mark.parametrize(
    ("amount", "orders", "unbooked"),
    [
        (0.01, [], None),
        (0.01, [("1", "stop", 0.0, True)], None),
        (0.01, [("1", "stop", 0.0, False), ("2", "stop", 0.0, True)], None),  # it was replaced
        (0.01, [("1", "stop", 0.01, False)], "1"),
        (0.006, [("1", "stop", 0.004, False), ("2", "stop", 0.0, True)], None),
        (0.01, [("1", "stop", 0.004, False), ("2", "stop", 0.0, True)], "1"),
        (0.006, [("1", "stop", 0.004, False), ("2", "stop", 0.006, False)], "2"),
        (0.01, [("1", "exit", 0.01, False)], "1"),
        (0.004, [("1", "exit", 0.006, False)], None),
        (0.01, [("1", "exit", 0.006, False)], "1"),
        (0.01, [("1", "exit", 0.006, True)], None),  # it waits, and fills
        (0.01, [("1", "entry", 0.006, False)], "1"),
        (0.01, [("1", "entry", 0.006, True), ("2", "exit", 0.001, False)], "2"),
        (0.01, [("1", "entry", 0.006, True)], None),  # it counts when it has ended
    ],
)
def test_the_fill_that_a_trade_lacks(trade_database, is_short, amount, orders, unbooked):
    trade = factories.trade(is_short=is_short)
    sides = {"stop": "stoploss", "exit": trade.exit_side, "entry": trade.entry_side}
    for number, side, filled, is_open in orders:
        add(trade, number, sides[side], filled, is_open)
    trade.amount = amount
    found = unbooked_fill(trade)
    assert (found and found.order_id) == unbooked


@pytest.mark.parametrize("is_short", [False, True])
def test_what_orders_have_left_of_a_trade(trade_database, is_short):
    trade = factories.trade(is_short=is_short)
    add(trade, "1", trade.exit_side, 0.004)
    add(trade, "2", trade.entry_side, 0.002)
    add(trade, "3", trade.exit_side, 0.001, is_open=True)
    assert amount_of_orders(trade) == pytest.approx(0.008)


def test_nothing_asks_freqtrade_for_an_order_of_a_pair():
    """Its method takes no pair in 2026.6: a TypeError, where money was to be booked."""
    folder = Path(perpkit.__file__).parent
    assert [p.name for p in folder.rglob("*.py") if ".order_by_id(" in p.read_text()] == []
