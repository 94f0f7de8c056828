"""Stock Freqtrade against the venue, by configuration alone."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from perpkit.durations import DAY_MS
from perpkit.venue.http.server import running_venue
from perpkit.venue.market import datadir
from perpkit.venue.market.candles import PriceKind
from perpkit.venue.market.clock import SystemClock
from perpkit.venue.market.market import Market
from perpkit.venue.market.premium_index import premium_candles
from perpkit.venue.market.synthetic import MODELS, generate
from tests.freqtrade_cli import run_freqtrade

pytestmark = pytest.mark.integration

STRATEGY = '''
from freqtrade.strategy import IStrategy


class Flipper(IStrategy):
    """Long above the mean, short below it."""

    timeframe = "5m"
    can_short = True
    stoploss = -0.05
    minimal_roi = {"0": 0.02}
    startup_candle_count = 30

    def populate_indicators(self, dataframe, metadata):
        dataframe["mean"] = dataframe["close"].rolling(20).mean()
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        above = dataframe["close"] > dataframe["mean"]
        dataframe.loc[above, "enter_long"] = 1
        dataframe.loc[~above, "enter_short"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe

    def leverage(self, *args, **kwargs):
        return 3.0
'''


@pytest.fixture(scope="module")
def now_history():
    """Twelve days that lead up to the present."""
    start = SystemClock().now() // DAY_MS * DAY_MS - 12 * DAY_MS
    return generate(seed=7, start=start, days=14)


@pytest.fixture(scope="module")
def base_url(now_history):
    with running_venue(Market(now_history, SystemClock(), seed=7)) as url:
        yield url


@pytest.fixture
def strategies(tmp_path: Path) -> Path:
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "flipper.py").write_text(STRATEGY)
    return tmp_path / "strategies"


def test_list_pairs(base_url, configuration):
    result = run_freqtrade(["list-pairs", *configuration(base_url), "--print-json"])
    assert result.returncode == 0, result.stdout
    assert set(json.loads(result.stdout.splitlines()[-1])) == set(MODELS)


def test_pairlists_that_ask_for_tickers_spreads_and_daily_candles(base_url, configuration):
    pairlists = [
        {"method": "VolumePairList", "number_assets": 4, "sort_key": "quoteVolume"},
        {"method": "AgeFilter", "min_days_listed": 5},
        {"method": "SpreadFilter", "max_spread_ratio": 0.005},
        {"method": "RangeStabilityFilter", "lookback_days": 5, "min_rate_of_change": 0.01},
    ]
    arguments = configuration(base_url, pairlists=pairlists)
    result = run_freqtrade(["test-pairlist", *arguments, "--print-json"])
    assert result.returncode == 0, result.stdout
    pairs = json.loads(result.stdout.splitlines()[-1])
    assert len(pairs) == 4
    assert set(pairs) < set(MODELS)


def test_downloaded_data_is_the_history_and_can_be_backtested(
    base_url, configuration, strategies, now_history, tmp_path
):
    arguments = configuration(base_url)
    data = tmp_path / "data"
    result = run_freqtrade(
        ["download-data", *arguments, "--datadir", data, "--timeframes", "5m", "1h", "--days", 8]
    )
    assert result.returncode == 0, result.stdout
    downloaded = datadir.read(data)
    assert set(downloaded.pairs) == {"BTCUSDT", "SOLUSDT"}
    for symbol, got in downloaded.pairs.items():
        generated = now_history.pairs[symbol]
        for kind, interval in (
            (PriceKind.LAST, "5m"),
            (PriceKind.LAST, "1h"),
            (PriceKind.MARK, "1h"),
        ):
            part, whole = got.candles(kind, interval), generated.candles(kind, interval)
            rows = slice(first := int(whole.time.searchsorted(part.time[0])), first + len(part))
            np.testing.assert_array_equal(part.time[:-1], whole.time[rows][:-1])
            # But for the last: it was still forming.
            np.testing.assert_array_equal(part.close[:-1], whole.close[rows][:-1])
        assert set(got.funding.rate) <= set(generated.funding.rate)
        assert len(got.funding.rate) > 20

    result = run_freqtrade(
        ["backtesting", *arguments, "--datadir", data, "--strategy-path", strategies,
         "--strategy", "Flipper", "--cache", "none"]
    )  # fmt: skip
    assert result.returncode == 0, result.stdout
    trades = re.search(r"│\s*Flipper\s*│\s*(\d+)\s*│", result.stdout)
    assert trades is not None, result.stdout
    assert int(trades[1]) > 10


def test_the_premium_index_is_downloaded_as_candles(base_url, configuration, now_history, tmp_path):
    data = tmp_path / "data"
    result = run_freqtrade(
        ["download-data", *configuration(base_url), "--datadir", data, "--timeframes", "1h",
         "--candle-types", "premiumIndex", "--days", 5]
    )  # fmt: skip
    assert result.returncode == 0, result.stdout
    stored = sorted(path.name for path in (data / "futures").iterdir())
    assert stored == [f"{base}_USDT_USDT-1h-premiumIndex.feather" for base in ("BTC", "SOL")]
    for name in stored:
        frame = pd.read_feather(data / "futures" / name)
        market = Market(now_history, SystemClock(), seed=7)
        first = int(frame["date"].iloc[0].timestamp() * 1000)
        served = premium_candles(market, f"{name[:3]}USDT", "1h", first, None, len(frame))
        assert len(frame) > 24 * 4
        # But for the last: it was still forming.
        np.testing.assert_array_equal(frame["close"][:-1], served.close[: len(frame)][:-1])
        np.testing.assert_array_equal(frame["open"][:-1], served.open[: len(frame)][:-1])


def test_a_dry_run_trades_on_current_candles_and_stops_on_sigint(
    base_url, configuration, strategies, tmp_path
):
    every_second = {"process_throttle_secs": 1, "heartbeat_interval": 1}
    arguments = configuration(base_url, internals=every_second)
    output: list[str] = []
    analysed = threading.Event()

    def watch() -> None:
        loops = entries = 0
        for line in process.stdout:
            output.append(line)
            loops += "Bot heartbeat" in line
            entries += "signal found: about create a new trade" in line
            if loops >= 4 and entries:
                analysed.set()

    with subprocess.Popen(
        [sys.executable, "-m", "freqtrade", "trade", *arguments, "--strategy-path", str(strategies),
         "--strategy", "Flipper", "--db-url", f"sqlite:///{tmp_path / 'trades.sqlite'}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "COLUMNS": "500"},  # the log must not wrap
    ) as process:  # fmt: skip
        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            done = analysed.wait(60)
            running = "".join(output)
            process.send_signal(signal.SIGINT)
            code = process.wait(30)
        finally:
            process.kill()
        watcher.join(10)
    text = "".join(output)
    assert done, text
    assert code == 128 + signal.SIGINT, text  # how Freqtrade answers it
    assert "Outdated history" not in text
    # A signal within a statement of the database makes stock Freqtrade log errors as it ends.
    assert "Traceback" not in running
    assert "ERROR" not in running
