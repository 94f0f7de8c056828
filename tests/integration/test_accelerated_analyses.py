"""Freqtrade's two analyses of bias find the same with and without the acceleration."""

from __future__ import annotations

import pytest

from tests.cases import SLOW

pytestmark = [pytest.mark.integration, SLOW]

# Looks six candles ahead, and has an average that depends on where the candles begin.
BIASED = """
from tests.bench.strategies.PlainTrend import PlainTrend


class Biased(PlainTrend):
    startup_candle_count = 60

    def populate_indicators(self, dataframe, metadata):
        dataframe = super().populate_indicators(dataframe, metadata)
        dataframe["long_mean"] = dataframe["close"].ewm(span=200, adjust=False).mean()
        dataframe["later"] = dataframe["close"].shift(-6)
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe = super().populate_entry_trend(dataframe, metadata)
        dataframe["enter_long"] &= (dataframe["later"] > dataframe["close"]).astype(int)
        return dataframe
"""


@pytest.fixture
def analysed(bot, tmp_path):
    """Runs a command of the biased strategy; its output."""
    (tmp_path / "Biased.py").write_text(BIASED)

    def run(command: str, *arguments: str, accelerated: bool) -> str:
        done = bot(
            command,
            f"--datadir={bot.datadir}",
            "--strategy=Biased",
            f"--strategy-path={tmp_path}",
            "--timerange=20250118-20250318",
            *arguments,
            perpkit={"acceleration": accelerated},
        )
        said = f"Acceleration is {'on: funding, profits' if accelerated else 'off'}"
        assert said in done.stdout, done.stdout[-3000:]
        return done.stdout

    return run


def test_look_ahead_is_found_the_same(analysed, tmp_path):
    found = []
    for accelerated in (False, True):
        report = tmp_path / f"{accelerated}.csv"
        analysed(
            "lookahead-analysis",
            "--minimum-trade-amount=5",
            "--targeted-trade-amount=6",
            f"--lookahead-analysis-exportfilename={report}",
            accelerated=accelerated,
        )
        found.append(report.read_text())
    stock, ours = found
    assert ours == stock
    header, row = stock.splitlines()
    values = dict(zip(header.split(","), row.split(","), strict=False))
    assert values["has_bias"] == "True"
    assert int(values["biased_entry_signals"]) > 0


def test_a_dependence_on_the_first_candle_is_found_the_same(analysed):
    stock, ours = (
        analysed("recursive-analysis", "--startup-candle", "60", "120", accelerated=accelerated)
        .split("Recursive Analysis")[-1]
        .strip()
        for accelerated in (False, True)
    )
    assert ours == stock
    assert "long_mean" in stock
    assert "%" in stock
