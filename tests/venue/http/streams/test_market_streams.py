"""Market streams: what comes, when, and that it is what the REST endpoints answer."""

from __future__ import annotations

import itertools

import pytest

from perpkit.durations import DAY_MS, HOUR_MS, MINUTE_MS
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.faults.faults import Fault, FaultKind
from perpkit.venue.http.streams.names import Route, parse_stream
from perpkit.venue.market import trades
from perpkit.venue.market.history import History
from perpkit.venue.market.listing import Lifetime
from perpkit.venue.market.market import Market
from tests.venue.conftest import START, without_trades
from tests.venue.http.streams.listening import listening, sent

SECOND_MS = 1_000


@pytest.mark.parametrize(
    ("name", "route", "symbol"),
    [
        ("btcusdt@kline_5m", "market", "BTCUSDT"),
        ("btcusdt@kline_1w", "market", "BTCUSDT"),
        ("btcusdt@kline_1M", "market", "BTCUSDT"),
        ("btcusdt_perpetual@continuousKline_5m", "market", "BTCUSDT"),
        ("btcusdt@aggTrade", "market", "BTCUSDT"),
        ("btcusdt@markPrice", "market", "BTCUSDT"),
        ("btcusdt@markPrice@1s", "market", "BTCUSDT"),
        ("!markPrice@arr", "market", None),
        ("!markPrice@arr@1s", "market", None),
        ("btcusdt@trade", "public", "BTCUSDT"),
        ("solusdt@bookTicker", "public", "SOLUSDT"),
        ("solusdt@depth5", "public", "SOLUSDT"),
        ("solusdt@depth20@100ms", "public", "SOLUSDT"),
        ("0123abc", "private", None),
        ("0123abc@ALGO_UPDATE", "private", None),
    ],
)
def test_names(market, name, route, symbol):
    stream = parse_stream(name, market, None)
    assert (stream.route, stream.symbol) == (route, symbol)
    assert parse_stream(name, market, Route(route)) == stream
    other = Route.MARKET if route != "market" else Route.PUBLIC
    with pytest.raises(ValueError, match=f"is on /{route}, not on /{other}"):
        parse_stream(name, market, other)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("BTCUSDT@kline_1m", "lower case"),
        ("nopeusdt@kline_1m", "listed symbol"),
        ("btcusdt@kline_1m", "not one that this venue serves"),  # of a history of 5m
        ("btcusdt@kline_2m", "not one that this venue serves"),
        ("btcusdt@kline", "not one that this venue serves"),
        ("btcusdt@continuousKline_5m", "not one that this venue serves"),
        ("btcusdt_PERPETUAL@continuousKline_5m", "not one that this venue serves"),
        ("btcusdt_next_quarter@continuousKline_5m", "not one that this venue serves"),
        ("btcusdt_perpetual@continuousKline_1m", "not one that this venue serves"),
        ("btcusdt_perpetual@kline_5m", "listed symbol"),
        ("nopeusdt_perpetual@continuousKline_5m", "listed symbol"),
        ("btcusdt@depth7", "not one that this venue serves"),
        ("btcusdt@markPrice@2s", "not one that this venue serves"),
        ("btcusdt@ticker", "not one that this venue serves"),
        ("!ticker@arr", "listed symbol"),
        ("", "listed symbol"),
        ("a" * 129, "too long"),
    ],
)
def test_names_that_are_no_streams(market, name, why):
    with pytest.raises(ValueError, match=why) as caught:
        parse_stream(name, market, None)
    assert repr(name[:128]) in str(caught.value)


def test_each_trade_comes_once_as_rest_has_it(exchange, clock, client):
    def test(ear):
        connection = ear.connect("btcusdt@aggTrade")
        begin, messages = clock.now(), []
        for ms in (0, 100, 900, 50, 61_000, 1, 1_200_000, 300, 0):
            ear.turn(ms)
            messages += sent(connection)
        more = clock.now() - begin
        rows = client(
            "GET", "/fapi/v1/aggTrades", symbol="BTCUSDT", startTime=begin + 1, limit=1000
        )
        rows += client(
            "GET", "/fapi/v1/aggTrades", symbol="BTCUSDT", fromId=rows[-1]["a"] + 1, limit=1000
        )
        assert len(rows) == more // SECOND_MS
        names = rows[0].keys()
        assert [{name: message[name] for name in names} for message in messages] == rows
        assert {message["e"] for message in messages} == {"aggTrade"}

    listening(exchange, clock, test)


def test_single_trades_are_those_of_rest(exchange, clock, client):
    def test(ear):
        connection = ear.connect("btcusdt@trade")
        messages = []
        for ms in (0, 1_500, 2_000, 10, 6_490):
            ear.turn(ms)
            messages += sent(connection)
        rows = client("GET", "/fapi/v1/trades", symbol="BTCUSDT", limit=10)
        assert [(m["t"], m["p"], m["q"], m["T"], m["m"]) for m in messages] == [
            (r["id"], r["price"], r["qty"], r["time"], r["isBuyerMaker"]) for r in rows
        ]
        assert {(m["e"], m["s"], m["X"]) for m in messages} == {("trade", "BTCUSDT", "MARKET")}

    listening(exchange, clock, test)


def test_trades_come_again_after_days_without_any(history, clock):
    quiet = clock.now() + HOUR_MS, clock.now() + 5 * DAY_MS
    market = Market(without_trades(history, *quiet), clock, seed=7)

    def test(ear):
        connection = ear.connect("btcusdt@aggTrade")
        times = []
        for ms in (HOUR_MS, *[DAY_MS] * 4, DAY_MS, *[0] * 12):
            ear.turn(ms)
            times += [message["T"] for message in sent(connection)]
        first = next(time for time in times if time >= quiet[1])
        assert first < quiet[1] + 5 * MINUTE_MS
        assert times == sorted(set(times))

    listening(Exchange(market), clock, test)


def test_what_was_searched_in_vain_is_not_searched_again(history, clock, monkeypatch):
    now = clock.now()
    market = Market(without_trades(history, now - HOUR_MS, now + 2 * DAY_MS), clock, seed=7)
    searched, oldest = [], trades.oldest

    def noted(pair, over, first, last, limit):
        searched.append(last - first + 1)
        return oldest(pair, over, first, last, limit)

    monkeypatch.setattr(trades, "oldest", noted)

    def test(ear):
        ear.connect("btcusdt@aggTrade")
        for ms in (DAY_MS, *[SECOND_MS] * 5):
            ear.turn(ms)
        assert searched == [DAY_MS // SECOND_MS, *[1] * 5]

    listening(Exchange(market), clock, test)


def test_a_stream_begins_with_the_present_after_days_without_trades(history, clock):
    now = clock.now()
    market = Market(without_trades(history, now - 3 * DAY_MS, now + HOUR_MS), clock, seed=7)

    def test(ear):
        connection = ear.connect("btcusdt@aggTrade")
        ear.turn(2 * HOUR_MS)  # with more trades than come at a look
        first = sent(connection)[0]["T"]
        assert now + HOUR_MS <= first < now + HOUR_MS + 5 * MINUTE_MS

    listening(Exchange(market), clock, test)


def test_a_new_listing_sends_its_trades_from_the_first_on(history, clock):
    listed = START + 31 * DAY_MS
    pair = history.pairs["BTCUSDT"].within(Lifetime(listed))
    market = Market(History({**history.pairs, "BTCUSDT": pair}), clock, seed=7)

    def test(ear):
        connection = ear.connect("btcusdt@aggTrade")
        ear.turn(listed + HOUR_MS - clock.now())
        assert sent(connection)[0]["T"] == listed

    listening(Exchange(market), clock, test)


def test_a_source_that_fails_stops_no_other(exchange, clock, monkeypatch, caplog):
    made = exchange.market.premium

    def fails(symbol: str):
        if symbol == "ETHUSDT":
            raise ZeroDivisionError
        return made(symbol)

    monkeypatch.setattr(exchange.market, "premium", fails)

    def test(ear):
        connection = ear.connect("ethusdt@markPrice@1s", "btcusdt@markPrice@1s")
        ear.turn()
        assert [message["s"] for message in sent(connection)] == ["BTCUSDT"]
        assert "ethusdt@markPrice@1s" in caplog.text

    listening(exchange, clock, test)


def test_each_candle_closes_once_as_rest_has_it(exchange, clock, client):
    def test(ear):
        begin = clock.now() // (5 * MINUTE_MS) * 5 * MINUTE_MS
        connection = ear.connect("btcusdt@kline_5m")
        messages = []
        for ms in (0, 50, 250, 40_000, 5 * MINUTE_MS, 1, 17 * MINUTE_MS, HOUR_MS, 300):
            ear.turn(ms)
            messages += sent(connection)
        candles = [message["k"] for message in messages]
        closed = [candle for candle in candles if candle["x"]]
        rows = client("GET", "/fapi/v1/klines", symbol="BTCUSDT", interval="5m", startTime=begin)
        assert [
            [k["t"], k["o"], k["h"], k["l"], k["c"], k["v"], k["T"], k["q"], k["n"], k["V"],
             k["Q"], k["B"]]
            for k in closed
        ] == rows[:-1]  # fmt: skip
        # Each of them before anything of the next, and the ids of its trades, too.
        assert [k["t"] for k in candles] == sorted(k["t"] for k in candles)
        assert all(k["L"] - k["f"] + 1 == k["n"] for k in closed)
        assert all(a["L"] < b["f"] for a, b in itertools.pairwise(closed))

    listening(exchange, clock, test)


def test_continuous_candles_are_those_of_the_perpetual(exchange, clock):
    def test(ear):
        plain = ear.connect("ethusdt@kline_5m")
        continuous = ear.connect("ethusdt_perpetual@continuousKline_5m")
        for ms in (0, 250, 5 * MINUTE_MS, 11 * MINUTE_MS):
            ear.turn(ms)
        expected = [
            {
                "e": "continuous_kline",
                "E": message["E"],
                "ps": "ETHUSDT",
                "ct": "PERPETUAL",
                "k": {name: value for name, value in message["k"].items() if name != "s"},
            }
            for message in sent(plain)
        ]
        assert len([message for message in expected if message["k"]["x"]]) >= 3
        assert sent(continuous) == expected

    listening(exchange, clock, test)


def test_a_candle_being_formed_comes_every_250_ms_at_most(exchange, clock):
    def test(ear):
        connection = ear.connect("btcusdt@kline_1h")
        times = []
        for _ in range(100):
            ear.turn(50)
            times += [message["E"] for message in sent(connection)]
        gaps = [b - a for a, b in itertools.pairwise(times)]
        assert len(times) > 10
        assert min(gaps) >= 250

    listening(exchange, clock, test)


@pytest.mark.parametrize(("name", "every"), [("btcusdt@markPrice", 3), ("btcusdt@markPrice@1s", 1)])
def test_mark_prices(exchange, clock, client, name, every):
    def test(ear):
        connection = ear.connect(name)
        ear.turn()
        rest = client("GET", "/fapi/v1/premiumIndex", symbol="BTCUSDT")
        (first,) = sent(connection)
        assert (first["p"], first["i"], first["r"], first["T"]) == (
            rest["markPrice"],
            rest["indexPrice"],
            rest["lastFundingRate"],
            rest["nextFundingTime"],
        )
        count = 0
        for _ in range(300):
            ear.turn(100)
            count += len(sent(connection))
        assert abs(count - 30 // every) <= 1

    listening(exchange, clock, test)


def test_all_mark_prices(exchange, clock):
    def test(ear):
        connection = ear.connect("!markPrice@arr@1s", combined=True)
        ear.turn()
        (message,) = sent(connection)
        assert message["stream"] == "!markPrice@arr@1s"
        assert [row["s"] for row in message["data"]] == ear.market.traded

    listening(exchange, clock, test)


def test_books_come_once_a_second_as_rest_has_them(exchange, clock, client):
    def test(ear):
        connection = ear.connect("btcusdt@bookTicker", "btcusdt@depth5@100ms")
        ids = []
        for _ in range(25):
            ear.turn(200)
            got = {message["e"]: message for message in sent(connection)}
            if not got:
                continue
            top, depth = got["bookTicker"], got["depthUpdate"]
            rest = client("GET", "/fapi/v1/ticker/bookTicker", symbol="BTCUSDT")
            assert (top["b"], top["B"], top["a"], top["A"], top["u"]) == (
                rest["bidPrice"],
                rest["bidQty"],
                rest["askPrice"],
                rest["askQty"],
                rest["lastUpdateId"],
            )
            book = client("GET", "/fapi/v1/depth", symbol="BTCUSDT", limit=5)
            assert (depth["b"], depth["a"]) == (book["bids"], book["asks"])
            ids.append((depth["pu"], depth["u"]))
        assert len(ids) == 5 + 1
        assert all(a[1] == b[0] for a, b in itertools.pairwise(ids))

    listening(exchange, clock, test)


def test_a_stale_book_is_not_sent_again(exchange, clock):
    def test(ear):
        connection = ear.connect("btcusdt@bookTicker")
        ear.turn()
        sent(connection)
        ear.market.faults.add(Fault(FaultKind.STALE_BOOK, since=clock.now() + 1))
        for _ in range(5):
            ear.turn(SECOND_MS)
        assert sent(connection) == []

    listening(exchange, clock, test)


def test_a_delisted_contract_sends_nothing(exchange, clock):
    def test(ear):
        now = clock.now()
        ear.market.faults.add(
            Fault(FaultKind.DELISTING, symbol="SOLUSDT", since=now, until=now + DAY_MS)
        )
        connection = ear.connect("solusdt@bookTicker", "solusdt@kline_5m", "solusdt@markPrice")
        ear.turn()
        assert len(sent(connection)) == 3
        ear.turn(DAY_MS)
        sent(connection)
        ear.turn(HOUR_MS)
        assert sent(connection) == []

    listening(exchange, clock, test)
