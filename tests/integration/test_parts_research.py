"""Stock bias analyses and hyperopt of a strategy with the parts leverage, sizing and book."""

from __future__ import annotations

import pytest

from tests.bench.backtests import STRATEGIES
from tests.cases import SLOW

pytestmark = [pytest.mark.integration, SLOW]

PARTS = {"perpkit": {"attach": ["leverage", "sizing", "book"]}}


def common(bot) -> list[str]:
    return [
        f"--datadir={bot.datadir}",
        "--strategy=PlainSteep",
        f"--strategy-path={STRATEGIES}",
        "--timerange=20250118-20250318",
    ]


def test_no_look_ahead_bias(bot):
    report = bot.userdir / "lookahead.csv"
    result = bot(
        "lookahead-analysis",
        *common(bot),
        "--minimum-trade-amount=5",
        "--targeted-trade-amount=6",
        f"--lookahead-analysis-exportfilename={report}",
        **PARTS,
    )
    assert "Perpkit is attached to PlainSteep: leverage, sizing. Off: order book, " in result.stdout
    assert report.is_file(), result.stdout[-3000:]
    header, row = report.read_text().splitlines()
    values = dict(zip(header.split(","), row.split(","), strict=False))
    assert values["has_bias"] == "False"
    assert int(values["total_signals"]) >= 5
    assert values["biased_indicators"] == ""


def test_no_recursive_bias(bot):
    result = bot("recursive-analysis", *common(bot), "--startup-candle=30", **PARTS)
    assert "No lookahead bias on indicators found." in result.stdout, result.stdout[-3000:]
    assert "vol_1h" not in result.stdout.split("Recursive Analysis")[-1]


def test_hyperopt_takes_the_stop_of_each_epoch(bot):
    result = bot(
        "hyperopt",
        *common(bot),
        "--spaces=stoploss",
        "--hyperopt-loss=SharpeHyperOptLossDaily",
        "--epochs=4",
        "--random-state=1",
        "--job-workers=2",
        "--min-trades=1",
        "--disable-param-export",
        **PARTS,
    )
    assert "Best result" in result.stdout, result.stdout[-3000:]
