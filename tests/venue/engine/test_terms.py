"""Limits taken from the book, orders good till a moment, and price protection."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.venue.engine import Depth, NewOrder
from perpkit.venue.errors import VenueError
from tests.cases import cases
from tests.venue.engine.desk import Desk, dec, depth

BTC = "BTCUSDT"
BOOK = depth("99.9", "100.1", levels=20)


def code_of(act) -> int:
    with pytest.raises(VenueError) as refused:
        act()
    return refused.value.code


def matched(desk: Desk, side: str, match: str, **more):
    """An order without a price; the time in force is sent although no price is."""
    new = NewOrder(
        BTC, side, more.pop("type", "LIMIT"), dec(1), time_in_force=more.pop("tif", "GTC"),
        price_match=match, **more,
    )  # fmt: skip
    return desk.engine.place_order(desk.user, new, desk.now)


class TestPriceMatch:
    @pytest.mark.parametrize(
        ("side", "match", "price"),
        [
            ("BUY", "OPPONENT", "100.1"),
            ("BUY", "OPPONENT_5", "100.5"),
            ("BUY", "OPPONENT_10", "101.0"),
            ("BUY", "OPPONENT_20", "102.0"),
            ("BUY", "QUEUE", "99.9"),
            ("BUY", "QUEUE_5", "99.5"),
            ("BUY", "QUEUE_10", "99.0"),
            ("BUY", "QUEUE_20", "98.0"),
            ("SELL", "OPPONENT", "99.9"),
            ("SELL", "OPPONENT_20", "98.0"),
            ("SELL", "QUEUE", "100.1"),
            ("SELL", "QUEUE_5", "100.5"),
        ],
    )
    def test_the_price_is_that_of_the_level(self, side, match, price):
        desk = Desk()
        desk.price(100, book=BOOK)
        order = matched(desk, side, match)
        assert (order.price, order.price_match) == (dec(price), match)
        assert order.status == ("FILLED" if match.startswith("OPPONENT") else "NEW")

    @pytest.mark.parametrize(
        ("code", "match", "more"),
        [
            (-5037, "BEST", {}),
            (-5037, "", {}),
            (-5038, "QUEUE", {"type": "MARKET", "tif": None}),
            (-1106, "QUEUE", {"price": dec(100)}),
            (-1102, "NONE", {}),
            (-5022, "OPPONENT", {"tif": "GTX"}),
        ],
    )
    def test_what_it_does_not_go_with(self, code, match, more):
        desk = Desk()
        desk.price(100, book=BOOK)
        assert code_of(lambda: matched(desk, "BUY", match, **more)) == code
        assert not desk.user.orders

    @pytest.mark.parametrize("match", ["OPPONENT_20", "QUEUE_10", "OPPONENT"])
    def test_a_book_that_does_not_reach_that_far(self, match):
        desk = Desk()
        bids = ((dec("99.9"), dec(1)),)
        desk.price(100, book=Depth(bids, () if match == "OPPONENT" else BOOK.asks[:19]))
        assert code_of(lambda: matched(desk, "BUY", match)) == -5041

    @pytest.mark.parametrize("kind", ["STOP", "TAKE_PROFIT"])
    def test_a_conditional_order_takes_its_price_when_it_triggers(self, kind):
        desk = Desk()
        desk.order("BUY", 1)
        trigger, there = ("95", "94") if kind == "STOP" else ("105", "106")
        algo = desk.algo("SELL", kind, 1, trigger, price_match="QUEUE_5", reduce_only=True)
        assert (algo.price, algo.price_match) == (0, "QUEUE_5")
        desk.price(there, book=depth(there, dec(there) + dec("0.2")))
        assert algo.order is not None
        assert algo.order.price == dec(there) + dec("0.6")

    def test_a_conditional_order_that_finds_no_book_is_rejected(self):
        desk = Desk()
        desk.order("BUY", 1)
        algo = desk.algo("SELL", "STOP", 1, 95, price_match="OPPONENT", reduce_only=True)
        desk.price(94, book=Depth())
        assert algo.status == "REJECTED"
        assert algo.refusal is not None
        assert algo.refusal.code == -5041

    @pytest.mark.parametrize(
        ("code", "kind", "more"),
        [
            (-5038, "STOP_MARKET", {"price_match": "QUEUE"}),
            (-5038, "TRAILING_STOP_MARKET", {"price_match": "QUEUE", "callback_rate": 1}),
            (-1106, "STOP", {"price_match": "QUEUE", "price": 95}),
            (-5037, "STOP", {"price_match": "QUEUE_1"}),
        ],
    )
    def test_conditional_orders_that_cannot_have_it(self, code, kind, more):
        desk = Desk()
        assert code_of(lambda: desk.algo("SELL", kind, 1, 95, **more)) == code


class TestGoodTill:
    def test_it_rests_and_expires_at_its_second(self):
        desk = Desk()
        till = desk.now + 700_999
        order = desk.order("BUY", 1, 99, "GTD", good_till=till)
        moment = till // 1000 * 1000
        assert (order.time_in_force, order.good_till, order.status) == ("GTD", moment, "NEW")
        assert desk.engine.next_time(BTC, desk.now) == moment
        assert desk.engine.next_time("ETHUSDT", desk.now) is None
        assert desk.engine.next_time(BTC, moment) is None
        desk.engine.on_time(BTC, moment - 1)
        assert order.status == "NEW"
        for _ in range(2):
            desk.engine.on_time(BTC, moment)
            assert (order.status, order.updated) == ("EXPIRED", moment)
        assert desk.engine.open_orders(desk.user) == []
        assert desk.engine.next_time(BTC, desk.now) is None

    def test_it_fills_before(self):
        desk = Desk()
        order = desk.order("BUY", 1, 99, "GTD", good_till=desk.now + 700_000)
        desk.price(98)
        assert (order.status, order.average) == ("FILLED", 99)

    def test_a_price_that_comes_late_finds_it_expired(self):
        desk = Desk()
        order = desk.order("BUY", 1, 99, "GTD", good_till=desk.now + 700_000)
        desk.now += 800_000
        desk.price(98)
        assert (order.status, order.executed) == ("EXPIRED", 0)

    @pytest.mark.parametrize(
        ("code", "tif", "ahead"),
        [
            (-1102, "GTD", None),
            (-5040, "GTD", 600_000),
            (-5040, "GTD", -1),
            (-5040, "GTD", 253_402_300_799_000),
            (-1106, "GTC", 700_000),
        ],
    )
    def test_dates_that_are_refused(self, code, tif, ahead):
        desk = Desk()
        till = None if ahead is None else desk.now + ahead
        assert code_of(lambda: desk.order("BUY", 1, 99, tif, good_till=till)) == code
        for kind in ("STOP", "STOP_MARKET"):
            more = {"price": 95} if kind == "STOP" else {}
            assert (
                code_of(
                    lambda kind=kind, more=more: desk.algo(
                        "SELL", kind, 1, 95, time_in_force=tif, good_till=till, **more
                    )
                )
                == code
            )

    def test_a_conditional_order_expires_too(self):
        desk = Desk()
        till = desk.now + 700_000
        algo = desk.algo("SELL", "STOP", 1, 95, price=95, time_in_force="GTD", good_till=till)
        moment = till // 1000 * 1000
        assert desk.engine.next_time(BTC, desk.now) == moment
        desk.engine.on_time(BTC, moment)
        assert algo.status == "EXPIRED"
        assert desk.engine.open_algos(desk.user) == []

    def test_its_order_keeps_the_moment_however_near(self):
        desk = Desk()
        till = (desk.now + 700_000) // 1000 * 1000
        algo = desk.algo("SELL", "STOP", 1, 95, price=96, time_in_force="GTD", good_till=till)
        desk.now = till - 10
        desk.price(95)
        assert algo.order is not None
        assert (algo.order.status, algo.order.good_till) == ("NEW", till)
        desk.engine.on_time(BTC, till)
        assert (algo.order.status, algo.status) == ("EXPIRED", "FINISHED")

    @cases(100)
    @given(
        tills=st.lists(st.integers(601_000, 5_000_000), min_size=1, max_size=8),
        looks=st.lists(st.integers(1, 6_000_000), max_size=8),
    )
    def test_each_ends_at_its_moment_however_rarely_one_looks(self, tills, looks):
        def ended(moments) -> list[int]:
            desk = Desk()
            orders = [
                desk.order("BUY", 1, 90 + i, "GTD", good_till=desk.now + till)
                for i, till in enumerate(tills)
            ]
            for moment in moments(desk):
                desk.engine.on_time(BTC, moment)
            assert {order.status for order in orders} == {"EXPIRED"}
            return [order.updated for order in orders]

        def stepwise(desk: Desk):
            now = desk.now
            while (moment := desk.engine.next_time(BTC, now)) is not None:
                assert moment > now
                yield (now := moment)

        def rarely(_: Desk):
            return [*sorted(looks), 6_000_000]

        assert ended(stepwise) == ended(rarely)


class TestPriceProtect:
    @pytest.mark.parametrize(
        ("kind", "trigger"), [("STOP_MARKET", 95), ("TRAILING_STOP_MARKET", None)]
    )
    def test_it_waits_until_mark_and_last_have_met(self, kind, trigger):
        desk = Desk()
        desk.order("BUY", 1)
        rate = {} if trigger else {"callback_rate": 1}
        plain, protected = (
            desk.algo("SELL", kind, 1, trigger, reduce_only=True, price_protect=flag, **rate)
            for flag in (False, True)
        )
        desk.engine.cancel_algo(desk.user, desk.now, algo_id=plain.id)
        desk.price(90, mark=100)
        assert protected.status == "NEW"
        desk.price(90, mark="94.5")
        assert protected.status == "FINISHED"

    def test_without_it_a_stop_triggers(self):
        desk = Desk()
        desk.order("BUY", 1)
        algo = desk.algo("SELL", "STOP_MARKET", 1, 95, reduce_only=True)
        desk.price(90, mark=94)
        assert algo.status == "FINISHED"
