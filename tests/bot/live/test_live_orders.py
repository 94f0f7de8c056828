"""Entries of a running bot: the book before them, decisions while they are open, what they cost."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from types import SimpleNamespace

import pytest
from freqtrade.exceptions import InvalidOrderException
from freqtrade.persistence import Order, Trade

from perpkit.bot.live.live_orders import LEVELS, REST, SLIPPAGE_KEY, LiveOrders
from perpkit.bot.positions.trades import TradeStates
from perpkit.execution.entry import EntryLimits
from perpkit.execution.partial_entry import PartialLimits
from tests import factories
from tests.factories import START as NOW

BTC = "BTC/USDT:USDT"
SECOND = timedelta(seconds=1)
PLACED = NOW - 60 * SECOND


class Bot:
    """Freqtrade's bot and exchange, as far as they are asked here."""

    def __init__(self) -> None:
        self.exchange = self
        self.strategy = SimpleNamespace(stoploss=-0.6)
        self.ended: list[str] = []
        self.gone = False

    def get_min_pair_stake_amount(self, pair, price, stoploss, leverage=1.0):
        return 52.5

    def cancel_order(self, order_id, pair):
        if self.gone:
            raise InvalidOrderException("unknown order")
        return {"id": order_id, "status": "canceled"}

    def handle_cancel_enter(self, trade, order, order_obj, reason):
        assert isinstance(trade, Trade)
        self.ended.append(order_obj.order_id)


class DataProvider:
    """One order book; an exception in its place is raised."""

    def __init__(self, bot: Bot) -> None:
        self._DataProvider__rpc = SimpleNamespace(_rpc=SimpleNamespace(_freqtrade=bot))
        self.book: dict | Exception = book()
        self.asked: list[int] = []

    def orderbook(self, pair, levels):
        self.asked.append(levels)
        if isinstance(self.book, Exception):
            raise self.book
        return self.book


def book(mid: float = 30_000.0, at=NOW, amount: float = 5.0) -> dict:
    return {
        "bids": [[mid - 1 - level, amount] for level in range(20)],
        "asks": [[mid + 1 + level, amount] for level in range(20)],
        "timestamp": at.timestamp() * 1000,
    }


@pytest.fixture
def bot() -> Bot:
    return Bot()


@pytest.fixture
def dp(bot) -> DataProvider:
    return DataProvider(bot)


@pytest.fixture
def orders(dp, trade_database) -> LiveOrders:
    return started(dp)


def started(dp, **config) -> LiveOrders:
    return LiveOrders(
        {"dry_run": False, **config}, dp, EntryLimits(), PartialLimits(), TradeStates(True)
    )


def entry(filled: float, tag: str | None = None, placed=PLACED) -> tuple[Trade, Order]:
    """An open entry of 0.01 at 30,000, of a trade in the database."""
    trade = factories.trade(opened=placed)
    trade.amount, trade.orders[0].ft_is_open = 0.0, True
    order = trade.orders[0]
    order.status, order.filled, order.remaining = "open", filled, 0.01 - filled
    order.order_date, order.ft_order_tag = placed, tag
    Trade.commit()
    return trade, order


# Before an entry


def refusal(orders, amount=0.1, now=NOW, side="long", **given):
    return orders.refusal(
        BTC, side, amount, now, **{"signal_price": 30_000.0, "vol_1h": 0.005} | given
    )


def test_a_good_book_allows(orders, dp):
    assert refusal(orders) is None
    assert dp.asked == [LEVELS]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"signal_price": 29_000.0}, "price moved"),
        ({"vol_1h": float("nan")}, "volatility unknown"),
        ({"amount": 1000.0}, "insufficient depth"),
        ({"now": NOW + 10 * SECOND}, "no usable book"),
        ({"side": "upwards"}, "could not be checked"),
    ],
)
def test_what_is_wrong_refuses(orders, given, reason):
    assert reason in refusal(orders, **given)


@pytest.mark.parametrize("error", [RuntimeError("no answer"), KeyError("pair")])
def test_without_an_answer_there_is_no_entry(orders, dp, error):
    dp.book = error
    assert "could not be checked" in refusal(orders)


# While it is open


@pytest.mark.parametrize(
    ("filled", "price", "placed", "over"),
    [
        (0.0, 30_000.0, NOW - 60 * SECOND, False),
        (0.0, 31_000.0, NOW - 60 * SECOND, True),  # the price is gone
        (0.0, 30_000.0, NOW - 300 * SECOND, True),  # waited enough
        (0.004, 30_000.0, NOW - 3 * SECOND, False),
        (0.004, 30_000.0, NOW - 10 * SECOND, True),  # 10 s, and 6 to the next look
        (0.009, 30_000.0, NOW - 3 * SECOND, True),  # nearly filled
    ],
)
def test_an_entry_is_waited_for_or_ended(orders, dp, bot, filled, price, placed, over):
    dp.book = book(price)
    assert orders.timed_out(*entry(filled, placed=placed), NOW) is over
    assert bot.ended == []


@pytest.mark.parametrize("gone", [RuntimeError("no answer"), book(at=NOW - 10 * SECOND), {}])
def test_without_a_book_it_is_withdrawn(orders, dp, gone):
    dp.book = gone
    assert orders.timed_out(*entry(0.0), NOW)


@pytest.mark.parametrize("filled", [0.0, 0.004, 0.009])
def test_when_entries_are_blocked_it_is_withdrawn(orders, filled, caplog):
    caplog.set_level("INFO")
    trade, order = entry(filled, placed=NOW - 3 * SECOND)
    assert orders.timed_out(trade, order, NOW, "lost 9%")
    assert "no entry any more: lost 9%" in caplog.text
    order.ft_is_open = False
    assert orders.rest_stake(trade, NOW, 1.0) is None


def test_fills_are_without_a_stop_since_the_last_look_that_saw_none(orders, dp):
    trade, order = entry(0.0)
    assert not orders.timed_out(trade, order, NOW)
    order.filled = 0.004
    dp.book = book(at=NOW + 9 * SECOND)
    assert not orders.timed_out(trade, order, NOW + 9 * SECOND)
    assert orders.timed_out(trade, order, NOW + 10 * SECOND)


def test_after_a_restart_they_may_be_so_since_the_order(orders):
    assert orders.timed_out(*entry(0.004), NOW)


@pytest.mark.parametrize(("apart", "over"), [(5, False), (10, True)])
def test_looks_that_are_far_apart_end_it_earlier(orders, apart, over):
    for number in range(3):
        orders.begin_cycle(NOW + number * apart * SECOND)
    assert orders.next_look_seconds == apart + 1
    assert orders.timed_out(*entry(0.004, placed=NOW - 5 * SECOND), NOW) is over


@pytest.mark.parametrize(("gone", "ended"), [(False, True), (True, False)])
def test_what_freqtrade_would_keep_is_ended_without_it(orders, bot, gone, ended):
    bot.gone = gone
    trade, order = entry(0.001)
    assert not orders.timed_out(trade, order, NOW)
    assert bot.ended == [order.order_id] * ended


def test_a_dry_run_fills_whole_and_ends_nothing_itself(dp, bot, trade_database):
    assert started(dp, dry_run=True).timed_out(*entry(0.001), NOW)
    assert bot.ended == []


# The rest


def rest(orders, dp, filled=0.009, tag=None, min_stake=1.0):
    trade, order = entry(filled, tag, placed=NOW - 3 * SECOND)
    assert orders.timed_out(trade, order, NOW)
    order.ft_is_open = False
    return orders.rest_stake(trade, NOW, min_stake)


def test_the_rest_takes_what_the_book_offers(orders, dp):
    stake, tag = rest(orders, dp)
    assert tag == REST
    price = orders.rest_price(BTC, 29_000.0)
    assert price == 30_001.0
    assert 0.001 < stake / price * 3 < 0.0010001
    assert orders.rest_price(BTC, 29_000.0) == 29_000.0  # once


@pytest.mark.parametrize(
    ("given", "book_of_the_rest"),
    [
        ({"tag": REST}, book()),  # the rest of a rest
        ({"min_stake": 100.0}, book()),
        ({}, book(amount=0.00001)),
        ({}, book(at=NOW - 10 * SECOND)),
        ({}, RuntimeError("no answer")),
    ],
)
def test_a_rest_that_is_done_without(orders, dp, given, book_of_the_rest):
    dp.book = book_of_the_rest
    assert rest(orders, dp, **given) is None


def test_the_rest_is_not_asked_for_later(orders):
    trade, order = entry(0.009, placed=NOW - 3 * SECOND)
    assert orders.timed_out(trade, order, NOW)
    assert orders.rest_stake(trade, NOW, 1.0) is None  # Freqtrade could not cancel it
    order.ft_is_open = False
    assert orders.rest_stake(trade, NOW, 1.0) is None


def decided(orders, filled=0.009):
    """A trade whose nearly filled entry has ended, and the entry."""
    trade, order = entry(filled, placed=NOW - 3 * SECOND)
    assert orders.timed_out(trade, order, NOW)
    order.ft_is_open = False
    return trade, order


def test_the_rest_is_what_is_missing_now(orders):
    """The entry fills on until it has ended."""
    trade, order = decided(orders)
    order.filled = 0.0095
    stake, _ = orders.rest_stake(trade, NOW, 1.0)
    assert 0.0005 < stake / 30_001 * 3 < 0.00050001


@pytest.mark.parametrize(
    ("given", "later"),
    [
        ({"filled": 0.01}, 5 * SECOND),
        ({"filled": 0.011}, 5 * SECOND),
        ({}, 61 * SECOND),
        ({"mid": 30_700.0}, 5 * SECOND),
        ({"mid": 29_300.0}, 5 * SECOND),
        ({"another": True}, 5 * SECOND),
    ],
)
def test_a_rest_that_is_no_longer_wanted(orders, dp, given, later):
    trade, order = decided(orders)
    order.filled = given.get("filled", order.filled)
    dp.book = book(given.get("mid", 30_000.0), at=NOW + later)
    if "another" in given:
        other, _ = entry(0.0, placed=NOW - 120 * SECOND)
        trade.orders.append(other.orders[0])
        trade.orders[-1].ft_is_open = False
    assert orders.rest_stake(trade, NOW + later, 1.0) is None
    assert orders.rest_stake(trade, NOW, 1.0) is None  # nor later


# After it


def test_what_an_entry_cost_is_kept_with_its_trade(orders, dp):
    refusal(orders)
    trade = factories.trade(open_rate=30_006.0)
    orders.order_filled(trade, trade.orders[0])
    kept = trade.get_custom_data(SLIPPAGE_KEY)
    assert kept["actual_bps"] == pytest.approx(2.0)
    assert kept["estimated_bps"] == pytest.approx(1 / 3, rel=0.01)
    assert [asdict(fill) for fill in started(dp).slippage.fills] == [kept]
    orders.order_filled(trade, trade.orders[0])  # Freqtrade may tell twice
    assert len(orders.slippage.fills) == 1


def test_an_entry_without_an_estimate_and_an_exit_have_no_slippage(orders):
    trade = factories.trade(close_rate=31_000.0)
    orders.order_filled(trade, trade.orders[0])
    refusal(orders)
    orders.order_filled(trade, trade.orders[1])
    assert orders.slippage.fills == ()


# Out of sight


def begin(orders, trade, at=NOW) -> None:
    orders.begin_cycle(at)
    orders.end_unseen(trade)


@pytest.mark.parametrize("seconds", [5, 8, 600])
def test_an_entry_that_a_cycle_cannot_look_at_is_ended(orders, bot, seconds):
    """However long cycles take."""
    trade, order = entry(0.0)
    for cycle in range(3):
        begin(orders, trade, NOW + cycle * seconds * SECOND)
        assert not orders.timed_out(trade, order, NOW)
    begin(orders, trade)
    assert bot.ended == []
    begin(orders, trade)
    assert bot.ended == [order.order_id]
    begin(orders, trade)  # again, for the exchange may not have heard
    assert bot.ended == [order.order_id] * 2


@pytest.mark.parametrize("since", ["a restart", "it was placed"])
def test_an_entry_is_given_a_look_first(orders, bot, since):
    trade, _ = entry(0.0, placed=NOW - timedelta(hours=1))
    if since == "it was placed":
        orders.begin_cycle(NOW)  # before there was a trade
    begin(orders, trade)
    assert bot.ended == []
