"""Cost stress of what stock Freqtrade exports: its own result to the cent, and the command."""

from __future__ import annotations

import json
import zipfile

import pytest
from typer.testing import CliRunner

from perpkit.cli import app
from perpkit.ops.stored_market import StoredMarket
from perpkit.research.results import load_results
from perpkit.research.stress.break_even import break_even
from perpkit.research.stress.model import CostModel
from perpkit.research.stress.repricing import Repricing
from tests.bench.backtests import PAIRS, backtest, exported, write_candles
from tests.cases import SLOW
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.integration

# A tenth of a cent; and of the sum of all trades, a cent.
EXACT, CENT = 0.001, 0.01


@pytest.fixture
def config(offline_markets, default_futures_config):
    write_candles(default_futures_config["datadir"], rows=700)
    return {**default_futures_config, "max_open_trades": 3}


def repriced(export, datadir, *models):
    results, market = load_results(export), StoredMarket(datadir)
    return results, Repricing(results, market, market.tiers, noise=0.2, seed=1).by(models)


def assert_identical(export, datadir) -> list:
    """Freqtrade's own profits of each trade and of all; returns its trades."""
    results, found = repriced(export, datadir, CostModel())
    theirs = results.stats["trades"]
    order = sorted(theirs, key=lambda trade: trade["close_timestamp"])
    assert len(found.results.trades) == len(order)
    for trade, given in zip(found.results.trades, order, strict=True):
        assert trade.pair == given["pair"]
        assert trade.profit == pytest.approx(given["profit_abs"], abs=EXACT)
        assert trade.ratio == pytest.approx(given["profit_ratio"], abs=1e-6)
    total = sum(trade.profit for trade in found.results.trades)
    assert total == pytest.approx(results.stats["profit_total_abs"], abs=CENT)
    assert found.unpriced == found.left_out == 0
    return theirs


@pytest.mark.parametrize("seed", [1, 2, pytest.param(3, marks=SLOW)])
def test_the_identity_is_freqtrades_result_to_the_cent(config, tmp_path, seed):
    """Additions, partial exits, leverage, funding, and both sides; orders that wait."""
    run = backtest(config, "RandomTrades", random_trades=seed)
    trades = assert_identical(run.export(tmp_path / "export.json"), config["datadir"])
    filled = [
        [o["ft_is_entry"] for o in t["orders"] if o["order_filled_timestamp"]] for t in trades
    ]
    assert len(trades) > 50
    assert any(sum(entries) > 1 for entries in filled)
    assert any(len(entries) - sum(entries) > 1 for entries in filled)
    assert {trade["is_short"] for trade in trades} == {True, False}
    assert len({trade["leverage"] for trade in trades}) > 1
    assert sum(abs(trade["funding_fees"]) for trade in trades) > 1


def test_a_fee_of_the_break_even_leaves_freqtrade_with_nothing(config, tmp_path):
    """The same trades, at the fee at which the edge is gone, in a backtest of Freqtrade's own."""
    script = {pair: {"enter_short": [20, 200], "exit_short": [150, 300]} for pair in PAIRS}
    given = {"script": script, "stoploss": -0.9, "minimal_roi": {"0": 9.0}}
    free = backtest(config, "AskedSignals", fee=0.0, **given)
    found = break_even(load_results(free.export(tmp_path / "free.json")).trades)
    assert (found.fee_bps, found.profit > 10) == (0, True)
    paid = backtest(config, "AskedSignals", fee=found.bps / 1e4, **given)
    total = load_results(paid.export(tmp_path / "paid.json")).stats["profit_total_abs"]
    assert len(paid.trades) == len(free.trades)
    assert total == pytest.approx(0, abs=0.02 * found.profit)


def test_the_command_on_an_export_and_with_a_model_of_the_user(config, tmp_path):
    export = exported(config, "RandomTrades", tmp_path / "results", random_trades=1)
    (tmp_path / "costs.py").write_text(
        "from perpkit.research.stress.model import CostModel\n\n\n"
        "class Flat(CostModel):\n"
        "    noisy = False\n\n"
        "    def slippage_bps(self, order, draw):\n"
        "        return 3.0\n"
    )
    command = ["stress", str(export), "--datadir", str(config["datadir"]), "--json"]
    for model in ("identity", f"{tmp_path / 'costs.py'}:Flat", "worst_fills"):
        command += ["--model", model]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    same, flat, worst = found["scenarios"]
    own = load_results(export).stats["profit_total_abs"]
    assert same["profit"] == pytest.approx(own, abs=CENT)
    assert flat["cost"] == pytest.approx(found["break_even"]["turnover"] * 3e-4, rel=1e-3)
    assert flat["cost_bps"] == pytest.approx(3, rel=1e-3)
    assert worst["profit"] < flat["profit"] < same["profit"]


@pytest.mark.parametrize(
    ("exchange", "without", "lacking"),
    [
        ("binanceusdm", "", ""),
        ("binance", "ETH", "candles of every pair, got none of ETH/USDT:USDT"),
        ("bybit", "", "leverage tiers of every pair, got none of BTC/USDT:USDT, "),
    ],
)
def test_the_usual_scenarios_need_neither_all_candles_nor_tiers(
    config, tmp_path, exchange, without, lacking
):
    export = exported(config, "RandomTrades", tmp_path / "results", random_trades=1)
    with zipfile.ZipFile(export, "a") as archive:  # what is there twice is read as the last one
        archive.writestr(f"{export.stem}_config.json", json.dumps({"exchange": {"name": exchange}}))
    assert load_results(export).exchange == exchange
    if without:
        (config["datadir"] / f"futures/{without}_USDT_USDT-1h-futures.feather").unlink()
    command = ["stress", str(export), "--datadir", str(config["datadir"])]
    done = CliRunner().invoke(app, [*command, "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    names = [one["name"] for one in found["scenarios"]]
    assert ("cross_margin" in names) is not lacking
    said = [line for line in found["said"] if "cross_margin" in line]
    assert [lacking in line for line in said] == ([True] if lacking else [])
    if lacking:
        asked = CliRunner().invoke(app, [*command, "--model", "cross_margin"])
        assert asked.exit_code == 2
        assert lacking in " ".join(asked.output.split())


@pytest.mark.real_data
def test_the_identity_on_real_candles(
    real_datadir, offline_markets, default_futures_config, tmp_path
):
    config = {**default_futures_config, "datadir": real_datadir}
    given = {"timerange": "20220101-20220701", "strategy_path": str(REPOSITORY / "strategies")}
    run = backtest(config, "RsiSmaSwing", **given)
    trades = assert_identical(run.export(tmp_path / "export.json"), real_datadir)
    assert len(trades) > 30
