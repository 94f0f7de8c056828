"""The user data stream: each event once, in order, of its own account, while its key is valid."""

from __future__ import annotations

from decimal import Decimal

import pytest

from perpkit.durations import DAY_MS, HOUR_MS, MINUTE_MS
from perpkit.venue.faults.faults import Fault, FaultKind, FaultPlan
from tests.venue.http.streams.listening import Ear, listening, sent
from tests.venue.signed import BTC, buy, rest, stop

K = FaultKind


def words(messages: list) -> list[str]:
    """An event and what became of the order, the position or the setting."""
    out = []
    for message in messages:
        about = message.get("o", message.get("a", {}))
        what = about.get("X", about.get("m", ""))
        out.append(f"{message['e']} {what}".strip())
    return out


BOUGHT = [
    "ORDER_TRADE_UPDATE NEW",
    "ACCOUNT_UPDATE ORDER",
    "TRADE_LITE",
    "ORDER_TRADE_UPDATE FILLED",
]


def test_events_come_once_in_order_to_every_connection_of_the_account(exchange, clock, client):
    def test(ear: Ear):
        key = ear.user()
        raw, combined = ear.connect(key), ear.connect(key, combined=True)
        buy(client)
        ear.turn()
        ear.turn(5)
        first = sent(raw)
        assert words(first) == BOUGHT
        assert sent(combined) == [{"stream": key, "data": message} for message in first]
        assert sent(raw) == []

    listening(exchange, clock, test)


def test_a_liquidation_is_one_of_the_exchange_s_own_orders(exchange, clock, client):
    def test(ear: Ear):
        connection = ear.connect(ear.user())
        buy(client, newClientOrderId="autoclose-1")
        exchange.engine.force_liquidation(exchange.engine.account("key"), BTC, clock.now())
        ear.turn()
        kinds = {
            message["o"]["c"]: message["o"]["o"]
            for message in sent(connection)
            if message["e"] == "ORDER_TRADE_UPDATE"
        }
        assert kinds.pop("autoclose-1") == "MARKET"
        assert list(kinds.values()) == ["LIQUIDATION"]

    listening(exchange, clock, test)


def test_what_happened_before_a_subscription_is_missed(exchange, clock, client):
    """As at the exchange, which replays nothing."""

    def test(ear: Ear):
        key = ear.user()
        stop(client, ear.market)
        buy(client)
        ear.market.faults.add(
            Fault(K.PRICE_GAP, symbol=BTC, since=clock.now() + 1, parameters={"change": -0.3})
        )
        clock.time += MINUTE_MS  # the stop has triggered, and nothing has looked since
        connection = ear.connect(key)
        ear.turn(MINUTE_MS)
        assert sent(connection) == []
        assert client("GET", "/fapi/v3/positionRisk", symbol=BTC) == []
        buy(client)
        ear.turn()
        assert words(sent(connection)) == BOUGHT

    listening(exchange, clock, test)


def test_what_time_brings_is_sent_without_a_request(exchange, clock, client):
    def test(ear: Ear):
        buy(client)
        stop(client, ear.market)
        connection = ear.connect(ear.user())
        settlement = ear.market.premium(BTC).next_funding
        ear.turn(settlement - clock.now() - 1)
        assert sent(connection) == []
        ear.turn(1)
        (fee,) = sent(connection)
        assert (fee["e"], fee["T"], fee["a"]["m"], fee["a"]["S"]) == (
            "ACCOUNT_UPDATE",
            settlement,
            "FUNDING_FEE",
            BTC,
        )
        assert fee["a"]["P"] == []  # cross
        assert Decimal(fee["a"]["B"][0]["bc"]) == exchange.engine.account("key").incomes[-1].amount
        ear.market.faults.add(
            Fault(K.PRICE_GAP, symbol=BTC, since=clock.now() + 1, parameters={"change": -0.3})
        )
        ear.turn(10 * MINUTE_MS)
        assert words(sent(connection)) == [
            "ALGO_UPDATE TRIGGERING",
            "ORDER_TRADE_UPDATE NEW",
            "ALGO_UPDATE TRIGGERED",
            *BOUGHT[1:],
            "ALGO_UPDATE FINISHED",
        ]

    listening(exchange, clock, test)


def test_an_account_hears_only_of_itself(exchange, clock, client):
    def test(ear: Ear):
        exchange.engine.add_account("other", "secret", Decimal(5), clock.now())
        other = ear.connect(ear.user("other"))
        buy(client)
        ear.turn()
        assert sent(other) == []

    listening(exchange, clock, test)


def test_a_change_has_the_number_that_the_user_gave_it(exchange, clock, client):
    def test(ear: Ear):
        placed = rest(client, ear.market)
        connection = ear.connect(ear.user())
        sent_again = {"symbol": BTC, "side": "BUY", "price": placed["price"]}
        for quantity, more in (("0.2", {"modifyId": 44_444}), ("0.3", {})):
            which = {"orderId": placed["orderId"], "quantity": quantity, **more}
            client("PUT", "/fapi/v1/order", **sent_again, **which)
        ear.turn()
        changes = [message["o"] for message in sent(connection)]
        assert [(o["x"], o["q"], o.get("M")) for o in changes] == [
            ("AMENDMENT", "0.200", "44444"),
            ("AMENDMENT", "0.300", None),
        ]

    listening(exchange, clock, test)


def test_settings_are_reported(exchange, clock, client):
    def test(ear: Ear):
        connection = ear.connect(ear.user())
        client("POST", "/fapi/v1/leverage", symbol=BTC, leverage=9)
        client("POST", "/fapi/v1/multiAssetsMargin", multiAssetsMargin="true")
        ear.turn()
        leverage, assets = sent(connection)
        assert leverage["ac"] == {"s": BTC, "l": 9}
        assert assets["ai"] == {"j": True}

    listening(exchange, clock, test)


def test_settings_that_another_user_changes_are_reported_at_their_time(exchange, clock, client):
    """Where the clock jumps over the change and over what follows."""

    def test(ear: Ear):
        client("POST", "/fapi/v1/marginType", symbol=BTC, marginType="ISOLATED")
        buy(client)
        connection = ear.connect(ear.user())
        since = clock.now() + 5 * MINUTE_MS
        fault = Fault(K.SETTINGS_CHANGED, symbol=BTC, since=since, parameters={"leverage": 40})
        ear.market.faults.add(fault)
        ear.turn(HOUR_MS - 1)  # with a settlement
        messages = sent(connection)
        assert words(messages) == [
            "ACCOUNT_CONFIG_UPDATE",
            "ACCOUNT_UPDATE MARGIN_TRANSFER",
            "ACCOUNT_UPDATE FUNDING_FEE",
        ]
        assert [message["E"] == since for message in messages] == [True, True, False]
        assert messages[-1]["E"] > since

    listening(exchange, clock, test)


def test_settings_that_are_refused_as_a_whole_are_not_reported(exchange, clock, client):
    def test(ear: Ear):
        connection = ear.connect(ear.user())
        # The first would be taken, the second is refused because of it.
        refused = {"multi_assets": True, "symbol": BTC, "margin_type": "ISOLATED"}
        answer = client.http.post("/control/settings", json={"api_key": "key", **refused})
        assert (answer.status_code, exchange.engine.account("key").multi_assets) == (400, False)
        ear.turn()
        assert sent(connection) == []

    listening(exchange, clock, test)


def test_a_listen_key_expires_and_says_so_once(exchange, clock, client):
    def test(ear: Ear):
        key = ear.user()
        connection = ear.connect(key)
        ear.turn(HOUR_MS - 1)
        rest(client, ear.market)
        ear.turn()
        assert words(sent(connection)) == ["ORDER_TRADE_UPDATE NEW"]
        expires = clock.now() + 1
        ear.turn(MINUTE_MS)
        assert sent(connection) == [{"e": "listenKeyExpired", "E": expires, "listenKey": key}]
        rest(client, ear.market)
        ear.turn()
        assert sent(connection) == []
        again = ear.connect(ear.user())
        rest(client, ear.market)
        ear.turn()
        assert words(sent(again)) == ["ORDER_TRADE_UPDATE NEW"]

    listening(exchange, clock, test)


def test_what_happens_after_the_key_expired_is_not_sent(exchange, clock, client):
    """Where the clock jumps over both."""

    def test(ear: Ear):
        buy(client)
        connection = ear.connect(ear.user())
        ear.turn(DAY_MS)  # with three settlements, the first of them within the hour
        events = words(sent(connection))
        assert events == ["ACCOUNT_UPDATE FUNDING_FEE", "listenKeyExpired"]

    listening(exchange, clock, test)


def test_what_others_ask_for_after_the_key_expired_hides_nothing(exchange, clock, client):
    """Where the clock has jumped, and the hub has not looked yet."""

    def test(ear: Ear):
        buy(client)
        connection = ear.connect(ear.user())
        clock.time += DAY_MS
        ear.connect("btcusdt@markPrice")
        ear.turn()
        assert words(sent(connection)) == ["ACCOUNT_UPDATE FUNDING_FEE", "listenKeyExpired"]

    listening(exchange, clock, test)


def test_a_closed_key_is_silent(exchange, clock, client):
    def test(ear: Ear):
        connection = ear.connect(ear.user())
        client.http.delete("/fapi/v1/listenKey", headers={"X-MBX-APIKEY": "key"})
        buy(client)
        ear.turn()
        assert sent(connection) == []

    listening(exchange, clock, test)


def test_the_events_asked_for(exchange, clock, client):
    exchange.engine.add_account("other", "s", Decimal(5_000), clock.now())

    def test(ear: Ear):
        first, second = ear.user(), ear.user("other")
        # Of two accounts on one connection, other events each.
        names = [f"{first}@ORDER_TRADE_UPDATE", f"{second}@ACCOUNT_UPDATE"]
        connection = ear.connect(*names, combined=True)
        buy(client)
        client._key, client._secret = "other", "s"
        buy(client)
        ear.turn()
        heard = [(each["stream"], each["data"]["e"]) for each in sent(connection)]
        events = ["ORDER_TRADE_UPDATE"] * 2 + ["ACCOUNT_UPDATE"]
        assert heard == list(zip([names[0], *names], events, strict=True))

    listening(exchange, clock, test)


def test_a_stream_of_some_events_ends_with_its_key(exchange, clock, client):
    def test(ear: Ear):
        key = ear.user()
        names = [f"{key}@ORDER_TRADE_UPDATE", f"{key}@listenKeyExpired"]
        connection = ear.connect(*names)
        ear.turn(HOUR_MS)
        rest(client, ear.market)
        ear.turn()
        assert words(sent(connection)) == ["listenKeyExpired"]
        assert connection.streams == {}

    listening(exchange, clock, test)


def test_without_a_listener_an_account_reports_nothing(exchange, clock):
    def test(ear: Ear):
        account = exchange.engine.account("key")
        connection = ear.connect(ear.user())
        assert account.listener is not None
        ear.hub.unsubscribe(connection, list(connection.streams))
        assert account.listener is None

    listening(exchange, clock, test)


# Faults


def test_a_cut_ends_the_connections_that_it_concerns(exchange, clock, client):
    def test(ear: Ear):
        key = ear.user()
        user, market = ear.connect(key), ear.connect("btcusdt@bookTicker")
        ear.market.faults.add(
            Fault(K.STREAM_CUT, endpoint="*@bookTicker", since=clock.now() + 1, times=1)
        )
        ear.turn()
        assert not market.ended.is_set()
        buy(client)
        ear.turn(1)
        assert market.ended.is_set()
        assert sent(market) == []
        assert not user.ended.is_set()
        assert words(sent(user)) == BOUGHT
        later = ear.connect("btcusdt@bookTicker")
        ear.turn(1000)
        assert not later.ended.is_set()
        assert len(sent(later)) == 1

    listening(exchange, clock, test)


@pytest.mark.parametrize(
    ("kind", "symbol", "expected"),
    [
        (K.STREAM_SILENCE, BTC, []),
        (K.STREAM_SILENCE, "ETHUSDT", BOUGHT),
        (K.STREAM_DUPLICATE, BTC, [each for each in BOUGHT for _ in range(2)]),
        (K.STREAM_DUPLICATE, "ETHUSDT", BOUGHT),
    ],
)
def test_messages_are_lost_or_come_twice(exchange, clock, client, kind, symbol, expected):
    def test(ear: Ear):
        connection = ear.connect(ear.user())
        ear.market.faults.add(Fault(kind, symbol=symbol, since=clock.now()))
        buy(client)
        ear.turn()
        got = words(sent(connection))
        assert got == expected
        assert not connection.ended.is_set()

    listening(exchange, clock, test)


def test_a_settlement_of_a_symbol_is_lost(exchange, clock, client):
    def test(ear: Ear):
        buy(client)
        buy(client, symbol="ETHUSDT", quantity="1")
        connection = ear.connect(ear.user())
        ear.market.faults.add(Fault(K.STREAM_SILENCE, symbol=BTC, since=clock.now()))
        ear.turn(ear.market.premium(BTC).next_funding - clock.now())
        assert [message["a"]["S"] for message in sent(connection)] == ["ETHUSDT"]

    listening(exchange, clock, test)


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (-MINUTE_MS, 0, ["ACCOUNT_UPDATE FUNDING_FEE"]),
        (-MINUTE_MS, 1, []),
        (0, MINUTE_MS, []),
        (1, MINUTE_MS, ["ACCOUNT_UPDATE FUNDING_FEE"]),
    ],
)
def test_a_fault_strikes_what_happened_in_its_time(exchange, clock, client, since, until, expected):
    """Where the clock jumps over both."""

    def test(ear: Ear):
        buy(client)
        connection = ear.connect(ear.user())
        settlement = ear.market.premium(BTC).next_funding
        ear.market.faults.add(
            Fault(K.STREAM_SILENCE, since=settlement + since, until=settlement + until)
        )
        ear.turn(settlement + 10 * MINUTE_MS - clock.now())
        assert words(sent(connection)) == expected

    listening(exchange, clock, test)


@pytest.mark.parametrize(
    ("since", "until", "cut"),
    [(0, 1, False), (0, 1_001, True), (5_000, 6_000, True), (9_000, 9_001, True),
     (9_001, 9_500, False)],
)  # fmt: skip
def test_a_cut_that_the_clock_jumps_over_strikes(exchange, clock, since, until, cut):
    """From 1 s on, when the connection is there, to 9 s."""

    def test(ear: Ear):
        begin = clock.now()
        fault = Fault(K.STREAM_CUT, since=begin + since, until=begin + until)
        ear.turn(1_000)
        connection = ear.connect("btcusdt@bookTicker")
        ear.market.faults.add(fault)
        ear.turn(8_000)
        assert connection.ended.is_set() is cut

    listening(exchange, clock, test)


def test_a_delay_keeps_the_order(exchange, clock, client):
    def test(ear: Ear):
        connection = ear.connect(ear.user())
        ear.market.faults.add(
            Fault(K.STREAM_DELAY, endpoint="ACCOUNT_*", since=clock.now(), parameters={"ms": 5000})
        )
        buy(client)
        ear.turn()
        dues = [due for due, _ in connection.waiting]
        assert dues == sorted(dues)
        assert dues[1] - dues[0] > 4.9
        assert words(sent(connection)) == BOUGHT

    listening(exchange, clock, test)


def test_the_same_seed_loses_the_same_messages(exchange, clock, client):
    def test(ear: Ear):
        lost = Fault(K.STREAM_SILENCE, since=clock.now(), probability=0.5)
        counts = []
        for _ in range(2):
            ear.market.faults = FaultPlan([lost], seed=3)
            connection = ear.connect("btcusdt@markPrice@1s")
            got = []
            for _ in range(30):
                ear.turn(1000)
                got.append(bool(sent(connection)))
            counts.append(got)
            ear.hub.unsubscribe(connection, list(connection.streams))
        assert counts[0] == counts[1]
        assert 5 < sum(counts[0]) < 25

    listening(exchange, clock, test)


def test_a_connection_ends_after_a_day(exchange, clock):
    def test(ear: Ear):
        connection = ear.connect("!markPrice@arr")
        ear.turn(DAY_MS - 1)
        assert not connection.ended.is_set()
        ear.turn(1)
        assert connection.ended.is_set()

    listening(exchange, clock, test)
