"""A stop that fills beside an addition, in Freqtrade's own cycle and in a look of ours."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from freqtrade.freqtradebot import FreqtradeBot
from freqtrade.persistence import Order, Trade

from perpkit.bot.live.closed_outside import ClosedOutside
from perpkit.bot.live.closing_fills import ClosingFills
from perpkit.bot.live.stop_orders import StopOrders
from perpkit.bot.live.trying import Trying
from perpkit.bot.positions.trade_lock import TradeLock
from tests import factories
from tests.factories import START

HELD, ADDED = 0.01, 0.004
STOP = 27_000.0


class Bot(FreqtradeBot):
    """Freqtrade's handling of stops, at an exchange where the stops of `filled` have filled."""

    def __init__(self, *filled: str) -> None:
        self._exit_lock = TradeLock()
        self.config = {"stake_currency": "USDT"}
        self.strategy = SimpleNamespace(order_types={})
        self.filled, self.placed, self.said = filled, [], []
        self.rpc = SimpleNamespace(send_msg=self.said.append)
        self.exchange = SimpleNamespace(
            fetch_stoploss_order=self.look,
            create_stoploss=self.place,
            cancel_order_with_result=lambda number, *_: answer(number, ADDED, "canceled"),
            get_option=lambda *_: False,
            get_pair_base_currency=lambda _: "BTC",
            get_pair_quote_currency=lambda _: "USDT",
            id="binance",
            markets={"BTC/USDT:USDT": {"info": {}, "limits": {}}},
            _api=None,
        )
        self.closing = ClosingFills(self, Trying())
        absent = SimpleNamespace(there=lambda trade: trade.amount, waits=lambda *_: False)
        StopOrders(self, SimpleNamespace(kept=lambda _: {}), absent)

    def look(self, number: str, _pair: str) -> dict[str, Any]:
        found = number in self.filled
        return answer(number, HELD if found else 0.0, "closed" if found else "open")

    def place(self, *, amount: float, stop_price: float, **_: Any) -> dict[str, Any]:
        self.placed.append((amount, stop_price))
        return answer(f"new-{len(self.placed)}", 0.0, "open") | {"amount": amount}

    def update_trade_state(self, trade, order_id, action_order=None, *, send_msg=True, **_):
        trade.update_order(action_order)
        if action_order["filled"]:
            trade.update_trade(trade.select_order_by_order_id(order_id), not send_msg)
        return False

    def manage_trade_stoploss_orders(self, *_): ...

    def handle_protections(self, *_): ...

    def __del__(self) -> None: ...


def answer(number: str, filled: float, status: str) -> dict[str, Any]:
    return {
        "id": number, "status": status, "filled": filled, "average": STOP, "price": STOP,
        "amount": HELD, "type": "market", "side": "sell", "timestamp": None, "datetime": None,
        "info": {}, "fee": None, "symbol": "BTC/USDT:USDT", "remaining": 0.0, "cost": 0.0,
    }  # fmt: skip


def add(trade: Trade, number: str, side: str) -> None:
    trade.orders.append(
        Order(
            order_id=number, ft_pair=trade.pair, ft_order_side=side, ft_amount=HELD, ft_price=STOP,
            ft_is_open=True, side=trade.exit_side, order_type="limit", amount=HELD, filled=0.0,
            price=STOP, average=STOP, order_date=START, status="open",
        )
    )  # fmt: skip
    Trade.commit()


@pytest.fixture(params=[False, True], ids=["long", "short"])
def trade(trade_database, request) -> Trade:
    trade = factories.trade(is_short=request.param)
    trade.amount_precision, trade.precision_mode, trade.contract_size = 0.001, 4, 1.0
    trade.adjust_stop_loss(trade.open_rate, -0.1, initial=True)
    add(trade, "stop", "stoploss")
    return trade


def test_what_an_addition_leaves_is_covered_at_once(trade):
    add(trade, "addition", trade.entry_side)
    bot = Bot("stop")
    with bot._exit_lock:
        assert bot.handle_stoploss_on_exchange(trade)
    assert (trade.is_open, trade.amount) == (True, ADDED)
    assert bot.placed == [(ADDED, trade.stoploss_or_liquidation)]
    [message] = bot.said
    assert (message["amount"], message["sub_trade"]) == (HELD, True)
    assert message["is_final_exit"] is False
    # Nothing is placed or said twice.
    with bot._exit_lock:
        assert not bot.handle_stoploss_on_exchange(trade)
    assert (len(bot.placed), len(bot.said)) == (1, 1)


def test_a_stop_that_closes_the_trade_is_the_whole_of_it(trade):
    bot = Bot("stop")
    with bot._exit_lock:
        assert bot.handle_stoploss_on_exchange(trade)
    assert (trade.is_open, bot.placed) == (False, [])
    [message] = bot.said
    assert (message["amount"], message["sub_trade"]) == (HELD, False)


@pytest.mark.parametrize("addition", [False, True])
def test_a_stop_booked_by_a_look_of_ours_is_said(trade, addition):
    bot = Bot("stop")
    if addition:
        add(trade, "addition", trade.entry_side)
    found = bot.look("stop", trade.pair)
    with bot._exit_lock:
        closed = ClosedOutside(bot, lambda *_: None).book_stop(trade, "stop", found)
    assert closed is not addition
    assert trade.is_open is addition
    [message] = bot.said
    assert (message["amount"], message["sub_trade"]) == (HELD, addition)


def test_a_stop_without_a_fill_says_nothing(trade):
    bot = Bot()
    found = answer("stop", 0.0, "triggered")
    with bot._exit_lock:
        assert not ClosedOutside(bot, lambda *_: None).book_stop(trade, "stop", found)
    assert (trade.is_open, bot.said) == (True, [])
