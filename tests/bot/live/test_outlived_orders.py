"""Orders of closed trades that may still be at the exchange."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from freqtrade.exceptions import TemporaryError
from freqtrade.persistence import Order, Trade

from perpkit.bot.live import outlived_orders
from perpkit.bot.live.outlived_orders import OutlivedOrders
from perpkit.bot.live.trying import Trying
from perpkit.bot.positions.trade_lock import TradeLock
from tests import factories
from tests.factories import START


class Stops:
    """:param answers: whether the exchange does"""

    def __init__(self) -> None:
        self.answers = False

    def cancel(self, order: Order) -> None:
        if not self.answers:
            raise TemporaryError("timeout")
        order.update_from_ccxt_object({"id": order.order_id, "status": "canceled"})
        Trade.commit()


def with_stop(**trade: Any) -> Trade:
    made = factories.trade(**trade)
    made.orders.append(
        Order(
            order_id="stop", ft_pair=made.pair, ft_order_side="stoploss", ft_amount=0.01,
            ft_price=29_400.0, ft_is_open=True, side=made.exit_side, order_type="market",
            amount=0.01, filled=0.0, order_date=START, status="open",
        )
    )  # fmt: skip
    Trade.commit()
    return made


@pytest.fixture
def said(monkeypatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(outlived_orders, "warn", lambda _, message: found.append(message))
    return found


def outlived(stops: Stops, status: str = "open") -> OutlivedOrders:
    exchange = SimpleNamespace(
        fetch_stoploss_order=lambda *_: {"status": status, "filled": 0.01 * (status != "open")}
    )
    bot = SimpleNamespace(
        _exit_lock=TradeLock(), handle_cancel_order=lambda *_: None, exchange=exchange
    )
    return OutlivedOrders(bot, stops, None, Trying())


@pytest.mark.parametrize("is_short", [False, True])
def test_no_entry_beside_a_stop_of_a_closed_trade(trade_database, is_short):
    trade, stops = with_stop(is_short=is_short, close_rate=30_600.0), Stops()
    orders = outlived(stops)
    orders.cancel()
    assert orders.refusal(trade.pair) == "stop stop of a closed trade has not been cancelled yet"
    assert orders.refusal("ETH/USDT:USDT") is None
    stops.answers = True
    orders.cancel()
    assert orders.refusal(trade.pair) is None


@pytest.mark.parametrize(
    ("status", "ended"), [("closed", True), ("expired", True), ("open", False)]
)
def test_a_stop_that_triggers_after_its_trade_closed_is_ended(trade_database, said, status, ended):
    """Freqtrade books a stop of open trades only: its pair would be refused until a restart."""
    trade, stops = with_stop(close_rate=30_600.0), Stops()
    orders, profit = outlived(stops, status), trade.close_profit_abs
    with mock.patch.object(stops, "cancel"):  # which leaves a stop that has triggered
        orders.cancel()
    assert trade.has_open_sl_orders is not ended
    assert (trade.orders[-1].safe_filled, trade.close_profit_abs) == (0.0, profit)
    assert (orders.refusal(trade.pair) is None) is ended
    words = "Stop stop in BTC/USDT:USDT has triggered after its trade was closed"
    assert [words in message for message in said] == [True] * ended


@pytest.mark.parametrize("is_short", [False, True])
def test_the_stop_of_an_open_trade_stays_and_refuses_nothing(trade_database, is_short):
    trade, stops = with_stop(is_short=is_short), Stops()
    stops.answers = True
    orders = outlived(stops)
    orders.cancel()
    assert trade.has_open_sl_orders
    assert orders.refusal(trade.pair) is None
