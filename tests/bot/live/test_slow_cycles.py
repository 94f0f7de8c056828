"""The log says what makes cycles slow: functions at once, columns with the next analysis."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from freqtrade.strategy import IStrategy

from perpkit.bot.live.column_cost import ColumnCost, files_of
from perpkit.bot.live.slow_cycles import EVERY, SlowCycles, name_slow_cycles
from perpkit.bot.live.strategy_cost import StrategyCost

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


class Clock:
    """Moves only where a strategy says that it takes time."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Slow(IStrategy):
    """Takes the time of `takes`, by column or callback."""

    timeframe = "1m"
    stoploss = -0.1

    def take(self, name, pair=""):
        self.clock.seconds += self.takes.get((name, pair), self.takes.get(name, 0.0))

    def populate_indicators(self, dataframe, metadata):
        dataframe["trend"] = (
            dataframe["close"]
            .rolling(2)
            .mean()
            .pipe(self.slowly, "trend", metadata["pair"])
        )  # fmt: skip
        return self.more(dataframe)

    def more(self, dataframe):
        for period in (3, 5):
            dataframe[f"mean_{period}"] = self.slowly(dataframe["close"], f"mean_{period}")
        return dataframe

    def slowly(self, column, name, pair=""):
        self.take(name, pair)
        return column

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = self.slowly(0, "enter_long")
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe["exit_long"] = 0
        return dataframe

    def custom_exit(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
        self.take("custom_exit", pair)


def made(kind=Slow, **takes):
    strategy = kind.__new__(kind)
    strategy.config, strategy._ft_informative = {"runmode": "live"}, []
    strategy._ft_informative_cache = None
    strategy.clock, strategy.takes = Clock(), takes
    candles = pd.DataFrame({"close": [1.0, 2.0, 3.0]})
    strategy.analyze_pair = lambda pair: strategy.analyze_ticker(candles.copy(), {"pair": pair})
    strategy._if_enabled_populate_trades = lambda dataframe, _metadata: dataframe
    return strategy


def cycles_of(strategy, throttle=5):
    config = {"internals": {"process_throttle_secs": throttle}}
    slow = SlowCycles(config, strategy, strategy.clock)
    strategy.takes, takes = {}, strategy.takes
    slow.end(NOW - timedelta(days=1))  # the first is never said to be slow
    strategy.takes = takes
    return slow


def cycle(slow, strategy, now=NOW, exits=()):
    strategy.analyze([BTC, ETH])
    for pair in exits:
        strategy.custom_exit(pair=pair, trade=None, current_time=now, current_rate=1.0,
                             current_profit=0.0)  # fmt: skip
    slow.end(now)


def said(caplog):
    lines = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return lines


@pytest.mark.parametrize(
    ("throttle", "takes", "is_slow"),
    [
        (5, {"trend": 0.2}, False),  # twice, for two pairs
        (5, {"trend": 0.3}, True),
        (5, {"custom_exit": 0.6}, True),
        (5, {"enter_long": 0.15, "custom_exit": 0.3}, True),
        (60, {"trend": 0.3}, False),
        (3600, {"trend": 2.9}, False),
        (0, {"trend": 2.9}, False),  # cycles without a pause
        (3600, {"trend": 3.1}, True),  # a tenth of the timeframe of a minute
    ],
)
def test_it_is_slow_beyond_a_tenth_of_the_throttle_or_timeframe(caplog, throttle, takes, is_slow):
    strategy = made(**takes)
    cycle(cycles_of(strategy, throttle), strategy, exits=[BTC])
    assert len(said(caplog)) == is_slow


def test_the_functions_are_named_with_their_figures(caplog):
    strategy = made(trend=0.1, custom_exit=1.5, mean_5=0.004)
    strategy.takes["trend", ETH] = 0.4
    cycle(cycles_of(strategy), strategy, exits=[BTC, ETH])
    assert said(caplog) == [
        "Slow cycle: the analysis of 2 pairs took 0.508 s and the callbacks 3.000 s, more than "
        "10% of the throttle (5 s). It was spent in custom_exit 3.000 s (2 calls, at most 1.500 s "
        f"for {BTC}), populate_indicators 0.508 s (2 calls, at most 0.404 s for {ETH})."
    ]


def test_the_next_analysis_of_the_slowest_pair_names_the_columns(caplog):
    strategy = made(trend=0.3, mean_5=0.04, enter_long=0.1)
    strategy.takes["trend", ETH] = 0.4
    slow = cycles_of(strategy)
    cycle(slow, strategy)
    assert len(said(caplog)) == 1
    cycle(slow, strategy)
    trend, means, entry = map(
        _line, ('dataframe["trend"] = (', 'f"mean_{period}"] =', '["enter_long"] =')
    )
    # What a function takes that adds no column is its caller's.
    assert said(caplog) == [
        "Columns that take longest in an analysis of 540.0 ms: "
        f"trend 400.0 ms (test_slow_cycles.py:{trend}), "
        f"enter_long 100.0 ms (test_slow_cycles.py:{entry}), "
        f"mean_3, mean_5 40.0 ms (test_slow_cycles.py:{means})."
    ]
    cycle(slow, strategy)
    assert said(caplog) == []


def _line(text):
    lines = Path(__file__).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


@pytest.mark.parametrize(
    ("after", "lines"),
    [(timedelta(minutes=1), 0), (EVERY - timedelta(seconds=1), 0), (EVERY, 1)],
)
def test_it_is_said_once_an_hour(caplog, after, lines):
    strategy = made(custom_exit=0.6)
    slow = cycles_of(strategy)
    cycle(slow, strategy, exits=[BTC])
    cycle(slow, strategy, NOW + timedelta(seconds=5))  # with the columns
    said(caplog)
    cycle(slow, strategy, NOW + after, exits=[BTC])
    assert len(said(caplog)) == lines


def test_the_first_cycle_is_not_said(caplog):
    strategy = made(custom_exit=60.0)
    slow = SlowCycles({}, strategy, strategy.clock)
    cycle(slow, strategy, exits=[BTC])
    assert said(caplog) == []


def test_no_error_of_measuring_reaches_the_strategy(caplog, monkeypatch):
    strategy = made(trend=0.3)
    slow = cycles_of(strategy)
    cycle(slow, strategy)
    said(caplog)
    monkeypatch.setattr(ColumnCost, "_count", lambda _: 1 / 0)
    cycle(slow, strategy)
    assert said(caplog) == []
    assert sys.gettrace() is None


def test_a_debugger_keeps_its_trace(monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "settrace", seen.append)
    monkeypatch.setattr(sys, "gettrace", lambda: print)
    with ColumnCost(frozenset({__file__}), Clock()).measured():
        made().take("nothing")
    assert seen == []


def test_the_line_of_an_analysis_that_fails_is_counted():
    clock = Clock()
    strategy = made(trend=1.0)
    strategy.clock = clock
    columns = ColumnCost(files_of(Slow), clock)
    with pytest.raises(KeyError), columns.measured():
        strategy.populate_indicators(pd.DataFrame({"close": [1.0]}), {})
    with columns.measured():
        strategy.populate_indicators(pd.DataFrame({"close": [1.0]}), {"pair": BTC})
    assert columns.slowest()[0].columns == ["trend"]
    assert columns.slowest()[0].seconds == pytest.approx(1.0)


def test_own_callbacks_are_measured_and_freqtrades_are_not():
    strategy = made()
    StrategyCost(strategy, strategy.clock)
    assert "custom_exit" in vars(strategy)
    assert "custom_stoploss" not in vars(strategy)
    # Freqtrade copies the trade by this name.
    assert strategy.custom_exit.__qualname__ == "Slow.custom_exit"


def test_a_bot_is_measured_although_its_cycle_fails(caplog):
    def process():
        strategy.analyze([BTC])
        raise RuntimeError("the exchange is away")

    strategy = made()
    impatient = {"internals": {"process_throttle_secs": 1e-9}}
    bot = SimpleNamespace(process=process, strategy=strategy, config=impatient)
    name_slow_cycles(bot)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="away"):
            bot.process()
    (line,) = said(caplog)
    assert line.startswith("Slow cycle: the analysis of 1 pairs took ")


def test_a_strategy_that_cannot_be_measured_trades(caplog):
    cycles = []
    bot = SimpleNamespace(process=lambda: cycles.append(1), strategy=object(), config={})
    name_slow_cycles(bot)
    bot.process()
    bot.process()
    assert cycles == [1, 1]
    (line,) = said(caplog)
    assert line.startswith("What makes cycles slow could not be measured")
