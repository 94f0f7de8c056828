"""Stock hyperopt and the stock bias analyses over the strategies that have signals, offline."""

from __future__ import annotations

import json
import re

import pytest

from perpkit.research.hyperopt.daily import read_daily
from perpkit.venue.market.synthetic import MODELS
from tests.cases import SLOW

pytestmark = pytest.mark.integration

RANGES = {
    "RsiSmaSwing": "20250118-20250531",
    "RsiSmaScalp": "20250110-20250220",
    "FundingTide": "20250118-20250531",
    "TrendFollowing": "20250201-20250531",
    "CrossPairRank": "20250201-20250531",
    "Confluence": "20250201-20250531",
}
STARTUP = {
    "RsiSmaSwing": 400,
    "RsiSmaScalp": 900,
    "FundingTide": 400,
    "TrendFollowing": 700,
    "CrossPairRank": 700,
    "Confluence": 707,
}
# The analyses look at one pair at a time, so that the others must be named.
NAMED = {"CrossPairRank": {"ranking": {"pairs": list(MODELS), "min_pairs": len(MODELS)}}}


def each_strategy(*in_each_run: str) -> pytest.MarkDecorator:
    """Minutes for all: `make soak` has the others."""
    marks = {name: () if name in in_each_run else SLOW for name in sorted(RANGES)}
    return pytest.mark.parametrize(
        "strategy", [pytest.param(name, marks=mark) for name, mark in marks.items()]
    )


def common(bot, strategy: str) -> list[str]:
    return [
        f"--datadir={bot.datadir}",
        f"--strategy={strategy}",
        f"--timerange={RANGES[strategy]}",
    ]


@pytest.mark.parametrize("name", ["RsiSmaSwing", pytest.param("FundingTide", marks=SLOW)])
def test_hyperopt_over_all_spaces(bot, name):
    """In two processes: what the strategy holds must travel to them, and our loss."""
    result = bot(
        "hyperopt",
        *common(bot, name),
        "--spaces",
        "buy",
        "sell",
        "protection",
        "--hyperopt-loss=PerpHyperOptLoss",
        "--epochs=10",
        "--random-state=1",
        "--job-workers=2",
        "--min-trades=1",
        "--enable-protections",
        "--disable-param-export",
    )
    assert "Best result" in result.stdout, result.stdout[-3000:]
    [path] = (bot.userdir / "hyperopt_results").glob("*.fthypt")
    epochs = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(epochs) == 10
    assert {"buy", "sell", "protection"} <= set(epochs[0]["params_details"])
    # The parameters reach the strategy: epochs differ in what they trade.
    assert len({epoch["results_metrics"]["total_trades"] for epoch in epochs}) > 3
    # What `perpkit verdict` reads as trials: day by day, each made what Freqtrade says in all.
    made = read_daily(path)
    assert made.tried == 10
    assert made.returns.shape[1] > 3
    profits = {f"epoch {each['current_epoch']}": each["total_profit"] for each in epochs}
    grown = (1 + made.returns).prod() - 1
    assert grown.to_dict() == pytest.approx({name: profits[name] for name in made.returns})


# Every candle of Confluence: tests/bot/confluence/test_confluence.py.
@each_strategy("RsiSmaSwing", "TrendFollowing")
def test_no_look_ahead_bias(bot, strategy):
    report = bot.userdir / "lookahead.csv"
    result = bot(
        "lookahead-analysis",
        *common(bot, strategy),
        "--minimum-trade-amount=5",
        "--targeted-trade-amount=6",
        f"--lookahead-analysis-exportfilename={report}",
        perpkit=NAMED.get(strategy, {}),
    )
    assert report.is_file(), result.stdout[-3000:]
    header, row = report.read_text().splitlines()
    values = dict(zip(header.split(","), row.split(","), strict=False))
    assert values["has_bias"] == "False"
    assert int(values["total_signals"]) >= 5
    assert int(values["biased_entry_signals"]) == int(values["biased_exit_signals"]) == 0
    assert values["biased_indicators"] == ""


@each_strategy("RsiSmaSwing", "Confluence")
def test_no_recursive_bias(bot, strategy):
    startup = STARTUP[strategy]
    result = bot(
        "recursive-analysis",
        *common(bot, strategy),
        f"--startup-candle={startup}",
        perpkit=NAMED.get(strategy, {}),
    )
    assert f"{startup} (from strategy)" in result.stdout, result.stdout[-3000:]
    assert "No lookahead bias on indicators found." in result.stdout, result.stdout[-3000:]
    # Rounding dust of running sums is printed as 0.000%.
    table = result.stdout.split("Recursive Analysis")[-1]
    assert {abs(float(value)) for value in re.findall(r"(-?[\d.]+|nan)%", table)} == {0.0}
