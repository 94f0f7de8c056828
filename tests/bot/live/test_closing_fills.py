"""A fill that closes a trade, beside an addition: open, filled, or stored and not applied."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from freqtrade.exceptions import TemporaryError
from freqtrade.persistence import Order, Trade

from perpkit.bot.live.closing_fills import ClosingFills
from perpkit.bot.live.outlived_orders import OutlivedOrders
from perpkit.bot.live.trying import Trying
from perpkit.bot.positions.trade_lock import TradeLock
from tests import factories
from tests.factories import START

PRICE = 29_400.0


class Bot:
    """Applies fills as Freqtrade does, at an exchange where additions have filled so much.

    :param filled: in base currency; None where no order can be cancelled
    """

    def __init__(self, filled: float | None) -> None:
        self.exchange = self
        self._exit_lock = TradeLock()
        self.filled = filled
        self.cancelled: list[str] = []
        self.said: list[str] = []
        self.under_way: list[bool] = []  # when entries were booked
        self.closing = ClosingFills(self, Trying())

    def cancel_order_with_result(self, number: str, pair: str, amount: float) -> dict[str, Any]:
        if self.filled is None:
            raise TemporaryError("timeout")
        self.cancelled.append(number)
        status = "closed" if self.filled == amount else "canceled"
        return found(number, self.filled, status)

    def update_trade_state(self, trade, order_id, action_order=None, *, send_msg=True, **_):
        trade.update_order(action_order)
        if not action_order["filled"]:
            return True
        order = trade.select_order_by_order_id(order_id)
        if order.ft_order_side == trade.entry_side:
            self.under_way.append(self.closing.under_way)
        trade.update_trade(order, not send_msg)
        return False

    def handle_cancel_order(self, *_): ...

    def notify_status(self, message, _kind) -> None:
        self.said.append(message)

    rpc = SimpleNamespace(send_msg=lambda *_: None)


def found(number: str, filled: float, status: str) -> dict[str, Any]:
    return {"id": number, "status": status, "filled": filled, "average": PRICE, "price": PRICE}


def add(trade: Trade, number: str, side: str, amount: float, filled: float, *, is_open: bool):
    trade.orders.append(
        Order(
            order_id=number, ft_pair=trade.pair, ft_order_side=side, ft_amount=amount,
            ft_price=PRICE, ft_is_open=is_open, side=trade.exit_side, order_type="limit",
            amount=amount, filled=filled, price=PRICE, average=PRICE, order_date=START,
            status="open" if is_open else "closed",
        )
    )  # fmt: skip
    Trade.commit()


def held(is_short: bool, **addition: Any) -> Trade:
    """A position of 0.01 with its stop, and an addition of as much."""
    trade = factories.trade(is_short=is_short)
    trade.amount_precision, trade.precision_mode, trade.contract_size = 0.001, 4, 1.0
    add(trade, "stop", "stoploss", 0.01, 0.0, is_open=True)
    add(trade, "addition", trade.entry_side, 0.01, **addition)
    return trade


def close(bot: Bot, trade: Trade, how: str) -> None:
    """The stop, or another order, fills with what the trade had before the addition."""
    if how != "stop":
        add(trade, how, trade.exit_side, 0.01, 0.0, is_open=True)
    with bot._exit_lock:
        bot.update_trade_state(trade, how, found(how, 0.01, "closed"), stoploss_order=how == "stop")


@pytest.mark.parametrize("is_short", [False, True])
@pytest.mark.parametrize("how", ["stop", "target"])
@pytest.mark.parametrize("filled", [0.0, 0.004, 0.01])
def test_an_open_addition_is_ended_first(trade_database, is_short, how, filled):
    trade, bot = held(is_short, filled=0.0, is_open=True), Bot(filled)
    close(bot, trade, how)
    assert bot.cancelled == ["addition"]
    assert not trade.has_open_orders
    assert trade.is_open == bool(filled)
    assert not filled or trade.amount == filled
    # No stop is placed before the exit is booked.
    assert bot.under_way == [True] * bool(filled)
    assert not bot.closing.under_way


@pytest.mark.parametrize("is_short", [False, True])
@pytest.mark.parametrize("filled", [0.004, 0.01])
def test_an_addition_that_was_stored_only_stays_open(trade_database, is_short, filled):
    trade, bot = held(is_short, filled=filled, is_open=False), Bot(None)
    close(bot, trade, "stop")
    assert (trade.is_open, trade.amount) == (True, filled)


@pytest.mark.parametrize("is_short", [False, True])
@pytest.mark.parametrize("filled", [0.0, 0.004, 0.01])
def test_one_that_cannot_be_ended_holds_no_exit_up(trade_database, is_short, filled):
    trade, bot = held(is_short, filled=0.0, is_open=True), Bot(None)
    close(bot, trade, "stop")
    assert (trade.is_open, trade.has_open_orders) == (False, True)
    outlived = OutlivedOrders(bot, None, bot.closing, Trying())
    outlived.cancel()
    assert trade.has_open_orders  # it is tried again
    # What it fills would have no trade beside a new one of the pair.
    assert "has not been cancelled yet" in outlived.refusal(trade.pair)
    assert outlived.refusal("ETH/USDT:USDT") is None
    bot.filled = filled
    outlived.cancel()
    assert not trade.has_open_orders
    assert outlived.refusal(trade.pair) is None
    assert trade.is_open == bool(filled)
    if not filled:
        assert trade.close_date is not None
        return
    assert (trade.amount, trade.close_date, trade.exit_reason) == (filled, None, None)
    # It gets its stop at once.
    assert bot.under_way == [False]
    assert "open again" in bot.said[0]
    profit = trade.realized_profit
    add(trade, "later", trade.exit_side, filled, 0.0, is_open=True)
    with bot._exit_lock:
        bot.update_trade_state(trade, "later", found("later", filled, "closed"))
    assert not trade.is_open
    assert trade.close_profit_abs == pytest.approx(
        profit + trade.calculate_profit(PRICE, filled, PRICE).profit_abs
    )


def test_no_second_trade_of_a_pair_is_open(trade_database):
    trade, bot = held(False, filled=0.0, is_open=True), Bot(None)
    close(bot, trade, "stop")
    later = factories.trade(opened=START + timedelta(hours=5))
    bot.filled = 0.01
    OutlivedOrders(bot, None, bot.closing, Trying()).cancel()
    assert not trade.has_open_orders
    assert (trade.is_open, trade.amount, later.amount) == (False, 0.01, 0.01)


def test_an_addition_beside_an_open_trade_is_left(trade_database):
    trade, bot = held(False, filled=0.0, is_open=True), Bot(0.0)
    OutlivedOrders(bot, None, bot.closing, Trying()).cancel()
    add(trade, "exit", trade.exit_side, 0.01, 0.004, is_open=True)
    with bot._exit_lock:
        bot.update_trade_state(trade, "exit", found("exit", 0.004, "open"))
    assert (bot.cancelled, trade.amount) == ([], 0.01)


def test_a_stop_that_fills_after_its_trade_closed_is_not_booked(trade_database):
    """As at a start, where Freqtrade books what has filled meanwhile."""
    trade, bot = factories.trade(close_rate=30_600.0), Bot(0.0)
    add(trade, "stop", "stoploss", 0.01, 0.0, is_open=True)
    closing, profit = ClosingFills(bot, Trying()), trade.close_profit_abs
    assert closing.update_trade_state(trade, "stop", found("stop", 0.01, "closed")) is False
    assert (trade.close_profit_abs, trade.has_open_sl_orders) == (profit, True)
