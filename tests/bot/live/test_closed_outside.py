"""Orders that have closed a trade: what they leave is counted once."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from perpkit.bot.live.closed_outside import ClosedOutside
from tests import factories

BTC = "BTC/USDT:USDT"
LATER = int(factories.START.timestamp() * 1000) + 1


class Bot:
    """Half of the position was sold by a target, which is booked as its stop is looked at; the
    stop has sold the other half."""

    def __init__(self, trade) -> None:
        self.exchange = self._api = self
        self.markets = {BTC: {"id": "BTCUSDT"}}
        self.trade, self.booked = trade, []

    def fapiPrivateGetAllAlgoOrders(self, _asked):  # noqa: N802 - ccxt's name
        times = {"updateTime": str(LATER), "createTime": str(LATER)}
        return [{"actualOrderId": "8", "algoId": "7", "clientAlgoId": "own", **times}]

    def fetch_stoploss_order(self, number, pair):
        self.trade.amount /= 2
        stop = {"id": number, "status": "open", "side": "sell", "amount": 0.005, "filled": 0.005}
        return {**stop, "symbol": pair, "price": None, "remaining": 0.0, "timestamp": LATER}

    def update_trade_state(self, trade, number, found, *, stoploss_order):
        self.booked.append(number)
        trade.amount -= found["filled"]

    def fetch_orders(self, *_):
        raise AssertionError("nothing is missing any more")


def test_a_target_that_is_booked_with_the_look_at_a_stop_counts(trade_database):
    trade = factories.trade(amount=0.01)
    bot = Bot(trade)
    closed = ClosedOutside(bot, lambda *_: SimpleNamespace(may_be_cancelled=True))
    assert closed.book(trade, 0.01) == pytest.approx(0.0)
    assert bot.booked == ["7"]
