"""Orders are journaled before they are sent; unanswered ones are found or waited for."""

from __future__ import annotations

from types import SimpleNamespace

import ccxt
import pytest

from perpkit.bot.live.intents import Intents
from perpkit.bot.live.sent_orders import SentOrders
from perpkit.bot.live.stored_orders import is_stored, order_tag
from perpkit.record.journal import Journal, JournalError, Outcome
from perpkit.record.order_ids import LONGEST, Purpose, parse
from perpkit.record.whose import Whose

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
TAG = "abcdef"
STOP = {"stopPrice": 29_000.0, "reduceOnly": True}
EXIT = {"reduceOnly": True}
OUTAGE = ccxt.NetworkError("reset")


class Exchange:
    """A ccxt client whose answers may be lost.

    `lost` orders are carried out without an answer, `refuses` is raised instead of carrying them
    out, `unreadable` is raised by look-ups. `journal` is checked when a request arrives.
    """

    def __init__(self) -> None:
        self.options = {"broker": {"future": "x-cvBPrNm9"}, "recvWindow": 10_000}
        self.now = 0
        self.orders: dict[str, dict] = {}
        self.lost: Exception | dict | None = None
        self.refuses: Exception | None = None
        self.unreadable: Exception | None = None
        self.stored: list[str] = []
        self.cancelled: list[str] = []
        self.journal: Journal
        self.written: list[Outcome] = []

    def milliseconds(self) -> int:
        return self.now

    def create_order(self, symbol, type, side, amount, price=None, params=None):
        entry = self.journal.find(params["clientOrderId"])
        self.written.append(entry and entry.outcome)
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

    def cancel_order(self, id, symbol=None, params=None):
        self.cancelled.append(id)
        for order in self.orders.values():
            if order["id"] == id:
                return order | {"status": "canceled"}
        raise ccxt.OrderNotFound("does not exist")

    def safe_symbol(self, symbol, *_):
        return f"{symbol.removesuffix('USDT')}/USDT:USDT"


@pytest.fixture
def journal() -> Journal:
    made = Journal.create(None, TAG)
    made.begin("Steered", 0)
    return made


@pytest.fixture
def exchange(journal) -> Exchange:
    made = Exchange()
    made.journal = journal
    return made


@pytest.fixture
def bot(exchange) -> SimpleNamespace:
    told: list[str] = []
    return SimpleNamespace(
        exchange=SimpleNamespace(_api=exchange),
        config={"strategy": "Steered"},
        told=told,
        notify_status=lambda message, _: told.append(message),
    )


@pytest.fixture
def sent(bot, exchange, journal) -> SentOrders:
    return SentOrders(bot, Intents(bot, journal), lambda _, order_id: order_id in exchange.stored)


def send(exchange, side="buy", amount=1.0, params=None, pair=BTC, type="limit", price=1.0):
    return exchange.create_order(pair, type, side, amount, price, params)


def outcomes(journal) -> list[Outcome]:
    return [entry.outcome for entry in journal.entries()]


def test_every_order_has_an_id_of_its_own_by_which_it_is_known(exchange, sent):
    for params in (None, EXIT, STOP):
        send(exchange, params=params)
    ids = list(exchange.orders)
    assert [parse(client_id).purpose for client_id in ids] == [
        Purpose.ENTRY,
        Purpose.EXIT,
        Purpose.STOP,
    ]
    assert {sent.whose(client_id) for client_id in ids} == {Whose.OURS}
    assert max(map(len, ids)) <= LONGEST
    assert sent.whose(f"x-cvBPrNm9{TAG}0123456789abcdef") is Whose.OLD
    assert sent.whose(f"x-cvBPrNm9{TAG}-zzzzzz-E1") is Whose.ANOTHERS
    assert sent.whose("x-cvBPrNm9123456aaaaaaaaaaaaaaaa") is Whose.FOREIGN
    assert sent.whose(None) is Whose.FOREIGN


@pytest.mark.parametrize("params", [None, STOP, EXIT])
def test_an_order_is_written_down_before_its_request(exchange, sent, journal, params):
    send(exchange, params=params)
    assert exchange.written == [Outcome.SENT]
    [entry] = journal.entries()
    assert (entry.outcome, entry.order_id, entry.intent.strategy) == (
        Outcome.ANSWERED,
        "1",
        "Steered",
    )


def test_an_order_is_booked_when_the_database_has_it(exchange, sent, journal):
    send(exchange)
    sent.book()
    assert outcomes(journal) == [Outcome.ANSWERED]
    exchange.stored = ["1"]
    sent.book()
    assert outcomes(journal) == [Outcome.BOOKED]
    assert sent.intents.open() == []


@pytest.mark.parametrize(
    "lost",
    [
        OUTAGE,
        ccxt.RequestTimeout("10 s"),
        ccxt.OperationFailed("-1000"),
        ccxt.BaseError("of no kind"),
        ccxt.InvalidOrder("without a code of the exchange"),
        ccxt.DuplicateOrderId("without a code of the exchange"),
        ccxt.DDoSProtection("429 of a server in between"),
        ccxt.RateLimitExceeded("of a server in between"),
        ccxt.OnMaintenance("of a server in between"),
        ccxt.InvalidNonce("of a server in between"),
        KeyError("x"),
        {},
        {"id": None},
    ],
)
@pytest.mark.parametrize("params", [None, STOP, EXIT])
def test_an_order_whose_answer_is_lost_is_found(exchange, sent, lost, params):
    exchange.lost = lost
    assert send(exchange, params=params)["id"] == "1"
    assert not sent.unanswered


@pytest.mark.parametrize(
    "refusal",
    [
        ccxt.DDoSProtection('418 I am a teapot {"code":-1003,"msg":"Way too many requests"}'),
        ccxt.RateLimitExceeded('{"code":-1015,"msg":"Too many new orders"}'),
        ccxt.OnMaintenance('{"code":-1008,"msg":"System is under maintenance."}'),
        ccxt.InvalidNonce('{"code":-1021,"msg":"Timestamp is outside of the recvWindow."}'),
        ccxt.InsufficientFunds("-2019"),
        ccxt.InvalidOrder("-1111"),
        ccxt.AuthenticationError("-2015"),
    ],
)
def test_a_refusal_is_no_lost_answer(exchange, sent, journal, refusal):
    exchange.refuses = refusal
    with pytest.raises(type(refusal)):
        send(exchange)
    assert outcomes(journal) == [Outcome.REFUSED]
    assert journal.entries()[0].note == str(refusal)


def test_the_error_is_that_of_the_order_when_it_cannot_be_looked_up(exchange, sent, journal):
    exchange.lost, exchange.unreadable = OUTAGE, ccxt.RequestTimeout("another")
    with pytest.raises(ccxt.NetworkError, match="reset"):
        send(exchange)
    assert sent.unanswered
    assert outcomes(journal) == [Outcome.SENT]


def lose(exchange, **order):
    """An order that is carried out but cannot be looked up."""
    exchange.lost, exchange.unreadable = OUTAGE, OUTAGE
    with pytest.raises(ccxt.NetworkError):
        send(exchange, **order)
    exchange.lost = exchange.unreadable = None


@pytest.mark.parametrize("params", [None, STOP, EXIT])
def test_the_next_attempt_is_given_the_order_of_the_first(exchange, sent, params):
    lose(exchange, params=params)
    assert send(exchange, params=params)["id"] == "1"
    assert len(exchange.orders) == 1
    assert not sent.unanswered
    assert send(exchange, params=params)["id"] == "2"


def test_the_next_process_is_given_it_as_well(exchange, sent, bot, journal):
    lose(exchange)
    journal.begin("Steered", 5)
    exchange.create_order = Exchange.create_order.__get__(exchange)
    exchange.fetch_order = Exchange.fetch_order.__get__(exchange)
    SentOrders(bot, Intents(bot, journal), lambda *_: False)
    assert send(exchange)["id"] == "1"


@pytest.mark.parametrize("params", [None, STOP, EXIT])
def test_an_order_that_has_found_its_trade_is_not_given_to_another(exchange, sent, params):
    lose(exchange, params=params)
    exchange.stored = ["1"]
    assert send(exchange, params=params)["id"] == "2"


@pytest.mark.parametrize(
    "other",
    [{"side": "sell"}, {"pair": ETH}, {"params": EXIT}, {"params": STOP}],
)
def test_another_order_is_not_taken_for_it(exchange, sent, other):
    lose(exchange)
    assert send(exchange, **other)["id"] == "2"


@pytest.mark.parametrize("params", [None, EXIT])
@pytest.mark.parametrize(
    "other",
    [{"amount": 1.1}, {"price": 1.1}, {"type": "market", "price": None}],
)
def test_an_order_that_rests_does_not_answer_another_and_is_withdrawn(
    exchange, sent, journal, params, other
):
    lose(exchange, params=params)
    assert send(exchange, params=params, **other)["id"] == "2"
    assert exchange.cancelled == ["1"]
    assert outcomes(journal) == [Outcome.CANCELLED, Outcome.ANSWERED]


def test_a_stop_at_another_price_stays_until_the_new_one_is_there(exchange, sent, journal):
    lose(exchange, params=STOP)
    assert send(exchange, params={**STOP, "stopPrice": 29_500.0})["id"] == "2"
    assert exchange.cancelled == []
    assert outcomes(journal) == [Outcome.ANSWERED, Outcome.ANSWERED]


def test_no_entry_beside_another_one_that_has_filled(exchange, sent, journal):
    lose(exchange)
    exchange.orders[next(iter(exchange.orders))].update(status="closed", filled=1.0)
    with pytest.raises(ccxt.RequestTimeout, match="has been carried out"):
        send(exchange, amount=2.0)
    assert outcomes(journal) == [Outcome.ANSWERED]


def test_an_exit_beside_another_one_that_has_filled(exchange, sent, journal):
    lose(exchange, params=EXIT)
    exchange.orders[next(iter(exchange.orders))].update(status="closed", filled=1.0)
    assert send(exchange, amount=2.0, params=EXIT)["id"] == "2"


@pytest.mark.parametrize("status", ["canceled", "expired", "rejected"])
def test_an_order_that_is_over_is_sent_again(exchange, sent, status):
    lose(exchange)
    exchange.orders[next(iter(exchange.orders))]["status"] = status
    assert send(exchange)["id"] == "2"


def test_an_order_that_is_over_with_fills_is_not(exchange, sent):
    lose(exchange)
    exchange.orders[next(iter(exchange.orders))].update(status="expired", filled=0.5)
    assert send(exchange)["id"] == "1"


@pytest.mark.parametrize(("after", "goes_out"), [(0, False), (15_000, False), (15_001, True)])
def test_an_entry_waits_until_an_earlier_one_can_no_longer_arrive(
    exchange, sent, journal, after, goes_out
):
    exchange.refuses = OUTAGE
    with pytest.raises(ccxt.NetworkError):
        send(exchange)
    exchange.refuses, exchange.now = None, after
    if goes_out:
        assert send(exchange)["id"] == "1"
        assert outcomes(journal) == [Outcome.MISSING, Outcome.ANSWERED]
    else:
        with pytest.raises(ccxt.RequestTimeout, match="may still be carried out"):
            send(exchange)
        assert not exchange.orders


@pytest.mark.parametrize("params", [STOP, EXIT])
def test_what_closes_does_not_wait(exchange, sent, params):
    exchange.refuses = OUTAGE
    with pytest.raises(ccxt.NetworkError):
        send(exchange, params=params)
    exchange.refuses = None
    assert send(exchange, params=params)["id"] == "1"


def test_while_nothing_can_be_looked_up_only_what_closes_is_sent(exchange, sent):
    lose(exchange)
    lose(exchange, params=EXIT)
    exchange.unreadable = OUTAGE
    with pytest.raises(ccxt.NetworkError):
        send(exchange)
    assert send(exchange, params=EXIT)["id"] == "3"


def test_an_answer_to_a_look_up_that_has_no_id_is_an_error(exchange, sent):
    exchange.orders["mine"] = {"id": None}
    with pytest.raises(ccxt.BadResponse):
        exchange.fetch_order("", BTC, {"clientOrderId": "mine"})


# A journal that cannot be written


@pytest.fixture
def breaks(journal, monkeypatch):
    """Makes every write fail, until it is called again."""

    def toggle(broken: bool) -> None:
        if not broken:
            monkeypatch.undo()
            return

        def fail(*_):
            raise JournalError("The journal is full")

        monkeypatch.setattr(journal, "_write", fail)

    return toggle


def test_without_a_journal_nothing_is_entered_but_exits_and_stops_go_out(
    bot, exchange, sent, journal, breaks
):
    breaks(True)
    with pytest.raises(ccxt.InvalidOrder, match="The journal is full"):
        send(exchange)
    assert exchange.orders == {}
    assert send(exchange, params=EXIT)["id"] == "1"
    assert send(exchange, params=STOP)["id"] == "2"
    assert {sent.whose(client_id) for client_id in exchange.orders} == {Whose.OURS}
    assert [message.split(".")[0] for message in bot.told] == [
        "The order journal cannot be written"
    ]
    sent.intents.catch_up()
    assert sent.intents.failure == "The journal is full"
    breaks(False)
    sent.intents.catch_up()
    assert sent.intents.failure is None
    assert len(bot.told) == 2
    assert [(e.outcome, e.order_id) for e in journal.entries()] == [
        (Outcome.ANSWERED, "1"),
        (Outcome.ANSWERED, "2"),
    ]
    assert send(exchange)["id"] == "3"


def test_an_outcome_that_could_not_be_written_is_written_later(exchange, sent, journal, breaks):
    lose(exchange)
    breaks(True)
    exchange.stored = ["1"]
    sent.intents.settle(next(iter(exchange.orders)), Outcome.ANSWERED, "1")
    sent.book()
    breaks(False)
    assert outcomes(journal) == [Outcome.SENT]
    sent.intents.catch_up()
    assert outcomes(journal) == [Outcome.BOOKED]


def test_what_else_outlives_the_process(bot, sent, journal, breaks):
    sent.intents.keep("lot", BTC, 0.5)
    assert Intents(bot, journal).kept("lot") == {BTC: 0.5}
    breaks(True)
    sent.intents.keep("lot", BTC, 0.25)
    assert len(bot.told) == 1
    breaks(False)
    sent.intents.keep("lot", BTC, None)
    assert sent.intents.kept("lot") == {}


def test_the_orders_of_the_database(mock_trades):
    order = mock_trades[0].orders[0]
    assert is_stored(order.ft_pair, order.order_id)
    assert not is_stored(ETH, order.order_id)
    assert not is_stored(order.ft_pair, "another")


def test_the_tag_belongs_to_the_database(trade_database):
    tag = order_tag()
    assert len(tag) == 6
    assert order_tag() == tag
