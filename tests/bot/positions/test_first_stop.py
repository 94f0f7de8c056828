"""The initial stop that Freqtrade shows, and what Freqtrade does with it as a bot starts."""

from __future__ import annotations

import pytest
from freqtrade.persistence import Trade

from perpkit.bot.positions.first_stop import keep_stops_at_start, show_first_stop
from tests import factories

FLOOR = -0.60


@pytest.fixture
def trade(trade_database) -> Trade:
    """3x, as Freqtrade has it before the strategy is asked for its stop."""
    trade = factories.trade(open_rate=100.0, leverage=3.0)
    trade.stop_loss = trade.initial_stop_loss = 0.0
    trade.initial_stop_loss_pct = None
    trade.is_stop_loss_trailing = False
    trade.adjust_stop_loss(100.0, FLOOR, initial=True)
    assert trade.initial_stop_loss == pytest.approx(80.0)
    return trade


def filled(trade: Trade, stop: float = 95.0) -> None:
    trade.adjust_stop_loss(100.0, -(1 - stop / 100.0) * trade.leverage, allow_refresh=True)
    show_first_stop(trade, FLOOR, 5.0, after_fill=True)


def test_the_first_stop_is_shown_as_price_and_as_share_of_the_margin(trade):
    filled(trade)
    assert trade.initial_stop_loss == pytest.approx(95.0)
    assert trade.initial_stop_loss_pct == pytest.approx(-0.15)
    assert trade.stop_loss == pytest.approx(95.0)


def test_it_stays_when_the_stop_moves(trade):
    filled(trade)
    trade.adjust_stop_loss(110.0, -0.09)
    show_first_stop(trade, FLOOR, 5.0, after_fill=False)
    assert trade.initial_stop_loss == pytest.approx(95.0)
    assert trade.stop_loss > 100


def test_a_trade_of_an_older_release_is_shown_by_its_risk(trade):
    trade.adjust_stop_loss(110.0, -0.09)
    show_first_stop(trade, FLOOR, 5.0, after_fill=False)
    assert trade.initial_stop_loss == pytest.approx(95.0)


@pytest.mark.parametrize("risk", [0.0, 5.0])
def test_without_a_stop_of_the_strategy_the_floor_is_shown(trade, risk):
    show_first_stop(trade, FLOOR, risk, after_fill=True)
    assert trade.initial_stop_loss == pytest.approx(80.0)
    assert trade.initial_stop_loss_pct == FLOOR


def test_a_restart_does_not_loosen_the_stop(trade):
    filled(trade)
    Trade.commit()
    keep_stops_at_start(FLOOR)
    Trade.stoploss_reinitialization(FLOOR)
    assert trade.stop_loss == pytest.approx(95.0)
    show_first_stop(trade, FLOOR, 5.0, after_fill=False)
    assert trade.initial_stop_loss_pct == pytest.approx(-0.15)


def test_without_that_it_would(trade):
    """The seam: what `keep_stops_at_start` is for."""
    filled(trade)
    Trade.commit()
    Trade.stoploss_reinitialization(FLOOR)
    assert trade.stop_loss == pytest.approx(80.0)
