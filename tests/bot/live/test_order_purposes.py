"""The purpose of an order is known when its request is sent."""

from __future__ import annotations

from threading import RLock
from types import SimpleNamespace

import pytest

from perpkit.bot.live.order_purposes import (
    Meaning,
    OrderPurposes,
    meaning_of,
    orders_are,
    orders_cross,
)
from perpkit.record.order_ids import Purpose

TRADE = SimpleNamespace(amount=1.0)


class Lock:
    def __init__(self):
        self._lock = RLock()

    def __enter__(self):
        self._lock.acquire()

    def __exit__(self, *_):
        self._lock.release()

    def locked(self):
        return True


class Bot:
    """Sends the orders of a test within Freqtrade's functions."""

    def __init__(self) -> None:
        self.exchange = self
        self._exit_lock = Lock()
        self.seen: list[Meaning] = []
        self.sends = {"stop": False, "reduce_only": False}

    def execute_entry(self, pair, stake, price=None, *, enter_tag=None, trade=None) -> bool:
        self.create_order(leverage=3.0)
        return True

    def execute_trade_exit(
        self, trade, limit, exit_check, *, exit_tag=None, sub_trade_amt=None
    ) -> bool:
        self.create_order(leverage=3.0)
        return True

    def create_order(self, *, leverage):
        self.seen.append(meaning_of(**self.sends))

    def create_stoploss(self, *, leverage):
        self.seen.append(meaning_of(stop=True, reduce_only=True))


@pytest.fixture
def bot() -> Bot:
    made = Bot()
    OrderPurposes(made)
    return made


@pytest.mark.parametrize(("trade", "purpose"), [(None, Purpose.ENTRY), (TRADE, Purpose.ADDITION)])
def test_an_entry_says_its_tag(bot, trade, purpose):
    bot.execute_entry("BTC", 100.0, enter_tag="long", trade=trade)
    assert bot.seen == [Meaning(purpose, "long", 3.0)]


@pytest.mark.parametrize(
    ("part", "purpose"), [(None, Purpose.EXIT), (0.4, Purpose.PART), (1.0, Purpose.EXIT)]
)
def test_an_exit_says_its_reason_and_whether_it_leaves_some(bot, part, purpose):
    bot.sends["reduce_only"] = True
    reason = SimpleNamespace(exit_reason="roi")
    bot.execute_trade_exit(TRADE, 1.0, reason, sub_trade_amt=part)
    bot.execute_trade_exit(TRADE, 1.0, reason, exit_tag="forced", sub_trade_amt=part)
    assert bot.seen == [Meaning(purpose, "roi", 3.0), Meaning(purpose, "forced", 3.0)]


def test_a_stop_is_a_stop_wherever_it_is_sent(bot):
    with orders_are(Purpose.ENTRY, "long"):
        bot.create_stoploss(leverage=2.0)
    assert bot.seen == [Meaning(Purpose.STOP, None, 2.0)]


def test_a_limit_in_place_of_a_market_exit_keeps_its_reason():
    with orders_are(Purpose.EXIT, "halted"), orders_cross():
        assert meaning_of(stop=False, reduce_only=True) == Meaning(Purpose.CROSSING, "halted", None)


@pytest.mark.parametrize(("reduce_only", "purpose"), [(True, Purpose.EXIT), (False, Purpose.ENTRY)])
def test_without_a_word_the_order_itself_tells(reduce_only, purpose):
    expected = Meaning(purpose, None, None)
    assert meaning_of(stop=False, reduce_only=reduce_only) == expected
    other = Purpose.ENTRY if reduce_only else Purpose.EXIT
    with orders_are(other, "another"):
        assert meaning_of(stop=False, reduce_only=reduce_only) == expected
