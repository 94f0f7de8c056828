"""What a user gets wrong is answered with one clear line, and no traceback."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cases import SLOW

pytestmark = pytest.mark.integration

NOBODY = [{"method": "StaticPairList"}, {"method": "Nobody"}]
TOO_HIGH = [{"method": "StaticPairList"}, {"method": "FundingRateFilter", "max_percentile": 120}]

BAD_BREAKER = """
from perpkit.bot.rsi_sma import RsiSmaStrategy


class BadBreaker(RsiSmaStrategy):
    timeframe = "1h"
    trend_timeframe = "4h"
    startup_candle_count = 400
    protections = [{"method": "CryptoVixBreaker", "stressed_percentile": 130}]
"""


def backtesting(bot, datadir: Path, strategy: str = "RsiSmaSwing", **config):
    return bot(
        "backtesting",
        f"--datadir={datadir}",
        f"--strategy={strategy}",
        "--timerange=20250118-20250201",
        "--enable-protections",
        "--cache=none",
        **config,
    )


def without(stored: Path, folder: Path, pattern: str) -> Path:
    """A copy of the data directory that lacks some files."""
    shutil.copytree(stored, folder, ignore=shutil.ignore_patterns(pattern))
    return folder


def errors(output: str) -> list[str]:
    """What Freqtrade says last, at level ERROR; a traceback would be a failure."""
    assert "Traceback" not in output, output[-3000:]
    return [line.split(" - ERROR - ")[1] for line in output.splitlines() if " - ERROR - " in line]


@pytest.mark.parametrize(
    ("pairlists", "parts"),
    [
        (NOBODY, ["Unknown pairlist 'Nobody'", "FundingRateFilter", "Looked in: ", "pairlists"]),
        pytest.param(
            TOO_HIGH, ["FundingRateFilter: max_percentile must", "0", "100", "120"], marks=SLOW
        ),
    ],
)
def test_a_bad_pairlist(bot, pairlists, parts):
    (line,) = errors(bot("test-pairlist", pairlists=pairlists).stdout)
    for part in parts:
        assert part in line


def test_a_protection_parameter_out_of_range(bot, stored):
    folder = bot.userdir / "strategies"
    folder.mkdir()
    (folder / "BadBreaker.py").write_text(BAD_BREAKER)
    (line,) = errors(backtesting(bot, stored, "BadBreaker").stdout)
    assert "CryptoVixBreaker: stressed_percentile must be a number from 0 to 100, got 130" in line


def test_an_empty_data_directory(bot, tmp_path):
    (line,) = errors(backtesting(bot, tmp_path).stdout)
    assert line.startswith("No data found")


def test_no_candles_for_the_breaker(bot, stored, tmp_path):
    datadir = without(stored, tmp_path / "data", "BTC*")
    (line,) = errors(backtesting(bot, datadir).stdout)
    assert "The breakers need 1h candles of BTC/USDT:USDT" in line
    assert str(datadir) in line


def test_missing_funding_is_said_once_a_pair(bot, stored, tmp_path):
    datadir = without(stored, tmp_path / "data", "ETH*funding_rate*")
    output = backtesting(bot, datadir).stdout
    assert errors(output) == []
    assert output.count("No funding rates of ETH/USDT:USDT: no bonus for funding") == 1
    assert "No funding rates of BTC" not in output


def test_a_configuration_without_futures(bot, stored):
    spot = {"trading_mode": "spot", "margin_mode": "", "pairlists": [{"method": "StaticPairList"}]}
    (line,) = errors(backtesting(bot, stored, **spot).stdout)
    assert 'RsiSmaSwing needs "trading_mode": "futures", got "spot"' in line


def test_a_venue_port_that_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = subprocess.run(
            [sys.executable, "-m", "perpkit.cli", "venue", f"--port={port}"],
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert result.returncode == 2
    assert result.stderr.strip() == (
        f"perpkit venue: cannot listen on 127.0.0.1:{port}: Address already in use"
    )
