"""The money of trades, as it is read from Freqtrade's trade database."""

from __future__ import annotations

import pytest
from freqtrade.persistence import Trade

from perpkit.record.trade_books import trade_books
from perpkit.record.trade_database import TradeDatabase
from tests import factories

pytestmark = pytest.mark.usefixtures("trade_database")


def funding() -> float:
    Trade.commit()
    (book,) = trade_books(TradeDatabase(Trade.session.get_bind()), 0)
    return book.funding


def test_an_addition_that_is_placed_leaves_the_funding_in():
    trade = factories.trade()
    trade.orders[0].funding_fee = -1.0
    trade.set_funding_fees(-7.0)
    assert funding() == -8.0
    trade.recalc_trade_from_orders()  # as `FreqtradeBot.execute_entry`
    assert trade.funding_fees == -1.0
    assert funding() == -8.0


@pytest.mark.parametrize("close_rate", [None, 31_000.0])
def test_what_is_not_kept_apart_is_the_whole(close_rate):
    """As in a closed trade, and in one of an older database."""
    trade = factories.trade(close_rate=close_rate)
    trade.funding_fees = -3.0
    if close_rate is not None:
        trade.funding_fee_running = -2.0
    assert funding() == -3.0
