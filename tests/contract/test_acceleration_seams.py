"""The seams behind the acceleration of backtests. Seen to hold on Freqtrade 2026.6 to 2026.9."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from freqtrade.freqtradebot import FreqtradeBot
from freqtrade.optimize import backtesting
from freqtrade.optimize.backtesting import Backtesting

from perpkit.bot.acceleration import parts

pytestmark = pytest.mark.contract


@pytest.mark.parametrize("name", parts.PARTS)
def test_freqtrade_has_what_a_part_replaces(name):
    part = parts.part(name)
    assert part.moved() is None
    try:
        assert part.switch_on() is None
    finally:
        part.switch_off()


@pytest.mark.parametrize(
    ("function", "texts"),
    [
        (Backtesting.start, ("self.load_bt_data()", "self.backtest_one_strategy(")),
        (Backtesting.backtest_one_strategy, ("self.backtest(",)),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_each_run_begins_where_the_acceleration_is_switched(function, texts):
    source, after = inspect.getsource(function), 0
    for text in texts:
        after = source.index(text, after) + len(text)


def test_an_epoch_of_hyperopt_begins_there_too():
    path = Path(backtesting.__file__).parent / "hyperopt" / "hyperopt_optimizer.py"
    assert "self.backtesting.backtest(" in path.read_text()


@pytest.mark.parametrize(
    "function",
    [
        Backtesting.__init__,
        Backtesting.load_bt_data,
        Backtesting.backtest,
        FreqtradeBot.__init__,
    ],
    ids=lambda each: each.__qualname__,
)
def test_the_hook_has_wrapped_it(function):
    assert hasattr(function, "__wrapped__")
