"""A bot that does what its backtest does, from Freqtrade's own trades: partial exits, additions."""

from __future__ import annotations

import json

import pytest
from freqtrade.persistence import PairLocks, Trade, init_db
from typer.testing import CliRunner

from perpkit.cli import app
from perpkit.research.results import load_results
from perpkit.research.stress.repricing import Repricing
from tests.bench.backtests import PAIRS, backtest, write_candles

pytestmark = pytest.mark.integration


@pytest.fixture
def run(offline_markets, default_futures_config):
    write_candles(default_futures_config["datadir"], rows=500)
    return backtest(default_futures_config, "RandomTrades", random_trades=1)


@pytest.fixture
def database(run, tmp_path):
    """The trades of the backtest as those of a bot."""
    path = tmp_path / "bot.sqlite"
    init_db(f"sqlite:///{path}")
    Trade.use_db = PairLocks.use_db = True
    for given in run.trades:
        trade = Trade.from_json(json.dumps(given, default=str))
        trade.id = None
        trade.strategy, trade.timeframe = "RandomTrades", 60
        for number, order in enumerate(trade.orders):
            order.order_id = f"{given['open_timestamp']}-{trade.pair}-{number}"
            order.ft_trade_id = None
        Trade.session.add(trade)
    Trade.commit()
    yield path
    Trade.rollback()
    Trade.session.remove()


def compared(run, database, tmp_path, config, *options):
    export = run.export(tmp_path / "export.json")
    given = ["compare", "--live", database, "--backtest", export, "--json"]
    given += ["--datadir", config["datadir"], *options]
    done = CliRunner().invoke(app, [str(each) for each in given])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_bot_like_its_backtest_has_no_difference(run, database, tmp_path, default_futures_config):
    found = compared(run, database, tmp_path, default_futures_config)
    assert len(found["trades"]) == len(run.trades) > 40
    assert [one for one in found["trades"] if one["causes"]] == []
    assert "There is no difference." in found["said"]


def test_a_trade_that_is_gone_is_missed(run, database, tmp_path, default_futures_config):
    gone = Trade.session.query(Trade).order_by(Trade.open_date).offset(20).first()
    pair, profit = gone.pair, gone.close_profit_abs
    Trade.session.delete(gone)
    Trade.commit()
    found = compared(run, database, tmp_path, default_futures_config)
    [missed] = [one for one in found["trades"] if one["causes"]]
    assert (missed["pair"], missed["live"]) == (pair, None)
    assert missed["difference"] == pytest.approx(-profit)
    assert missed["causes"][0]["cause"] in ("missed signal", "no free slot")


def test_the_database_is_priced_like_the_export(run, database, tmp_path, default_futures_config):
    bot = load_results(database, starting_balance=10_000)
    market = StoredCandles(run.frames)
    repriced = Repricing(bot, market, lambda _: None, noise=0.2, seed=0).by(()).results
    total = sum(trade.profit for trade in repriced.trades)
    [stats] = run.stats["strategy"].values()
    assert total == pytest.approx(stats["profit_total_abs"], abs=0.01)


class StoredCandles:
    def __init__(self, frames):
        self._frames = frames

    def candles(self, pair, timeframe):
        assert pair in PAIRS
        return self._frames[pair]

    def funding(self, pair):
        return None
