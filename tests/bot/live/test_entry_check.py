"""The check of the order book before an entry."""

from __future__ import annotations

import pytest

from perpkit.bot.live.entry_check import LEVELS, EntryGate
from perpkit.bot.live.slippage import EntrySlippage
from perpkit.bot.watching.order_books import FreshBooks
from perpkit.execution.entry import EntryLimits
from tests import factories
from tests.bench.open_entry import BTC, NOW, SECOND, DataProvider


@pytest.fixture
def dp() -> DataProvider:
    return DataProvider()


@pytest.fixture
def check(dp) -> EntryGate:
    return EntryGate(FreshBooks(dp, 5.0), EntryLimits(), EntrySlippage(live=True))


def refusal(check, amount=0.1, now=NOW, side="long", **given):
    return check.refusal(
        BTC, side, amount, now, **{"signal_price": 30_000.0, "vol_1h": 0.005} | given
    )


def test_a_good_book_allows(check, dp):
    assert refusal(check) is None
    assert dp.asked == [LEVELS]


def test_what_an_entry_should_cost_is_noted(dp, trade_database):
    slippage = EntrySlippage(live=True)
    assert refusal(EntryGate(FreshBooks(dp, 5.0), EntryLimits(), slippage)) is None
    trade = factories.trade(open_rate=30_006.0)
    slippage.filled(trade, trade.orders[0])
    [fill] = slippage.record.fills
    assert fill.actual_bps == pytest.approx(2.0)
    assert fill.estimated_bps == pytest.approx(1 / 3, rel=0.01)


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
def test_what_is_wrong_refuses(check, given, reason):
    assert reason in refusal(check, **given)


@pytest.mark.parametrize("error", [RuntimeError("no answer"), KeyError("pair")])
def test_without_an_answer_there_is_no_entry(check, dp, error):
    dp.book = error
    assert "could not be checked" in refusal(check)
