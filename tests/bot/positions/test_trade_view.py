"""A view of a simulated trade behaves like a deep copy."""

from __future__ import annotations

from copy import deepcopy
from datetime import timedelta

import pytest
from freqtrade.persistence import LocalTrade, Trade, disable_database_use, enable_database_use

from perpkit.bot.positions.trade_view import TradeView, copy_trades_in_full, copy_trades_on_write
from tests import factories


@pytest.fixture
def trade():
    """A trade as backtests make them."""
    disable_database_use("1h")
    copy_trades_on_write()
    made = LocalTrade(
        pair="BTC/USDT:USDT",
        open_rate=1000.0,
        open_date=factories.START,
        amount=0.5,
        stake_amount=500.0,
        leverage=1.0,
        fee_open=0.0005,
        fee_close=0.0005,
        is_open=True,
    )
    made.orders.append(factories._filled(made, "buy", 1000.0, factories.START))
    yield made
    copy_trades_in_full()
    enable_database_use()


def plain(trade: LocalTrade) -> dict:
    return {k: v for k, v in trade.__dict__.items() if k not in ("orders", "copied_from")}


def test_it_has_the_same_attributes_and_answers(trade):
    view = deepcopy(trade)
    assert isinstance(view, LocalTrade)
    assert plain(view) == plain(trade)
    assert view.calc_profit(990.0) == trade.calc_profit(990.0)
    assert view.nr_of_successful_entries == trade.nr_of_successful_entries
    assert view.date_last_filled_utc == trade.date_last_filled_utc
    assert str(view) == str(trade)


def test_changing_it_leaves_the_trade_alone(trade):
    before = plain(trade), [dict(order.__dict__) for order in trade.orders]
    view = deepcopy(trade)
    view.stop_loss, view.note = 1.0, "new"
    view.orders[0].filled = -1.0
    view.orders[0].order_date += timedelta(days=1)
    view.orders.append("another")
    view.adjust_stop_loss(2000.0, -0.01)
    assert (plain(trade), [dict(order.__dict__) for order in trade.orders]) == before


def test_what_is_written_can_be_read(trade):
    view = deepcopy(trade)
    view.orders[0].filled = 0.25
    assert view.orders[0].filled == 0.25
    view.orders = []
    assert view.orders == []


def test_a_view_of_a_view_is_another(trade):
    first = deepcopy(trade)
    first.stop_loss = 5.0
    first.orders[0].filled = 0.5
    second = deepcopy(first)
    second.orders[0].filled = 0.75
    assert (second.stop_loss, first.orders[0].filled) == (5.0, 0.5)


def test_trades_of_a_database_are_copied_in_full(trade_database):
    copy_trades_on_write()
    try:
        kept = factories.trade()
        copy = deepcopy(kept)
        assert type(copy) is Trade
        copy.stop_loss = 1.0
        assert kept.stop_loss != 1.0
    finally:
        copy_trades_in_full()


def test_it_can_be_undone(trade):
    copy_trades_in_full()
    assert type(deepcopy(trade)) is LocalTrade
    copy_trades_on_write()
    assert type(deepcopy(trade)) is TradeView
