"""What an export of a backtest lacks, and what the report makes of it: real runs of Freqtrade."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
from freqtrade.data.history import get_datahandler
from freqtrade.enums import CandleType
from typer.testing import CliRunner

from perpkit.cli import app
from perpkit.ops.stored_market import StoredMarket
from perpkit.research.accounts import marked_account
from perpkit.research.freqtrade_figures import own_figures
from perpkit.research.liquidation import with_liquidations
from perpkit.research.marked import figures
from perpkit.research.results import load_results
from tests.bench.backtests import PAIRS, backtest, exported, write_candles
from tests.cases import SLOW

pytestmark = pytest.mark.integration

BTC, ETH, XRP = PAIRS
CRASH = {"method": "FlashCrashBreaker", "windows": [[60, 0.1]], "cool_down_minutes": 600}
FIRST = 96  # candles in front of the run: see tests.bench.backtests


@pytest.fixture
def config(offline_markets, default_futures_config):
    write_candles(default_futures_config["datadir"], rows=500)
    return default_futures_config


def page_of(export, config, tmp_path) -> str:
    out = tmp_path / "page.html"
    command = ["report", str(export), "--datadir", str(config["datadir"]), "--out", str(out)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    return out.read_text()


def charts_of(page: str) -> dict:
    return json.loads(page.split('id="charts">')[1].split("</script>")[0])


def traces_of(page: str) -> list[dict]:
    """Of all charts of prices."""
    charts = charts_of(page)
    return [trace for name in charts if name.startswith("price-") for trace in charts[name]["data"]]


def test_the_way_of_every_stop_is_in_an_export_with_signals(config, tmp_path):
    export = exported(config, "BasedTrend", tmp_path / "results", export="signals")
    results = load_results(export)
    assert len(results.trades) > 20
    stats = results.stats["trades"]
    moved = 0
    for trade, given in zip(results.trades, stats, strict=True):
        rates = [stop.rate for stop in trade.stops]
        assert rates[0] == pytest.approx(given["initial_stop_loss_abs"], rel=1e-3)
        assert rates[-1] == given["stop_loss_abs"]
        tighter = np.diff(rates) * (-1 if trade.is_short else 1)
        assert (tighter > 0).all()
        times = [stop.at for stop in trade.stops]
        assert trade.opened == times[0]
        assert times == sorted(times)
        assert times[-1] <= trade.closed
        moved += len(rates) > 1
    assert moved > 5
    page = page_of(export, config, tmp_path)
    drawn = [trace for trace in traces_of(page) if trace["name"] == "stop"]
    # A gap after each trade, and its end.
    points = sum(x is not None for trace in drawn for x in trace["x"])
    assert points == sum(len(trade.stops) + 1 for trade in results.trades)
    assert "Way of the stop" not in page


def test_without_signals_there_is_no_log_and_that_is_said(config, tmp_path):
    export = exported(config, "BasedTrend", tmp_path / "results")
    assert not list((config["user_data_dir"] / "perpkit").glob("*"))
    assert not [name for name in zipfile.ZipFile(export).namelist() if "decisions" in name]
    page = page_of(export, config, tmp_path)
    assert "Way of the stop on the price: these results do not have it of their trades" in page
    assert "only where it stood first is shown" in page
    assert {trace["name"] for trace in traces_of(page)} >= {"first stop", "long in", "out"}


@SLOW
def test_the_log_changes_no_export(config, tmp_path):
    plain = exported(config, "BasedTrend", tmp_path / "plain")
    noted = exported(config, "BasedTrend", tmp_path / "noted", export="signals")
    found = [load_results(export).stats["trades"] for export in (plain, noted)]
    assert found[0] == found[1]
    assert found[0]


def test_what_a_breaker_blocked_is_counted_from_the_exported_log(config, tmp_path):
    write_candles(config["datadir"], rows=500, crash=200)
    crashed = 203 - FIRST
    script = {BTC: {"enter_long": [crashed, crashed + 2, 300]}, ETH: {"enter_long": [crashed]}}
    perpkit = {"attach": ["breakers"], "protections": [CRASH]}
    export = exported(
        config, "AskedSignals", tmp_path / "results", script=script, perpkit=perpkit,
        enable_protections=True, export="signals",
    )  # fmt: skip
    page = page_of(export, config, tmp_path)
    section = page.split('id="blocked"')[1].split("</section>")[0]
    row = section.split('<th scope="row">FlashCrashBreaker</th>')[1].split("</tr>")[0]
    assert row.endswith("<td>3</td>")
    assert '<th scope="row">lock, FlashCrashBreaker</th><td>3</td>' in section
    assert "Refused signals, one by one" not in page


def test_a_log_that_cannot_be_added_leaves_the_export_whole(config, tmp_path, monkeypatch, caplog):
    def full(*_given, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("perpkit.bot.layer.exported_decisions.put", full)
    export = exported(config, "BasedTrend", tmp_path / "results", export="signals")
    assert "The decision log could not be added" in caplog.text
    assert load_results(export).trades


def test_r_multiples_of_our_strategies_are_those_of_their_own_stops(config, tmp_path):
    tight = {"stop": {"distance": 0.02}}
    export = exported(config, "BasedTrend", tmp_path / "results", perpkit=tight)
    run = backtest(config, "BasedTrend", perpkit=tight)
    distance = run.strategy.present_settings().stop.distance
    results = load_results(export)
    assert len(results.trades) == len(run.trades) > 20
    for trade in results.trades:
        first = trade.fills[0]
        # The first stop is rounded to a tick.
        expected = trade.profit / (first.amount * first.rate * distance)
        assert trade.r_multiple == pytest.approx(expected, rel=2e-2)
    stopped = [t.r_multiple for t in results.trades if t.exit_reason == "stop_loss"]
    assert stopped
    # A stop at once loses 1 R, the fees of both sides, and what parts had made before.
    assert min(stopped) == pytest.approx(-1.05, abs=0.06)
    page = page_of(export, config, tmp_path)
    assert "multiples" in charts_of(page)
    assert "R multiples of" not in page  # none is without


@pytest.mark.parametrize("strategy", ["BasedTrend", pytest.param("PlainAveraging", marks=SLOW)])
def test_liquidations_are_freqtrades_where_both_use_the_same_tier(config, tmp_path, strategy):
    changed = {"leverage": 5.0} if strategy == "PlainAveraging" else {}
    export = exported(config, strategy, tmp_path / "results", **changed)
    run = backtest(config, strategy, **changed)
    market = StoredMarket(config["datadir"])
    results = with_liquidations(load_results(export), market.tiers)
    assert results.trades
    for trade, theirs in zip(results.trades, run.trades, strict=True):
        expected = theirs["liquidation_price"]
        assert (trade.pair, trade.opened) == (theirs["pair"], theirs["open_timestamp"] / 1000)
        # Theirs is rounded to a tick, and of an average that is.
        assert trade.liquidation == pytest.approx(expected, rel=2e-3)
    page = page_of(export, config, tmp_path)
    assert "liquidation" in charts_of(page)
    assert "they are computed, in isolated margin" in page


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"margin_mode": "cross"}, "it can be computed in isolated margin only"),
        ({"trading_mode": "spot", "margin_mode": "", "pairlist": ["BTC/USDT"]}, "spot is not liq"),
    ],
    ids=["cross", "spot"],
)
def test_where_liquidation_cannot_be_computed_that_is_said(config, tmp_path, changed, said):
    run = backtest(config, "BasedTrend")
    run.stats["strategy"]["BasedTrend"] |= changed
    if "pairlist" in changed:
        run.stats["strategy"]["BasedTrend"]["trades"] = []
    page = page_of(run.export(tmp_path / "export.json"), config, tmp_path)
    assert said in page
    assert "liquidation" not in charts_of(page)


def test_what_freqtrades_own_figures_leave_out(config, tmp_path):
    """A loss that is carried and comes back: a third of the price, of a tenth of the account."""
    handler = get_datahandler(config["datadir"], "feather")
    kinds = (CandleType.FUTURES, CandleType.MARK)
    frame = handler.ohlcv_load(BTC, "1h", CandleType.FUTURES)
    hours = np.arange(len(frame))
    fallen = (hours > 250) & (hours < 300)
    for column in ("open", "high", "low", "close"):
        frame[column] = np.where(fallen, 20_000.0, 30_000.0)
    for kind in kinds:
        handler.ohlcv_store(BTC, "1h", frame, kind)
    script = {BTC: {"enter_long": [150 - FIRST], "exit_long": [350 - FIRST]}}
    export = exported(
        config, "AskedSignals", tmp_path / "results", script=script, stoploss=-0.9, fee=0.0005
    )
    results = load_results(export)
    assert [trade.exit_reason for trade in results.trades] == ["exit_signal"]
    ours = figures(marked_account(results, StoredMarket(config["datadir"])).equity)
    theirs = own_figures(results.stats)
    carried = 1_000 / 30_000 * 10_000 / 10_000
    assert ours.max_drawdown == pytest.approx(carried, rel=0.05)
    assert ours.worst_day == pytest.approx(carried, rel=0.05)
    # What is left to them are the fees and the funding.
    assert theirs["closed trades"]["max_drawdown"] < 0.002
    assert theirs["wallet"]["max_drawdown"] < 0.002
    assert ours.profit == pytest.approx(theirs["closed trades"]["profit"], abs=1e-6)
    page = page_of(export, config, tmp_path)
    assert "its wallet holds no open profit of futures" in page
