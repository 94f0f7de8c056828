"""The cost of a live bot's entries, stored with their trades."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from perpkit.bot.live.slippage import SLIPPAGE_KEY, EntrySlippage, Estimate
from tests import factories
from tests.bench.open_entry import BTC


@pytest.fixture
def slippage(trade_database) -> EntrySlippage:
    return EntrySlippage(live=True)


def test_what_an_entry_cost_is_kept_with_its_trade(slippage):
    slippage.expect(BTC, Estimate(30_000.0, 1.0))
    trade = factories.trade(open_rate=30_006.0)
    slippage.filled(trade, trade.orders[0])
    kept = trade.get_custom_data(SLIPPAGE_KEY)
    assert kept["actual_bps"] == pytest.approx(2.0)
    assert kept["estimated_bps"] == 1.0
    assert [asdict(fill) for fill in EntrySlippage(live=True).record.fills] == [kept]
    slippage.filled(trade, trade.orders[0])  # Freqtrade may tell twice
    assert len(slippage.record.fills) == 1


def test_an_entry_without_an_estimate_and_an_exit_have_no_slippage(slippage):
    trade = factories.trade(close_rate=31_000.0)
    slippage.filled(trade, trade.orders[0])
    slippage.expect(BTC, Estimate(30_000.0, 1.0))
    slippage.filled(trade, trade.orders[1])
    assert slippage.record.fills == ()


def test_a_dry_run_has_none(trade_database):
    slippage = EntrySlippage(live=False)
    slippage.expect(BTC, Estimate(30_000.0, 1.0))
    trade = factories.trade()
    slippage.filled(trade, trade.orders[0])
    assert slippage.record.fills == ()
