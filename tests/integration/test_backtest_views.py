"""Views in place of deep copies change no trade of a stock backtest."""

from __future__ import annotations

import pytest

from tests.conftest import REPOSITORY

pytestmark = pytest.mark.integration

# Callbacks that read the orders, and that scribble on what they are given.
SCRIBBLER = """
from perpkit.bot.positions import trade_view
from strategies.RsiSmaSwing import RsiSmaSwing


class Scribbler(RsiSmaSwing):
    def bot_start(self, **kwargs):
        super().bot_start(**kwargs)
        trade_view.{which}()

    def custom_exit(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
        old = current_time - trade.date_last_filled_utc
        trade.stop_loss = trade.amount = trade.funding_fees = 0.0
        trade.orders[0].filled = 0.0
        trade.orders.clear()
        return "old" if old.days > 2 else None
"""


def test_views_change_no_trade(bot, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    (bot.userdir / "strategies").mkdir(exist_ok=True)
    results = []
    for which in ("copy_trades_on_write", "copy_trades_in_full"):
        source = SCRIBBLER.format(which=which)
        (bot.userdir / "strategies/Scribbler.py").write_text(source)
        results.append(bot.backtest("Scribbler", "--timerange=20250301-20250415"))
    with_views, with_copies = (result["trades"] for result in results)
    assert {trade["exit_reason"] for trade in with_views} >= {"old"}
    assert with_views == with_copies
