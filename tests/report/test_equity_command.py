"""`perpkit equity`: the curve and its figures, beside Freqtrade's."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from perpkit.cli import app
from tests.report.conftest import HOURS, at, document, write


@pytest.fixture
def run(tmp_path, datadir, three_trades):
    def run(*options, **content) -> tuple[int, str, str]:
        export = write(tmp_path / "export.json", document(*three_trades, **content))
        arguments = ["equity", str(export), "--datadir", str(datadir), *options]
        result = CliRunner().invoke(app, arguments)
        return result.exit_code, result.stdout, result.stderr

    return run


def test_the_curve_as_json(run):
    code, out, err = run("--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    curve = dict(found["equity"])
    assert len(curve) == HOURS + 1
    # Closes of 100, 90 from the close of hour 10 on, 110 from that of hour 60 on.
    expected = {0: 1000, 1: 1000, 9: 1000, 10: 950, 30: 950, 59: 950, 60: 1050}
    # A short of 2 at 110, one bought back at 100, and the other at 90.
    expected |= {100: 1050, 109: 1050, 110: 1060, 129: 1060, 130: 1080, HOURS: 1080}
    assert {hour: curve[at(hour)] for hour in expected} == pytest.approx(expected)
    assert found["figures"]["max_drawdown"] == pytest.approx(0.05)
    assert found["left_out"] == []


def test_freqtrades_figures_stand_beside_it(run):
    theirs = {"profit_total": 0.08, "sharpe": 1.5, "wallet_stats": {"sharpe": 1.25}}
    code, out, _ = run("--json", **theirs)
    assert code == 0
    assert json.loads(out)["freqtrade"] == {
        "closed trades": {"profit": 0.08, "sharpe": 1.5},
        "wallet": {"sharpe": 1.25},
    }
    code, out, _ = run(**theirs)
    assert code == 0
    (row,) = [line.split() for line in out.splitlines() if line.startswith("sharpe")]
    assert row[2:] == ["1.50", "1.25"]


@pytest.mark.parametrize("timeframe", ["5m", "1d"])
def test_candles_that_are_not_stored_are_named(run, timeframe):
    code, _, err = run(timeframe=timeframe)
    assert code == 0
    assert "There are no candles of BTC/USDT:USDT, ETH/USDT:USDT" in err


def test_funding_that_cannot_be_recomputed_is_named(run, three_trades):
    three_trades[0]["funding_fees"] = -1.0
    _, _, err = run()
    assert err.startswith("Funding of some trades of BTC/USDT:USDT counts when it was booked")
