"""Hyperopt of several sources, one of them the user's, whose module only their folder has."""

from __future__ import annotations

import json

import pytest

from tests.bench.backtests import STRATEGIES
from tests.cases import SLOW

pytestmark = [pytest.mark.integration, SLOW]


def test_the_parameters_of_ones_own_source_travel_to_the_workers(bot):
    folder = bot.userdir / "strategies"
    folder.mkdir(exist_ok=True)
    (folder / "own_clock.py").write_text((STRATEGIES / "sources_for_tests.py").read_text())
    sources = [
        {"source": "own_clock:Morning"},
        {"source": "rsi_sma", "optimize": False},
        {"source": "funding_tide", "enabled": False},
    ]
    result = bot(
        "hyperopt",
        f"--datadir={bot.datadir}",
        "--strategy=Confluence",
        "--timerange=20250201-20250401",
        "--spaces",
        "buy",
        "sell",
        "--hyperopt-loss=SharpeHyperOptLossDaily",
        "--epochs=6",
        "--random-state=1",
        "--job-workers=2",
        "--min-trades=1",
        "--disable-param-export",
        perpkit={"confluence": {"sources": sources}},
    )
    assert "Best result" in result.stdout, result.stdout[-3000:]
    epochs = [
        json.loads(line)
        for path in (bot.userdir / "hyperopt_results").glob("*.fthypt")
        for line in path.read_text().splitlines()
    ]
    searched = {"buy": {"morning_hour"}, "sell": {"morning_held"} | {
        f"morning_{name}" for name in ("stop_distance", "take_profit", "trail_atr")
    }}  # fmt: skip
    for space, names in searched.items():
        assert {*epochs[0]["params_details"][space]} == names
    assert len({epoch["results_metrics"]["total_trades"] for epoch in epochs}) > 2
