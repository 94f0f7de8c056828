"""Orders without an answer: found, waited for, adopted, or left behind."""

from __future__ import annotations

from types import SimpleNamespace

import ccxt
import pytest

from perpkit.bot.live.order_answers import OrderAnswers, is_stored, order_tag

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
TAG = "abcdef"
STOP = {"stopPrice": 29_000.0, "reduceOnly": True}
EXIT = {"reduceOnly": True}
OUTAGE = ccxt.NetworkError("reset")


class Exchange:
    """A ccxt client whose answers may be lost.

    `lost` orders are carried out without an answer, `refuses` is raised instead of carrying them
    out, `unreadable` is raised by look-ups.
    """

    def __init__(self) -> None:
        self.options = {"broker": {"future": "x-cvBPrNm9"}, "recvWindow": 10_000}
        self.now = 0
        self.orders: dict[str, dict] = {}
        self.lost: Exception | dict | None = None
        self.refuses: Exception | None = None
        self.unreadable: Exception | None = None
        self.open_stops: list[dict] = []
        self.stored: list[str] = []

    def milliseconds(self) -> int:
        return self.now

    def create_order(self, symbol, type, side, amount, price=None, params=None):
        if self.refuses is not None:
            raise self.refuses
        client_id = params["clientOrderId"]
        order = {"id": str(len(self.orders) + 1), "amount": amount, "status": "open", "filled": 0}
        self.orders[client_id] = order
        if isinstance(self.lost, Exception):
            raise self.lost
        return order if self.lost is None else self.lost

    def fetch_order(self, id, symbol=None, params=None):
        if self.unreadable is not None:
            raise self.unreadable
        for client_id, order in self.orders.items():
            if client_id == params["clientOrderId"]:
                return order
        raise ccxt.OrderNotFound("does not exist")

    def fapiPrivateGetOpenAlgoOrders(self):  # noqa: N802 - ccxt's name
        return self.open_stops

    def safe_symbol(self, symbol, *_):
        return f"{symbol.removesuffix('USDT')}/USDT:USDT"


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


@pytest.fixture
def answers(exchange) -> OrderAnswers:
    bot = SimpleNamespace(exchange=SimpleNamespace(_api=exchange))
    return OrderAnswers(bot, TAG, lambda _, order_id: order_id in exchange.stored)


def send(exchange, side="buy", amount=1.0, params=None, pair=BTC):
    return exchange.create_order(pair, "limit", side, amount, 1.0, params)


def test_every_order_has_an_id_of_its_own(exchange, answers):
    for _ in range(3):
        send(exchange)
    assert len(exchange.orders) == 3
    assert all(answers.owns(client_id) for client_id in exchange.orders)
    assert {len(client_id) for client_id in exchange.orders} == {32}
    assert not answers.owns("x-cvBPrNm9123456aaaaaaaaaaaaaaaa")
    assert not answers.owns(None)


@pytest.mark.parametrize(
    "lost",
    [OUTAGE, ccxt.RequestTimeout("10 s"), ccxt.OperationFailed("-1000"), {"id": None}],
)
@pytest.mark.parametrize("params", [None, STOP, EXIT])
def test_an_order_whose_answer_is_lost_is_found(exchange, answers, lost, params):
    exchange.lost = lost
    assert send(exchange, params=params)["id"] == "1"
    assert not answers.unsettled


@pytest.mark.parametrize(
    "refusal",
    [
        ccxt.DDoSProtection("418"),
        ccxt.RateLimitExceeded("429"),
        ccxt.OnMaintenance("503"),
        ccxt.InvalidNonce("-1021"),
        ccxt.InsufficientFunds("-2019"),
        ccxt.InvalidOrder("-1111"),
    ],
)
def test_a_refusal_is_no_lost_answer(exchange, answers, refusal):
    exchange.refuses = refusal
    with pytest.raises(type(refusal)):
        send(exchange)
    assert not answers.unsettled


def test_the_error_is_that_of_the_order_when_it_cannot_be_looked_up(exchange, answers):
    exchange.lost, exchange.unreadable = OUTAGE, ccxt.RequestTimeout("another")
    with pytest.raises(ccxt.NetworkError, match="reset"):
        send(exchange)
    assert answers.unsettled


def lose(exchange, **order):
    """An order that is carried out, and cannot be looked up."""
    exchange.lost, exchange.unreadable = OUTAGE, OUTAGE
    with pytest.raises(ccxt.NetworkError):
        send(exchange, **order)
    exchange.lost = exchange.unreadable = None


@pytest.mark.parametrize("params", [None, STOP, EXIT])
def test_the_next_attempt_is_given_the_order_of_the_first(exchange, answers, params):
    lose(exchange, params=params)
    assert send(exchange, params=params)["id"] == "1"
    assert len(exchange.orders) == 1
    assert not answers.unsettled
    assert send(exchange, params=params)["id"] == "2"


@pytest.mark.parametrize("params", [None, STOP, EXIT])
def test_an_order_that_has_found_its_trade_is_not_given_to_another(exchange, answers, params):
    lose(exchange, params=params)
    exchange.stored = ["1"]
    assert send(exchange, params=params)["id"] == "2"


def test_an_order_that_nobody_wants_any_more_is_not_given_to_the_next(exchange, answers):
    lose(exchange)
    lose(exchange, pair=ETH)
    answers.forget(BTC)
    assert send(exchange)["id"] == "3"
    assert send(exchange, pair=ETH)["id"] == "2"


@pytest.mark.parametrize(
    "other",
    [{"side": "sell"}, {"pair": ETH}, {"params": EXIT}, {"params": STOP}],
)
def test_another_order_is_not_taken_for_it(exchange, answers, other):
    lose(exchange)
    assert send(exchange, **other)["id"] == "2"
    assert answers.unsettled


def test_an_entry_of_another_amount_is_the_same_entry_but_a_stop_is_not(exchange, answers):
    lose(exchange, amount=1.0)
    assert send(exchange, amount=1.1)["id"] == "1"
    lose(exchange, amount=1.0, params=STOP)
    assert send(exchange, amount=2.0, params=STOP)["id"] == "3"


@pytest.mark.parametrize("status", ["canceled", "expired", "rejected"])
def test_an_order_that_is_over_is_sent_again(exchange, answers, status):
    lose(exchange)
    exchange.orders[next(iter(exchange.orders))]["status"] = status
    assert send(exchange)["id"] == "2"


def test_an_order_that_is_over_with_fills_is_not(exchange, answers):
    lose(exchange)
    exchange.orders[next(iter(exchange.orders))].update(status="expired", filled=0.5)
    assert send(exchange)["id"] == "1"


@pytest.mark.parametrize(("after", "sent"), [(0, False), (15_000, False), (15_001, True)])
def test_an_entry_waits_until_an_earlier_one_can_no_longer_arrive(exchange, answers, after, sent):
    exchange.refuses = OUTAGE
    with pytest.raises(ccxt.NetworkError):
        send(exchange)
    exchange.refuses, exchange.now = None, after
    if sent:
        assert send(exchange)["id"] == "1"
    else:
        with pytest.raises(ccxt.RequestTimeout, match="may still be carried out"):
            send(exchange)
        assert not exchange.orders


@pytest.mark.parametrize("params", [STOP, EXIT])
def test_what_closes_does_not_wait(exchange, answers, params):
    exchange.refuses = OUTAGE
    with pytest.raises(ccxt.NetworkError):
        send(exchange, params=params)
    exchange.refuses = None
    assert send(exchange, params=params)["id"] == "1"


def test_while_nothing_can_be_looked_up_only_what_closes_is_sent(exchange, answers):
    lose(exchange)
    lose(exchange, params=EXIT)
    exchange.unreadable = OUTAGE
    with pytest.raises(ccxt.NetworkError):
        send(exchange)
    assert send(exchange, params=EXIT)["id"] == "3"


def test_what_is_left_behind_in_the_book(exchange, answers):
    lose(exchange)
    lose(exchange, params=STOP)
    lose(exchange, pair=ETH)
    exchange.orders[list(exchange.orders)[2]]["status"] = "closed"
    assert list(answers.left_behind()) == []  # somebody may still want them
    exchange.now = 15_001
    exchange.unreadable = OUTAGE
    assert list(answers.left_behind()) == []
    exchange.unreadable = None
    left = [(o["id"], o["symbol"], o["stop"]) for o in answers.left_behind()]
    assert left == [("1", BTC, False), ("2", BTC, True)]
    assert not answers.unsettled


def test_an_answer_to_a_look_up_that_has_no_id_is_an_error(exchange, answers):
    exchange.orders["mine"] = {"id": None}
    with pytest.raises(ccxt.BadResponse):
        exchange.fetch_order("", BTC, {"clientOrderId": "mine"})


def test_stops_at_the_exchange_that_are_this_bots(exchange, answers):
    exchange.open_stops = [
        {"symbol": "BTCUSDT", "algoId": 7, "clientAlgoId": f"x-cvBPrNm9{TAG}0123456789abcdef"},
        {"symbol": "ETHUSDT", "algoId": 8, "clientAlgoId": "somebody"},
    ]
    assert list(answers.open_stops()) == [(BTC, "7")]


def test_the_orders_of_the_database(mock_trades):
    order = mock_trades[0].orders[0]
    assert is_stored(order.ft_pair, order.order_id)
    assert not is_stored(ETH, order.order_id)
    assert not is_stored(order.ft_pair, "another")


def test_the_tag_belongs_to_the_database(trade_database):
    tag = order_tag()
    assert len(tag) == 6
    assert order_tag() == tag
