"""What a walk-forward makes of Freqtrade's configuration, in this process."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from perpkit.walkforward.asked import Asked
from perpkit.walkforward.run_directory import plain
from perpkit.walkforward.windows import Calendar, Span, out_of_sample_range
from perpkit.walkforward.worker import Worker
from tests.bench.backtests import PAIRS, alone, backtest, write_candles
from tests.conftest import REPOSITORY

PLAIN = REPOSITORY / "benchmarks/strategies/InTheMarket.py"


@pytest.fixture
def userdir(default_futures_config, offline_markets):
    """With a strategy, its configuration, and fifty days of candles."""
    write_candles(default_futures_config["datadir"])
    found = default_futures_config["user_data_dir"]
    (found / "strategies").mkdir()
    shutil.copy(PLAIN, found / "strategies")
    configure(found)
    return found


def configure(userdir, **more):
    given = {
        "exchange": {"name": "binance", "pair_whitelist": PAIRS}, "max_open_trades": 3,
        "stake_amount": 1_000, "pairlists": [{"method": "StaticPairList"}], **more,
    }  # fmt: skip
    (userdir / "own.json").write_text(json.dumps(given))


def asked(userdir, **changed):
    given = Asked(
        files=(REPOSITORY / "config.json.example", userdir / "own.json"),
        calendar=Calendar(Span.of("12d", "train"), Span.of("8d", "test")),
        start=datetime(2023, 1, 25, tzinfo=UTC),
        end=datetime(2023, 2, 10, tzinfo=UTC),
        strategy="InTheMarket",
        userdir=userdir,
        datadir=userdir / "data/binance",
    )
    return replace(given, **changed)


def traded(trades):
    fields = "pair", "is_short", "open_timestamp", "close_timestamp", "exit_reason", "profit_abs"
    return [tuple(trade[field] for field in fields) for trade in trades]


def test_what_hyperopt_found_is_in_force_in_the_test(userdir, default_futures_config, tmp_path):
    pytest.importorskip("freqtrade.optimize.hyperopt", exc_type=ImportError)
    spaces = ("roi", "stoploss", "trailing")
    setup = asked(userdir, epochs=3, spaces=spaces, min_trades=1).setup()
    with alone():
        worker = Worker(setup, tmp_path)
        results = [worker.result(window) for window in setup.request.windows]
    file = userdir / "strategies/InTheMarket.json"

    def stock(window):
        given = {"strategy_path": str(file.parent), "timerange": out_of_sample_range(window)}
        return traded(backtest(default_futures_config, "InTheMarket", **given).trades)

    for result in results:
        assert {*spaces} <= result.parameters.keys()
        without = stock(result.window)
        file.write_text(
            json.dumps({"strategy_name": "InTheMarket", "params": plain(result.parameters)})
        )
        assert traded(result.out_of_sample.trades) == stock(result.window) != without
        file.unlink()
