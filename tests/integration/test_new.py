"""What `perpkit new` writes, in stock Freqtrade: found, tested as a pairlist, and backtested."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from perpkit.cli import app
from tests.cases import SLOW
from tests.integration.conftest import PAIRS

pytestmark = pytest.mark.integration

PAIRLISTS = [{"method": "StaticPairList"}, {"method": "CalmPairs", "max_move": 0.02}]
# As `perpkit new protection` says how it is used.
SNIPPET = """
    @property
    def protections(self):
        return [*super().protections, {"method": "WideHours", "wide": 0.01}]
"""


@pytest.fixture
def written(bot):
    """A user directory with one of each, the protection listed in the strategy."""
    for kind, name in {
        "protection": "WideHours",
        "pairlist": "CalmPairs",
        "strategy": "RangeLeft",
    }.items():
        result = CliRunner().invoke(app, ["new", kind, name, f"--userdir={bot.userdir}"])
        assert result.exit_code == 0, result.output
    mine = "from RangeLeft import RangeLeft\n\n\nclass Mine(RangeLeft):" + SNIPPET
    (bot.userdir / "strategies" / "Mine.py").write_text(mine)
    return bot


def test_freqtrade_backtests_them_together(written):
    statistics = written.backtest(
        "Mine",
        "--enable-protections",
        "--enable-dynamic-pairlist",
        "--timerange=20250118-20250218",
        pairlists=PAIRLISTS,
    )
    assert statistics["trades"]
    reasons = {lock["reason"] for lock in statistics["locks"]}
    assert any(reason.startswith("WideHours reducing: ") for reason in reasons)


@SLOW
def test_freqtrade_lists_the_strategy_and_tests_the_pairlist(written):
    assert "RangeLeft" in written("list-strategies", "--one-column").stdout.split()
    wide = {"method": "CalmPairs", "max_move": 10}
    offered = written("test-pairlist", "--print-json", pairlists=[PAIRLISTS[0], wide])
    (line,) = (line for line in offered.stdout.splitlines() if line.startswith("["))
    # What is unknown of a pair would remove it.
    assert sorted(json.loads(line)) == sorted(PAIRS)
