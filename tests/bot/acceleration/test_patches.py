"""A strategy whose file changes a function of Freqtrade: its trades are those of the change."""

from __future__ import annotations

import logging

import pytest
from freqtrade.strategy.interface import IStrategy

from perpkit.bot.acceleration import switch
from perpkit.bot.acceleration.parts import PARTS, imported
from tests.bench.backtests import backtest, write_candles

# Freqtrade imports it after a backtest was prepared, and the acceleration switched on.
PATCHING = """
from functools import wraps

from freqtrade.strategy.interface import IStrategy
from tests.bench.strategies.PlainTrend import PlainTrend

stock = IStrategy.min_roi_reached


{decorator}
def mine(self, trade, current_profit, current_time):
    held = current_time - trade.open_date_utc
    return held.total_seconds() > 4 * 3600 or stock(self, trade, current_profit, current_time)


IStrategy.min_roi_reached = mine


class Patching(PlainTrend):
    trailing_only_offset_is_reached = True
"""


@pytest.mark.parametrize("decorator", ["", "@wraps(stock)"], ids=["plain", "wrapping"])
def test_a_patch_of_the_strategys_file_decides_as_in_freqtrade(
    decorator, default_futures_config, offline_markets, tmp_path, monkeypatch, caplog
):
    caplog.set_level(logging.INFO, switch.__name__)
    write_candles(default_futures_config["datadir"], rows=400)
    folder = tmp_path / "strategies"
    folder.mkdir()
    (folder / "Patching.py").write_text(PATCHING.format(decorator=decorator))

    def run(**options):
        with monkeypatch.context() as patch:
            patch.setattr(IStrategy, "min_roi_reached", IStrategy.min_roi_reached)
            found = backtest(
                default_futures_config, "Patching", strategy_path=str(folder), **options
            )
            assert IStrategy.min_roi_reached.__globals__["PlainTrend"]  # the patch has stayed
        return found.trades

    stock = run(perpkit={"acceleration": False})
    caplog.clear()
    ours = run()
    assert len(stock) > 20
    assert ours == stock
    first, second = caplog.messages
    assert first == f"Acceleration is on: {', '.join(PARTS)}."
    assert second.startswith("Acceleration is on: funding, profits, tick sizes, rows, callbacks, ")
    assert "; candles is off, because IStrategy.min_roi_reached is not what it was" in second


def test_what_was_patched_is_on_again_once_the_patch_is_gone(monkeypatch):
    switch.follow({})
    with monkeypatch.context() as patch:
        patch.setattr(IStrategy, "min_roi_reached", lambda *_: False)
        switch.follow({})
        assert [name for name, part in imported().items() if not part.is_on] == ["candles"]
    switch.follow({})
    assert all(part.is_on for part in imported().values())
