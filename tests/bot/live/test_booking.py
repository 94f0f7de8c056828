"""Funding before a stop, and commissions of several fills."""

from __future__ import annotations

import logging
from datetime import timedelta
from types import SimpleNamespace
from unittest import mock

import ccxt
import pytest
from freqtrade.persistence import Order, Trade

from perpkit.bot.live.booking import Booking, one_fill
from perpkit.bot.positions.trade_lock import TradeLock
from tests import factories
from tests.factories import START

HOUR = timedelta(hours=1)
CLOSED = START + 20 * HOUR
FUNDING = [  # at 8 and 16 hours after the entry, and after the exit
    {"id": hours, "timestamp": int((START + hours * HOUR).timestamp() * 1000), "amount": -0.25}
    for hours in (8, 16, 24)
]


class Exchange:
    def __init__(self) -> None:
        self._api = self
        self.asked: list[tuple] = []
        self.error: Exception | None = None
        self.meanwhile = lambda: None
        self.fills: list[dict] = []
        self.fills_asked = 0

    def fetch_my_trades(self, *args):
        self.fills_asked += 1
        return self.fills

    def _trades_contracts_to_amount(self, fills):
        return fills

    def get_proxy_coin(self):
        return "USDT"

    def fetch_order(self, number, pair, params):
        return {"info": {"actualOrderId": f"child of {number}"}}

    def get_trades_for_order(self, *args, **kwargs):
        return []

    def fetch_funding_history(self, *args):
        self.asked.append(args)
        self.meanwhile()
        if self.error is not None:
            raise self.error
        return FUNDING


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


@pytest.fixture
def booking(exchange, trade_database) -> Booking:
    return started(exchange)


def started(exchange) -> Booking:
    bot = SimpleNamespace(exchange=exchange, _exit_lock=TradeLock())
    rpc = SimpleNamespace(_rpc=SimpleNamespace(_freqtrade=bot))
    return Booking(SimpleNamespace(_DataProvider__rpc=rpc))


def filled(trade: Trade, side: str, price: float, amount: float, at, **fields) -> Order:
    return Order(
        order_id=f"{side}-{at}",
        ft_pair=trade.pair,
        ft_order_side=side,
        ft_amount=amount,
        ft_price=price,
        ft_is_open=False,
        side=trade.exit_side,
        status="closed",
        average=price,
        amount=amount,
        filled=amount,
        order_date=at,
        order_filled_date=at,
        **fields,
    )


def close(trade: Trade, side: str = "stoploss", **fields) -> Trade:
    trade.orders.append(filled(trade, side, 29_000.0, trade.amount, CLOSED, **fields))
    trade.close(29_000.0)
    Trade.commit()
    return trade


@pytest.mark.parametrize("is_short", [False, True])
def test_funding_before_a_stop_is_booked_once(booking, exchange, caplog, is_short):
    trade = close(factories.trade(is_short=is_short))
    before = trade.close_profit_abs
    with caplog.at_level(logging.INFO, "perpkit"):
        for minutes in range(1, 5):
            booking.step(CLOSED + timedelta(minutes=minutes))
    assert trade.funding_fees == -0.5
    assert trade.close_profit_abs == pytest.approx(before - 0.5)
    assert trade.realized_profit == trade.close_profit_abs
    assert exchange.asked == [("BTC/USDT:USDT", int(START.timestamp() * 1000), 1000)]
    assert len(caplog.messages) == 1


def test_the_next_process_does_not_book_it_again(booking, exchange):
    trade = close(factories.trade())
    booking.step(CLOSED + HOUR)
    profit = trade.close_profit_abs
    Trade.session.expire_all()
    started(exchange).step(CLOSED + HOUR)
    assert trade.close_profit_abs == profit
    assert len(exchange.asked) == 1


def test_a_trade_that_is_deleted_meanwhile_leaves_its_number_to_another(booking, exchange):
    """Another thread deletes the trade and opens a new one during the request."""
    trade = close(factories.trade())
    number = trade.id

    def another() -> None:
        trade.delete()
        close(factories.trade(opened=START + HOUR))

    exchange.meanwhile = another
    booking.step(CLOSED + HOUR)
    (left,) = Trade.get_trades().unique()
    assert left.id == number
    assert left.orders[-1].funding_fee is None  # what was asked for is another trade's


def test_only_what_was_charged_since_the_last_order_is_missing(booking):
    trade = factories.trade(amount=0.02)
    trade.orders.append(filled(trade, "sell", 31_000.0, 0.01, START + 10 * HOUR, funding_fee=-0.25))
    trade.recalc_trade_from_orders()
    close(trade)
    booking.step(CLOSED + HOUR)
    assert [order.funding_fee for order in trade.orders] == [0.0, -0.25, -0.25]
    assert trade.funding_fees == -0.5


@pytest.mark.parametrize("side", ["stoploss", "sell"])
@pytest.mark.parametrize("part", [-0.5, 0.0, None])  # booked late, at a restart, not at all
@pytest.mark.parametrize("rest", [-0.5, -0.25, 0.0, None])
def test_every_fill_has_what_was_charged_before_it(booking, side, part, rest):
    trade = factories.trade(amount=0.02)
    trade.orders.append(filled(trade, "sell", 31_000.0, 0.01, START + 10 * HOUR, funding_fee=part))
    trade.recalc_trade_from_orders()
    close(trade, side, funding_fee=rest)
    booking.step(CLOSED + HOUR)
    assert [order.funding_fee for order in trade.orders] == [0.0, -0.25, -0.25]
    assert trade.funding_fees == -0.5


def test_what_the_exchange_no_longer_lists_stays(booking, exchange):
    opened = START - timedelta(days=100)
    trade = factories.trade(opened=opened, amount=0.01)
    for days, paid in ((50, -3.0), (100, -9.0)):
        at = opened + timedelta(days=days)
        trade.orders.append(filled(trade, "buy", 30_000.0, 0.01, at, funding_fee=paid))
    trade.recalc_trade_from_orders()
    close(trade)
    booking.step(CLOSED + HOUR)
    assert [order.funding_fee for order in trade.orders] == [0.0, -3.0, 0.0, -0.5]


def test_funding_that_is_never_shown_is_given_up(booking, exchange, caplog):
    trade = close(factories.trade(), "sell", funding_fee=-0.1)
    exchange.error = ccxt.BadSymbol("-1121")
    for minutes in (2, 61, 62, 63):
        booking.step(CLOSED + timedelta(minutes=minutes))
    assert [order.funding_fee for order in trade.orders] == [None, -0.1]
    assert len([m for m in caplog.messages if "is left as Freqtrade booked it" in m]) == 1
    assert [order.ft_fee_base for order in trade.orders] == [0.0, 0.0]


@pytest.mark.parametrize(
    ("side", "fields", "after"),
    [
        ("stoploss", {}, timedelta(seconds=59)),  # the settlement may not be in the books yet
        ("stoploss", {}, timedelta(days=8)),
    ],
)
def test_a_trade_that_is_left_as_it_is(booking, exchange, side, fields, after):
    close(factories.trade(), side, **fields)
    booking.step(CLOSED + after)
    assert exchange.asked == []


def test_an_open_trade_is_left_as_it_is(booking, exchange):
    trade = factories.trade()
    trade.orders.append(filled(trade, "stoploss", 29_000.0, 0.004, CLOSED))
    Trade.commit()
    booking.step(CLOSED + HOUR)
    assert exchange.asked == []


def test_a_failure_is_logged_and_tried_again_a_minute_later(booking, exchange, caplog):
    trade = close(factories.trade())
    exchange.error = RuntimeError("no answer")
    for seconds in (0, 5, 59):
        booking.step(CLOSED + HOUR + timedelta(seconds=seconds))
    assert len(exchange.asked) == len(caplog.messages) == 1
    exchange.error = None
    booking.step(CLOSED + HOUR + timedelta(seconds=60))
    assert trade.funding_fees == -0.5


def fill(amount: float, cost: float, fee: float, currency: str | None = "USDT") -> dict:
    return {
        "symbol": "BTC/USDT:USDT",
        "amount": amount,
        "cost": cost,
        "fee": {"currency": currency, "cost": fee, "rate": fee / cost},
    }


def test_the_rate_of_several_fills_is_weighted():
    fills = [fill(0.001, 30.0, 0.006), fill(0.009, 270.0, 0.135)]
    [together] = one_fill(lambda: fills)()
    assert together["amount"] == pytest.approx(0.010)
    assert together["cost"] == pytest.approx(300)
    assert together["fee"]["cost"] == pytest.approx(0.141)
    assert together["fee"]["rate"] == pytest.approx(0.141 / 300)


def test_a_rate_in_another_currency_is_left_to_freqtrade():
    [together] = one_fill(lambda: [fill(0.001, 30.0, 0.00002, "BNB")] * 2)()
    assert together["fee"] == {"currency": "BNB", "cost": 0.00004}


@pytest.mark.parametrize(
    "fills",
    [
        [],
        [fill(1, 1.0, 0.1), fill(1, 1.0, 0.1, "BNB")],
        [fill(1, 1.0, 0.1), {**fill(1, 1.0, 0.1), "cost": None}],
        [{"symbol": "BTC/USDT:USDT", "amount": 1, "cost": 1.0, "fee": None}],
    ],
)
def test_fills_that_have_no_common_commission_stay_apart(fills):
    assert one_fill(lambda: fills)() == fills


def test_a_trade_that_always_fails_does_not_keep_others_from_theirs(booking, exchange):
    failing, other = close(factories.trade()), close(factories.trade("ETH/USDT:USDT"))
    fetch = exchange.fetch_funding_history

    def fetch_funding_history(pair, *args):
        if pair == failing.pair:
            raise RuntimeError("broken")
        return fetch(pair, *args)

    exchange.fetch_funding_history = fetch_funding_history
    for minutes in range(1, 6):
        booking.step(CLOSED + timedelta(minutes=minutes))
    assert other.funding_fees == -0.5
    assert [pair for pair, *_ in exchange.asked] == ["ETH/USDT:USDT"]


# Several orders


def sold_twice(side: str = "stoploss") -> Trade:
    """Half is sold at 31,000, the rest at 29,000."""
    trade = factories.trade(amount=0.02)
    trade.orders.append(filled(trade, "sell", 31_000.0, 0.01, START + 10 * HOUR, funding_fee=-0.25))
    trade.recalc_trade_from_orders()
    return close(trade, side, funding_fee=None if side == "stoploss" else -0.25)


def fills_of(trade: Trade, *costs: float) -> list[dict]:
    """The commission of its exits."""
    exits = [order for order in trade.orders if order.ft_order_side != "buy"]
    return [
        {
            "id": number,
            "order": f"child of {o.order_id}" if o.ft_order_side == "stoploss" else o.order_id,
            "amount": o.filled,
            "fee": {"currency": "USDT", "cost": cost},
        }
        for number, (o, cost) in enumerate(zip(exits, costs, strict=True))
    ]


@pytest.mark.parametrize("side", ["stoploss", "sell"])
def test_what_several_exits_have_cost_is_booked_once(booking, exchange, side):
    trade = sold_twice(side)
    before = trade.close_profit_abs - trade.funding_fees + trade.fee_close * 600
    exchange.fills = fills_of(trade, 0.062, 0.145)
    for minutes in range(1, 4):
        booking.step(CLOSED + timedelta(minutes=minutes))
        started(exchange).step(CLOSED + timedelta(minutes=minutes))
    assert trade.close_profit_abs == pytest.approx(before + trade.funding_fees - 0.207)
    assert trade.fee_close_cost == pytest.approx(0.207)
    assert exchange.fills_asked == 1


def test_one_exit_needs_no_request(booking, exchange):
    trade = close(factories.trade())
    booking.step(CLOSED + HOUR)
    assert exchange.fills_asked == 0
    assert [order.ft_fee_base for order in trade.orders] == [0.0, 0.0]


def test_funding_does_not_wait_for_a_commission(booking, exchange, caplog):
    trade = sold_twice()
    fee = trade.fee_close
    for minutes in range(1, 4):
        booking.step(CLOSED + timedelta(minutes=minutes))
    assert (trade.funding_fees, trade.fee_close) == (-0.5, fee)
    assert (len(exchange.asked), exchange.fills_asked) == (1, 3)
    exchange.fills = fills_of(trade, 0.062, 0.145)
    booking.step(CLOSED + timedelta(minutes=4))
    assert trade.fee_close == pytest.approx(0.207 / 600)
    assert len([text for text in caplog.messages if "is not known yet" in text]) == 1


def test_a_commission_in_another_currency_leaves_the_profit_as_it_is(booking, exchange):
    trade = sold_twice("sell")
    before = trade.close_profit_abs
    exchange.fills = [
        {**f, "fee": {"currency": "BNB", "cost": 0.0001}} for f in fills_of(trade, 1, 1)
    ]
    for minutes in range(1, 4):
        booking.step(CLOSED + timedelta(minutes=minutes))
    assert (trade.close_profit_abs, exchange.fills_asked) == (before, 1)


@pytest.mark.parametrize("error", [None, ccxt.BadSymbol("-1121")])
def test_fills_that_are_never_shown_are_given_up(booking, exchange, caplog, error):
    trade = sold_twice("sell")
    before = trade.close_profit_abs
    if error is not None:
        exchange.fetch_my_trades = mock.Mock(side_effect=error)
    for minutes in (2, 61, 62, 63):
        booking.step(CLOSED + timedelta(minutes=minutes))
    assert trade.close_profit_abs == before
    assert len([m for m in caplog.messages if "are left as Freqtrade booked them" in m]) == 1


def test_no_answer_is_never_given_up(booking, exchange):
    trade = sold_twice("sell")
    exchange.fetch_my_trades = mock.Mock(side_effect=ccxt.NetworkError("no answer"))
    for minutes in (2, 61, 62, 63):
        booking.step(CLOSED + timedelta(minutes=minutes))
    assert exchange.fetch_my_trades.call_count == 4
    assert [order.ft_fee_base for order in trade.orders] == [None] * 3
