"""What a walk-forward relies on in Freqtrade's backtests and hyperopt."""

from __future__ import annotations

import inspect
from datetime import timedelta

import pandas as pd
import pytest
from freqtrade.configuration import TimeRange
from freqtrade.data.history import get_datahandler, load_pair_history
from freqtrade.enums import CandleType
from freqtrade.optimize.backtesting import Backtesting
from freqtrade.resolvers import StrategyResolver

from perpkit.walkforward.given_parameters import given_parameters
from perpkit.walkforward.stored_once import StoredOnce
from tests import factories
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.contract

BTC = "BTC/USDT:USDT"
# First and last hour of a time range, and candles before it: with and without gaps in them.
CUTS = (
    (60, 120, 20), (55, 120, 0), (30, 270, 0), (255, 275, 0), (270, 290, 0), (310, 330, 0),
    (200, 390, 150), (0, 900, 10),
)  # fmt: skip


def test_candles_read_once_are_those_that_freqtrade_cuts(tmp_path):
    (tmp_path / "futures").mkdir()
    frame = factories.candles(400).drop(index=[50, 51, 250])
    frame = pd.concat([frame, frame.iloc[[320]]]).sort_values("date")
    frame.loc[280, "high"] = float("nan")
    factories.write_candles(tmp_path, BTC, frame)
    factories.write_candles(tmp_path, BTC, factories.funding(40), "funding_rate")
    first = int(factories.START.timestamp())

    def loaded() -> list[pd.DataFrame]:
        return [
            load_pair_history(
                pair=BTC, timeframe="1h", datadir=tmp_path, startup_candles=startup,
                timerange=TimeRange("date", "date", first + 3600 * begin, first + 3600 * end),
                data_format="feather", candle_type=CandleType(kind),
                fill_up_missing=kind == "futures",
            )
            for kind in ("futures", "funding_rate")
            for begin, end, startup in CUTS
        ]  # fmt: skip

    expected = loaded()
    stored = StoredOnce("feather")
    with stored.in_force():
        first_time, second_time = loaded(), loaded()
        for frame in first_time:
            frame.iloc[:, 1:] = -1.0
        third_time = loaded()
    for found in (second_time, third_time):
        for one, other in zip(expected, found, strict=True):
            pd.testing.assert_frame_equal(one, other)
    (tmp_path / "futures" / "BTC_USDT_USDT-1h-futures.feather").unlink()
    assert [len(frame) for frame in loaded()[:8]] == [0] * 8  # read again, outside
    with stored.in_force():
        assert len(loaded()[2]) == len(expected[2])


def test_a_handler_reads_all_formats_by_one_method():
    for name in ("feather", "parquet", "json", "jsongz"):
        kind = type(get_datahandler(REPOSITORY, name))
        parameters = list(inspect.signature(kind._ohlcv_load).parameters)
        assert parameters == ["self", "pair", "timeframe", "timerange", "candle_type"]


def test_given_parameters_are_those_of_a_strategy_without_a_file(default_futures_config):
    config = {
        **default_futures_config,
        "strategy": "InTheMarket",
        "strategy_path": str(REPOSITORY / "benchmarks/strategies"),
    }

    def of_a_strategy() -> tuple[float, int, float, object]:
        strategy = StrategyResolver.load_strategy({**config})
        strategy.ft_load_hyper_params()
        values = strategy.fast.value, strategy.band.value
        return strategy.stoploss, *values, strategy.minimal_roi

    own = of_a_strategy()
    document = {"buy": {"fast": 30}, "stoploss": {"stoploss": -0.2}, "roi": {"0": 0.05}}
    with given_parameters(document):
        assert of_a_strategy() == (-0.2, 30, own[2], {0: 0.05})
    with given_parameters({}):
        assert of_a_strategy() == own
    assert of_a_strategy() == own
    assert document == {"buy": {"fast": 30}, "stoploss": {"stoploss": -0.2}, "roi": {"0": 0.05}}


@pytest.mark.parametrize(
    ("kind", "name", "parameters"),
    [
        ("Backtesting", "__init__", {"config", "exchange"}),
        ("Backtesting", "backtest_one_strategy", {"strat", "data", "timerange"}),
        ("Backtesting", "load_bt_data", {"self"}),
        ("Hyperopt", "evaluate_result", {"val", "current", "is_random"}),
        ("Hyperopt", "print_results", {"results"}),
    ],
)
def test_methods_that_are_called_or_overridden(kind, name, parameters):
    found = Backtesting if kind == "Backtesting" else _hyperopt()[0].Hyperopt
    assert parameters <= set(inspect.signature(getattr(found, name)).parameters)


@pytest.mark.parametrize(
    "name", ["Backtesting", "Manager", "logging_mp_setup", "get_progress_tracker"]
)
def test_what_hyperopt_looks_up_in_its_modules(name):
    modules = _hyperopt()
    module = modules[0] if name == "get_progress_tracker" else modules[1]
    assert hasattr(module, name)
    assert f"{name}(" in inspect.getsource(module)


def test_what_an_end_of_hyperopt_is_told_by():
    """An interrupt within the search is swallowed, so that epochs are counted."""
    module, optimizer = _hyperopt()
    source = inspect.getsource(module.Hyperopt)
    assert "except KeyboardInterrupt:\n            print(" in source
    for name in ("total_epochs", "count_skipped_epochs", "hyperopter.es_terminator", "opt"):
        assert f"self.{name}" in source
    assert "self.es_epochs" in inspect.getsource(optimizer)


def _hyperopt():
    """Its two modules. Freqtrade 2026.6 cannot import them with joblib 1.6 or later."""
    pytest.importorskip("freqtrade.optimize.hyperopt", exc_type=ImportError)
    from freqtrade.optimize.hyperopt import hyperopt, hyperopt_optimizer

    return hyperopt, hyperopt_optimizer


def test_a_time_range_ends_with_the_candle_that_opens_at_its_end():
    from freqtrade.data.converter import trim_dataframe

    frame = factories.candles(10)
    end = factories.START + timedelta(hours=5)
    cut = TimeRange("date", "date", int(factories.START.timestamp()), int(end.timestamp()))
    assert trim_dataframe(frame, cut)["date"].iloc[-1] == end
