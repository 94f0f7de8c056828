"""Orders that have closed a trade: what they leave is counted once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import time_machine
from freqtrade.exceptions import TemporaryError

from perpkit.bot.live.closed_outside import ClosedOutside
from perpkit.bot.live.closing_fills import ClosingFills
from perpkit.bot.live.trying import Trying
from perpkit.bot.positions.trade_lock import TradeLock
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


class Growing:
    """The trader's order fills step by step. The exchange has charged 1 at every hour of a day."""

    def __init__(self, trade) -> None:
        self.exchange = self._api = self
        self.markets = {BTC: {"id": "BTCUSDT"}}
        self._exit_lock = TradeLock()
        self.side, self.filled, self.hours, self.closed = trade.exit_side, 0.0, 0, []

    def fapiPrivateGetAllAlgoOrders(self, _asked):  # noqa: N802 - ccxt's name
        return []

    def fetch_orders(self, _pair, since):
        if since < datetime.now(UTC) - timedelta(days=90):
            raise TemporaryError("-4166 Search window is restricted to recent 90 days only.")
        placed = int(factories.START.timestamp() * 1000) + 1
        last = placed + self.hours * 3_600_000
        return [
            {
                "id": "7", "clientOrderId": "web_1", "symbol": BTC, "side": self.side,
                "type": "limit", "status": "open", "amount": 10.0, "filled": self.filled,
                "price": 30_000.0, "average": 30_000.0, "timestamp": placed,
                "lastTradeTimestamp": last, "info": {},
            }
        ]  # fmt: skip

    def get_trades_for_order(self, *_):
        return []

    def fetch_funding_history(self, _pair, since, _limit):
        start = int(factories.START.timestamp() * 1000)
        times = [start + hour * 3_600_000 for hour in range(1, 25)]
        return [{"id": at, "timestamp": at, "amount": -1.0} for at in times if at >= since]

    def update_trade_state(self, trade, order_id, action_order, *, send_msg=True, **_):
        trade.update_order(action_order)
        trade.update_trade(trade.select_order_by_order_id(order_id), not send_msg)

    def notify_status(self, *_): ...

    def order_close_notify(self, *_): ...

    rpc = SimpleNamespace(send_msg=lambda *_: None)


@pytest.mark.parametrize("is_short", [False, True])
@pytest.mark.parametrize("looks", [(4.0, 6.0), (6.0, 10.0), (3.0, 7.0, 10.0), (10.0,), (2.0, 3.0)])
def test_what_an_order_fills_later_is_booked_as_well(trade_database, is_short, looks):
    """4 of 10 are left after 6, which are as many as the trade had after the first look."""
    trade = factories.trade(is_short=is_short, amount=10.0)
    trade.amount_precision, trade.precision_mode, trade.contract_size = 0.001, 4, 1.0
    bot = Growing(trade)
    ClosingFills(bot, Trying())
    closed = ClosedOutside(bot, lambda *_: SimpleNamespace(may_be_cancelled=False))
    before = 0.0
    for filled in looks:
        bot.filled = filled
        with bot._exit_lock:
            assert closed.book(trade, filled - before) == pytest.approx(0.0)
        before = filled
    assert trade.is_open == (before < 10.0)
    if trade.is_open:
        assert trade.amount == pytest.approx(10.0 - before)
    assert sum(o.safe_filled for o in trade.orders if o.order_id == "7") == before


@pytest.mark.parametrize("days", [0, 83, 200])
def test_a_trade_of_any_age_is_closed_by_hand(trade_database, days):
    """The exchange refuses to list orders from a time more than 90 days ago."""
    trade = factories.trade(amount=10.0)
    trade.amount_precision, trade.precision_mode, trade.contract_size = 0.001, 4, 1.0
    bot = Growing(trade)
    ClosingFills(bot, Trying())
    bot.filled, bot.hours = 10.0, 24 * days
    closed = ClosedOutside(bot, lambda *_: SimpleNamespace(may_be_cancelled=False))
    now = factories.START + timedelta(days=days, minutes=1)
    with time_machine.travel(now, tick=False), bot._exit_lock:
        assert closed.book(trade, 10.0) == pytest.approx(0.0)
    assert not trade.is_open


@pytest.mark.parametrize("is_short", [False, True])
def test_a_part_has_the_funding_until_it_filled(trade_database, is_short):
    """It is booked a day later."""
    trade = factories.trade(is_short=is_short, amount=10.0)
    trade.amount_precision, trade.precision_mode, trade.contract_size = 0.001, 4, 1.0
    bot = Growing(trade)
    ClosingFills(bot, Trying())
    bot.filled, bot.hours = 4.0, 3
    with bot._exit_lock:
        ClosedOutside(bot, lambda *_: SimpleNamespace(may_be_cancelled=False)).book(trade, 4.0)
    assert trade.orders[-1].funding_fee == -3.0
    # Freqtrade adds what came later from here on.
    filled = factories.START + timedelta(hours=3, milliseconds=1)
    assert trade.date_last_filled_utc == filled
