"""A strategy whose file changes a function of Freqtrade: its trades are those of the change."""

from __future__ import annotations

import logging
import re

import pytest
from freqtrade.optimize import backtesting
from freqtrade.optimize.backtesting import Backtesting
from freqtrade.persistence import LocalTrade, trade_model
from freqtrade.persistence.pairlock import PairLock
from freqtrade.persistence.trade_model import Order
from freqtrade.strategy import interface, strategy_wrapper
from freqtrade.strategy.interface import IStrategy

from perpkit.bot.acceleration import parts, switch
from perpkit.bot.acceleration.parts import PARTS
from tests.bench.backtests import backtest, write_candles
from tests.cases import SLOW

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


# What it wraps is what a part has put there.
AROUND = (
    PATCHING.format(decorator="")
    + """

from freqtrade.optimize.backtesting import Backtesting

checked = Backtesting._check_trade_exit


def check(self, trade, row, current_time):
    return checked(self, trade, row, current_time)


Backtesting._check_trade_exit = check
"""
)
# A name of a module, of which no seam is.
ROUNDING = """
from freqtrade.optimize import backtesting
from tests.bench.strategies.PlainTrend import PlainTrend


def mine(price, *args, **kwargs):
    return float(round(price))


backtesting.price_to_precision = mine


class Patching(PlainTrend):
    pass
"""
# What decides about an exit, in a function that one part replaces and another relies on.
PROFIT = """
from freqtrade.persistence import LocalTrade
from tests.bench.strategies.PlainTrend import PlainTrend

stock = LocalTrade.calc_profit_ratio


def mine(self, *args, **kwargs):
    return stock(self, *args, **kwargs) + 0.02


LocalTrade.calc_profit_ratio = mine


class Patching(PlainTrend):
    pass
"""
# Trades that are not copied keep what a callback writes to them.
COPYING = """
from freqtrade.persistence import LocalTrade
from tests.bench.strategies.PlainTrend import PlainTrend


def mine(self, memo):
    return self


LocalTrade.__deepcopy__ = mine


class Patching(PlainTrend):
    def custom_exit(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
        trade.peak = max(getattr(trade, "peak", 0.0), current_profit)
        return "fallen" if trade.peak - current_profit > 0.01 else None
"""
ROI = (IStrategy, "min_roi_reached")
RATIO = (LocalTrade, "calc_profit_ratio")
COPY = (LocalTrade, "__deepcopy__")


@pytest.mark.parametrize(
    ("source", "patched", "off", "first"),
    [
        (PATCHING.format(decorator=""), [ROI], ["candles"], "IStrategy.min_roi_reached"),
        (
            PATCHING.format(decorator="@wraps(stock)"),
            [ROI],
            ["candles"],
            "IStrategy.min_roi_reached",
        ),
        (
            AROUND,
            [ROI, (Backtesting, "_check_trade_exit")],
            ["candles"],
            "Backtesting._check_trade_exit",
        ),
        (
            ROUNDING,
            [(backtesting, "price_to_precision")],
            ["profits"],
            "backtesting.price_to_precision",
        ),
        (PROFIT, [RATIO], ["profits", "candles"], "LocalTrade.calc_profit_ratio"),
        pytest.param(COPYING, [COPY], ["copies of trades"], "LocalTrade.__deepcopy__", marks=SLOW),
    ],
    ids=["plain", "wrapping", "around ours", "no seam", "formula", "copies"],
)
def test_a_patch_of_the_strategys_file_decides_as_in_freqtrade(
    source,
    patched,
    off,
    first,
    default_futures_config,
    offline_markets,
    tmp_path,
    monkeypatch,
    caplog,
):
    caplog.set_level(logging.INFO, switch.__name__)
    write_candles(default_futures_config["datadir"], rows=400)
    folder = tmp_path / "strategies"
    folder.mkdir()
    (folder / "Patching.py").write_text(source)

    def run(**options):
        with monkeypatch.context() as patch:
            for owner, name in patched:
                _goes_with(patch, owner, name)
            found = backtest(
                default_futures_config, "Patching", strategy_path=str(folder), **options
            )
            for owner, name in patched:
                assert getattr(owner, name).__globals__["PlainTrend"]  # the patch has stayed
        return found.trades

    stock = run(perpkit={"acceleration": False})
    caplog.clear()
    ours = run()
    assert len(stock) > 20
    assert ours == stock
    before, after = caplog.messages
    assert before == f"Acceleration is on: {', '.join(PARTS)}."
    others = ", ".join(name for name in PARTS if name not in off)
    reasons = "".join(f"; {part} is off, because {first} is not what it was" for part in off)
    assert re.sub(r" \(\w{12}\)", "", after) == f"Acceleration is on: {others}{reasons}."


def _goes_with(patch, owner, name):
    """What a strategy's file puts there ends with the patch."""
    there = getattr(owner, name, None)
    patch.setattr(owner, name, there, raising=False)
    if there is None:
        delattr(owner, name)


def off():
    return [name for name in PARTS if not parts.part(name).is_on]


@pytest.mark.parametrize(
    ("owner", "name", "parts_off"),
    [
        (IStrategy, "min_roi_reached", ["candles"]),
        (LocalTrade, "_calc_base_close", ["profits", "candles"]),
        (LocalTrade, "calc_close_trade_value", ["profits", "candles"]),
        (*RATIO, ["profits", "candles"]),
        (*COPY, ["copies of trades"]),
        (Order, "__deepcopy__", ["copies of trades"]),
        (Backtesting, "_sync_pair_index", ["rows"]),
    ],
    ids=lambda each: each.__name__ if isinstance(each, type) else None,
)
def test_what_was_patched_is_on_again_once_the_patch_is_gone(owner, name, parts_off, monkeypatch):
    _goes_with(monkeypatch, owner, name)
    switch.follow({})
    setattr(owner, name, lambda *_: False)
    switch.follow({})
    assert off() == parts_off
    monkeypatch.undo()
    switch.follow({})
    assert off() == []


@pytest.mark.parametrize(
    ("owner", "name", "part"),
    [
        (backtesting, "price_to_precision", "profits"),
        (backtesting, "amount_to_contract_precision", "profits"),
        (trade_model, "price_to_precision", "profits"),
        (trade_model, "amount_to_contract_precision", "profits"),
        (backtesting, "strategy_safe_wrapper", "callbacks"),
        (interface, "strategy_safe_wrapper", "callbacks"),
        (strategy_wrapper, "deepcopy", "copies of trades"),
        (PairLock, "__setattr__", "locks"),
    ],
    ids=lambda each: each.__name__.rpartition(".")[2] if hasattr(each, "__name__") else each,
)
@pytest.mark.parametrize("earlier", [True, False], ids=["before", "after"])
def test_a_patch_of_a_name_that_is_no_seam_stays(owner, name, part, earlier, monkeypatch):
    monkeypatch.setattr(owner, name, getattr(owner, name))  # which comes back afterwards
    if not earlier:
        switch.follow({})
    monkeypatch.setattr(owner, name, mine := lambda *_: None)
    for _ in range(2):
        switch.follow({})
        assert vars(owner)[name] is mine
        assert off() == [part]
    monkeypatch.undo()
    switch.follow({})
    assert off() == []
