"""The stops of a position that was handed over, several where it is larger than a lot."""

from __future__ import annotations

import json
from math import inf
from types import SimpleNamespace

import pytest
from freqtrade.exceptions import RetryableOrderError, TemporaryError

from perpkit.bot.live.at_exchange import AtExchange, Resting
from perpkit.bot.live.handed_over import KIND, HandedOver, HandedOverPositions
from perpkit.bot.live.held import Sides
from perpkit.record.whose import Whose

BTC = "BTC/USDT:USDT"
THREE = {"a": 1.0, "b": 1.0, "c": 0.5}


class Exchange:
    """Takes stops of one lot at most, as `StopOrders.create_stoploss` sends them."""

    def __init__(self) -> None:
        self.stops: dict[str, float] = {}
        self.ended: dict[str, str] = {}  # statuses of others; those in neither are forgotten
        self.foreign: dict[str, float] = {}
        self.placed: list[float] = []
        self.takes, self.lot = inf, 1.0  # how many stops, and how much with one

    def create_stoploss(self, *, pair, amount, stop_price, side, **_how):
        assert (pair, stop_price, side) == (BTC, 95.0, "sell")
        if len(self.placed) >= self.takes:
            raise TemporaryError("-1008")
        number, part = f"new{len(self.placed)}", min(amount, self.lot)
        self.placed.append(part)
        self.stops[number] = part
        return {"id": number, "amount": part}

    def fetch_order(self, number, pair, params, *, count):
        assert (pair, params, count) == (BTC, {"stop": True}, 0)
        if number not in self.ended:
            raise RetryableOrderError("-2013")
        return {"status": self.ended[number]}

    def end(self, number: str, status: str | None) -> None:
        del self.stops[number]
        if status is not None:
            self.ended[number] = status


class Memory(dict):
    """As the journal keeps it: in JSON."""

    def keep(self, kind, name, value) -> None:
        assert kind == KIND
        self[name] = json.dumps(value)

    def kept(self, kind):
        return {name: json.loads(value) for name, value in self.items()}


class Desk:
    """A position of 2.5 with three stops."""

    def __init__(self, stops=THREE, **given) -> None:
        self.exchange, self.memory, self.said = Exchange(), Memory(), []
        self.exchange.stops = dict(stops)
        self.held = 2.5
        record = {
            "trade": 1, "opened": "2026-03-02T10:00:00+00:00", "is_short": False, "amount": 2.5,
            "price": 95.0, "leverage": 3.0, "stops": dict(stops), **given,
        }  # fmt: skip
        self.memory.keep(KIND, BTC, record)
        self.start()

    def start(self) -> None:
        bot = SimpleNamespace(
            exchange=self.exchange,
            strategy=SimpleNamespace(order_types={}),
            rpc=SimpleNamespace(_rpc=SimpleNamespace(_rpc_delete=None)),
            notify_status=lambda message, _kind: self.said.append(message),
        )
        self.positions = HandedOverPositions(
            bot, self.memory, keep_stop=True, end_orders=lambda _: None
        )

    def look(self) -> None:
        """Compares, and once more: what is there is left alone."""
        for _ in range(2):
            stops = [(self.exchange.stops, Whose.OURS), (self.exchange.foreign, Whose.FOREIGN)]
            seen = tuple(
                Resting(number, BTC, "sell", amount, 0.0, whose)
                for each, whose in stops
                for number, amount in each.items()
            )
            held = {BTC: Sides(long=self.held)} if self.held else {}
            self.positions.update(AtExchange(held, stops=seen))


@pytest.fixture
def desk(trade_database) -> Desk:
    return Desk()


def test_what_is_covered_is_left_alone(desk):
    desk.look()
    assert (desk.exchange.placed, desk.said) == ([], [])


@pytest.mark.parametrize("status", ["expired", "rejected", None])
@pytest.mark.parametrize(
    ("gone", "placed"), [("b", [1.0]), ("c", [0.5]), ("ab", [1.0, 1.0]), ("abc", [1.0, 1.0, 0.5])]
)
def test_stops_that_the_exchange_has_ended_are_placed_again(desk, status, gone, placed):
    for number in gone:
        desk.exchange.end(number, status)
    desk.look()
    assert desk.exchange.placed == placed
    assert sum(desk.exchange.stops.values()) == 2.5
    assert desk.said == []
    desk.start()  # it knows them after a restart
    desk.look()
    assert desk.exchange.placed == placed


@pytest.mark.parametrize(
    ("status", "words"), [("canceled", "was cancelled"), ("closed", "has triggered")]
)
def test_what_the_trader_has_cancelled_or_has_triggered_is_not(desk, status, words):
    desk.exchange.end("a", status)
    desk.exchange.end("c", "expired")
    desk.look()
    assert desk.exchange.placed == [0.5]
    [message] = desk.said
    for part in (words, "2.5 of the position are still open, 1.5 of it with a stop", "no new stop"):
        assert part in message
    for number in ("b", "new0"):
        desk.exchange.end(number, status)
    desk.look()
    desk.start()
    desk.look()
    assert desk.exchange.placed == [0.5]
    assert len(desk.said) == 2
    assert "none of it with a stop" in desk.said[1]


@pytest.mark.parametrize(("held", "placed"), [(4.0, [1.0]), (2.0, [0.5]), (1.5, []), (1.0, [])])
def test_no_more_than_the_trade_had_and_than_there_is_gets_stops(desk, held, placed):
    """The trader adds to the position, or sells a part of it."""
    desk.held = held
    desk.exchange.foreign = {"by hand": 1.0}
    desk.exchange.end("b", "expired")
    desk.look()
    assert desk.exchange.placed == placed


def test_a_stop_that_fails_is_placed_at_the_next_look(desk):
    for number in THREE:
        desk.exchange.end(number, "expired")
    desk.exchange.takes = 1
    desk.look()
    assert desk.exchange.placed == [1.0]
    desk.exchange.takes = inf
    desk.look()
    assert desk.exchange.placed == [1.0, 1.0, 0.5]


def test_parts_are_without_floating_point_dust(trade_database):
    desk = Desk({"a": 0.1, "b": 0.2}, amount=0.3)
    desk.held, desk.exchange.lot = 0.3, 0.1
    desk.exchange.end("b", "expired")
    desk.look()
    assert desk.exchange.placed == [0.1, 0.1]
    for number in ("new0", "new1", "a"):
        desk.exchange.end(number, "expired")
    desk.look()
    assert desk.exchange.placed == [0.1] * 5


def test_one_that_a_snapshot_lacks_and_is_open_is_there(desk):
    desk.exchange.end("b", "open")
    desk.look()
    assert (desk.exchange.placed, desk.said) == ([], [])


@pytest.mark.parametrize("amount", [2.5, 0.0])
def test_a_journal_of_an_earlier_version_names_one_stop(trade_database, amount):
    desk = Desk({"old": 2.5}, amount=amount)
    record = desk.memory.kept(KIND)[BTC]
    del record["stops"]
    desk.memory.keep(KIND, BTC, {**record, "stop": "old"})
    desk.start()
    desk.exchange.end("old", "canceled")
    desk.look()
    assert desk.exchange.placed == []
    assert "none of it with a stop" in desk.said[0]


def test_one_without_a_stop_yet_is_read_as_well():
    value = {
        "trade": 1, "opened": "", "is_short": True, "amount": 1.0, "price": 9.0, "leverage": 1.0,
        "stop": None,
    }  # fmt: skip
    assert HandedOver.of_memory(value).stops == {}
