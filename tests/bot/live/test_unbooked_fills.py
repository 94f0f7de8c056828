"""Fills that were stored, and that no trade has: the process had ended in between."""

from __future__ import annotations

import pytest
from freqtrade.persistence import Order, Trade

from perpkit.bot.live.closed_outside import ClosedOutside
from perpkit.bot.live.closing_fills import ClosingFills
from perpkit.bot.live.stored_orders import stored_order
from perpkit.bot.live.trying import Trying
from perpkit.bot.live.unbooked_fills import UnbookedFills
from perpkit.bot.positions.trade_lock import TradeLock
from tests import factories
from tests.factories import START

PRICE = 49_000.0


class Bot:
    """Applies fills as Freqtrade does, and keeps what it says."""

    def __init__(self) -> None:
        self.exchange = self
        self._exit_lock = TradeLock()
        self.said: list[tuple[str, float, float]] = []

    def fetch_stoploss_order(self, number, pair):
        order = stored_order(pair, number)
        return {"id": number, "status": "closed", "symbol": pair, "filled": order.filled}

    def update_trade_state(self, trade, number, found, *, stoploss_order=False, send_msg=True):
        order = trade.select_order_by_order_id(number)
        trade.update_trade(order, not send_msg)
        if order.ft_order_side == trade.exit_side:
            self._notify_exit(trade, "market", True)

    def _notify_exit(self, trade, order_type, _fill, **_):
        amount = trade.amount if not trade.is_open else 0.0
        profit = trade.calculate_profit(PRICE, amount).profit_abs if amount else 0.0
        self.said.append((order_type, amount, profit))

    def handle_protections(self, *_): ...


def book() -> Bot:
    bot = Bot()
    ClosingFills(bot, Trying())
    with bot._exit_lock:
        UnbookedFills(bot, ClosedOutside(bot, lambda *_: None), Trying()).book()
    return bot


def fill(trade: Trade, number: str, side: str, amount: float) -> None:
    trade.orders.append(
        Order(
            order_id=number, ft_pair=trade.pair, ft_order_side=side, ft_amount=amount,
            ft_price=PRICE, ft_is_open=False, side=trade.exit_side, order_type="market",
            amount=amount, filled=amount, price=PRICE, average=PRICE, order_date=START,
            status="closed",
        )
    )  # fmt: skip


@pytest.mark.parametrize("is_short", [False, True])
@pytest.mark.parametrize(("tag", "reason"), [("roi", "roi"), (None, "scale_out")])
def test_the_reason_of_an_exit_is_that_of_its_order(trade_database, is_short, tag, reason):
    """The trade has the reason of a part that was sold before."""
    trade = factories.trade(is_short=is_short)
    trade.amount_precision, trade.precision_mode, trade.contract_size = 0.001, 4, 1.0
    trade.exit_reason = "scale_out"
    fill(trade, "1", trade.exit_side, 0.01)
    trade.orders[-1].ft_order_tag = tag
    book()
    assert (trade.is_open, trade.exit_reason) == (False, reason)


@pytest.mark.parametrize("is_short", [False, True])
@pytest.mark.parametrize(
    ("booked", "fills", "left"),
    [
        (0.017, [("exit", 0.005), ("stop", 0.012)], 0.0),
        (0.012, [("exit", 0.005), ("exit", 0.005), ("stop", 0.007)], 0.0),
        (0.012, [("exit", 0.005), ("exit", 0.005), ("exit", 0.007)], 0.0),
        (0.017, [("stop", 0.005), ("stop", 0.012)], 0.0),
        (0.017, [("stop", 0.017)], 0.0),
        (0.017, [("exit", 0.005), ("exit", 0.005)], 0.007),
        (0.017, [("exit", 0.005), ("stop", 0.005)], 0.007),
    ],
)
def test_fills_that_were_stored_together(trade_database, is_short, booked, fills, left):
    trade = factories.trade(amount=0.017, is_short=is_short, open_rate=50_000.0)
    trade.amount_precision, trade.precision_mode, trade.contract_size = 0.001, 4, 1.0
    for number, (side, amount) in enumerate(fills):
        fill(trade, str(number), {"stop": "stoploss"}.get(side, trade.exit_side), amount)
    trade.amount = booked
    trade.recalc_open_trade_value()
    Trade.commit()
    bot = book()
    assert trade.is_open == bool(left)
    if left:
        assert trade.amount == pytest.approx(left)
        return
    last = fills[-1][1]
    # The message is about the last fill, and its profit that of this part.
    [(_, amount, profit)] = [each for each in bot.said if each[1]][-1:]
    assert amount == last
    assert profit == pytest.approx(trade.calculate_profit(PRICE, last, trade.open_rate).profit_abs)
    assert trade.close_profit_abs == pytest.approx(
        sum(trade.calculate_profit(PRICE, a, trade.open_rate).profit_abs for _, a in fills)
    )
