"""Orders of another bot with this bot's identity."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from perpkit.bot.live.at_exchange import AtExchange, Resting
from perpkit.bot.live.other_instance import OtherInstance
from perpkit.record.whose import Whose

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


def order(number: str, whose: Whose, pair: str = BTC) -> Resting:
    return Resting(
        id=number,
        pair=pair,
        side="sell",
        amount=0.01,
        filled=0.0,
        whose=whose,
    )


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def others(said) -> OtherInstance:
    bot = SimpleNamespace(notify_status=lambda message, _type: said.append(message))
    return OtherInstance(bot, lambda _pair, number: number == "stored")


def test_nothing_is_said_of_orders_that_are_not_anothers(others, said):
    mine = tuple(order(str(n), whose) for n, whose in enumerate(set(Whose) - {Whose.ANOTHERS}))
    others.update(AtExchange(orders=mine, stops=(order("stored", Whose.ANOTHERS),)))
    assert others.refusal() is None
    assert said == []


def test_each_is_said_once_and_refuses_entries_while_it_is_there(others, said):
    first, second = order("1", Whose.ANOTHERS), order("2", Whose.ANOTHERS, ETH)
    others.update(AtExchange(stops=(first,)))
    others.update(AtExchange(stops=(first,)))
    assert len(said) == 1
    assert said[0].startswith(f"Order 1 in {BTC} is from another bot with this trade database. ")
    others.update(AtExchange(orders=(second,), stops=(first,)))
    assert len(said) == 2
    assert said[1].startswith(f"Order 2 in {ETH} is from another bot")
    assert others.refusal() == (
        f"Orders 2 in {ETH}, 1 in {BTC} are from another bot with this trade database"
    )
    others.update(AtExchange())
    assert others.refusal() is None
    others.update(AtExchange(stops=(first,)))  # seen before
    assert len(said) == 2
    assert others.refusal() is not None
