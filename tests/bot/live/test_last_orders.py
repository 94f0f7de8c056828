"""What may still fill of a trade that is to be deleted."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from freqtrade.exceptions import TemporaryError

from perpkit.bot.live.last_orders import LastOrders
from perpkit.record.order_ids import Purpose


class Desk:
    """A trade with two open orders. `done` has what was asked for, in its order."""

    def __init__(self, unsettled=(), targets=(), failing=(), listed=True) -> None:
        self.done: list[str] = []
        self.trade = SimpleNamespace(pair="BTC/USDT:USDT", open_orders=["exit", "addition"])
        self._failing = failing
        entries = [_entry(purpose) for purpose in unsettled]
        markets = {self.trade.pair: {}} if listed else {}
        self.orders = LastOrders(
            SimpleNamespace(exchange=SimpleNamespace(markets=markets)),
            SimpleNamespace(unsettled=lambda pair: self._note(f"unsettled {pair}") or entries),
            SimpleNamespace(settle=lambda pair: self._note(f"settle {pair}")),
            SimpleNamespace(withdraw=lambda _: [_entry(each) for each in targets]),
            SimpleNamespace(end=self._end),
        )

    def _note(self, what: str) -> None:
        self.done.append(what)

    def _end(self, trade, order) -> None:
        assert trade is self.trade
        if order in self._failing:
            raise TemporaryError(f"{order} has not been cancelled")
        self._note(order)


def _entry(purpose):
    return SimpleNamespace(intent=SimpleNamespace(client_id=f"id-{purpose.name}", purpose=purpose))


LOOKED = ["settle BTC/USDT:USDT", "unsettled BTC/USDT:USDT"]


@pytest.mark.parametrize("unsettled", [[], [Purpose.STOP]])
def test_all_are_ended_once_each_that_was_sent_is_settled(unsettled):
    desk = Desk(unsettled)
    desk.orders.end(desk.trade)
    assert desk.done == [*LOOKED, "exit", "addition"]


@pytest.mark.parametrize(
    ("given", "words", "ended"),
    [
        ({"unsettled": [Purpose.STOP, Purpose.ADDITION]}, "order id-ADDITION is not known", []),
        ({"unsettled": [Purpose.ENTRY]}, "order id-ENTRY is not known", []),
        ({"unsettled": [Purpose.EXIT]}, "order id-EXIT is not known", []),
        ({"targets": [Purpose.TARGET]}, "target id-TARGET has not been cancelled", []),
        ({"failing": ["exit"]}, "exit has not been cancelled", []),
        ({"failing": ["addition"]}, "addition has not been cancelled", ["exit"]),
    ],
)
def test_one_that_may_still_fill_is_an_error(given, words, ended):
    desk = Desk(**given)
    with pytest.raises(TemporaryError, match=words):
        desk.orders.end(desk.trade)
    assert desk.done == [*LOOKED, *ended]


@pytest.mark.parametrize(
    "given", [{"unsettled": [Purpose.EXIT]}, {"targets": [Purpose.TARGET]}, {"failing": ["exit"]}]
)
def test_nothing_fills_of_a_contract_that_is_listed_no_more(given):
    """The exchange knows no such order by then, and `/delete` would be refused for good."""
    desk = Desk(**given, listed=False)
    desk.orders.end(desk.trade)
    assert desk.done == []
