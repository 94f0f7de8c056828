"""Freqtrade's charts of strategies: `plot-dataframe`, `plot-profit`, and what FreqUI asks for."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from freqtrade.enums import RunMode
from freqtrade.misc import file_dump_json
from freqtrade.persistence import PairLocks
from freqtrade.plot.plotting import load_and_plot_trades, plot_profit
from freqtrade.resolvers import ExchangeResolver, StrategyResolver
from freqtrade.rpc import RPC
from freqtrade.rpc.api_server.api_schemas import PairHistory, PlotConfig

from tests import factories
from tests.bench.backtests import STRATEGIES, backtest
from tests.factories import START

pytestmark = pytest.mark.contract

BTC, ETH, XRP = "BTC/USDT:USDT", "ETH/USDT:USDT", "XRP/USDT:USDT"
ROWS = 900
ETH_FALLS, BTC_FALLS = 600, 750
HOUR = timedelta(hours=1)
OURS = ["RsiSmaSwing", "FundingTide", "TargetBasket"]
FLASH = {"method": "FlashCrashBreaker", "windows": [[60, 0.1]]}
IN_CODE = """
from perpkit.bot.layer.perp_risk import PerpRisk
from PlainTrend import PlainTrend

class InCode(PerpRisk, PlainTrend):
    pass
"""


@pytest.fixture
def config(offline_markets, trade_database, default_futures_config, monkeypatch) -> dict[str, Any]:
    """Of candles in which one pair crashes alone, and later the pair that leads the market."""
    datadir = default_futures_config["datadir"]
    factories.write_market(datadir, dict.fromkeys((BTC, ETH, XRP), factories.funding(120)), ROWS)
    for pair, row in ((ETH, ETH_FALLS), (BTC, BTC_FALLS)):
        frame = factories.candles(ROWS, start=START, volatility=0.003)
        frame.loc[frame.index > row, ["open", "high", "low", "close"]] *= 0.8
        frame.loc[row, ["low", "close"]] *= 0.8
        factories.write_candles(datadir, pair, frame)
    monkeypatch.syspath_prepend(str(STRATEGIES))
    folder = default_futures_config["user_data_dir"] / "theirs"
    folder.mkdir()
    (folder / "InCode.py").write_text(IN_CODE)
    for name in ("PlainTrend", "PlainMonster"):
        (folder / f"{name}.py").write_text((STRATEGIES / f"{name}.py").read_text())
    default_futures_config.pop("pairlists")  # a chart has none, and asks for none
    return {
        **default_futures_config,
        "runmode": RunMode.PLOT,
        "trade_source": "file",
        "strategy_path": str(folder),
    }


def plotted(config: dict[str, Any]) -> dict[str, str]:
    """The pages of `plot-dataframe`, by pair."""
    load_and_plot_trades(config)
    pages = sorted((config["user_data_dir"] / "plot").glob("freqtrade-plot-*.html"))
    return {path.name.split("-")[2].replace("_", "/", 1): path.read_text() for path in pages}


def nothing_is_locked() -> bool:
    return not PairLocks.locks and not PairLocks.get_all_locks()


def shown(config: dict[str, Any], pair: str) -> tuple[PairHistory, dict[str, Any]]:
    """What FreqUI's webserver shows of a pair, and how."""
    config = {**config, "runmode": RunMode.WEBSERVER}
    exchange = ExchangeResolver.load_exchange(config, validate=False)
    answer = RPC._rpc_analysed_history_full(config, pair, "1h", exchange, None, False)
    plot = PlotConfig.model_validate(RPC._rpc_plot_config_with_strategy(config))
    exchange.close()
    return PairHistory.model_validate(answer), plot.model_dump()


@pytest.mark.parametrize("name", [*OURS, "Confluence"])
def test_plot_dataframe_draws_what_the_strategy_looks_at(config, name, caplog):
    caplog.set_level(logging.INFO)
    pages = plotted({**config, "strategy": name})
    assert len(pages) == 3
    drawn = StrategyResolver.load_strategy({**config, "strategy": name}).plot_config
    for group in (drawn["main_plot"], *drawn["subplots"].values()):
        for column in group:
            # Without positioning data there is nothing of the crowd, but its column.
            assert f'"name":"{column}"' in pages["ETH/USDT_USDT"], column
    assert "ignored" not in caplog.text  # as Freqtrade says of columns that are not there
    assert "No 1h candles" not in caplog.text
    assert nothing_is_locked()


@pytest.mark.parametrize("name", OURS)
def test_frequi_has_columns_and_spells(config, name):
    history, plot = shown({**config, "strategy": name}, ETH)
    for group in (plot["main_plot"], *plot["subplots"].values()):
        assert set(group) <= set(history.columns)
    areas = [area for area in history.annotations if "FlashCrashBreaker" in area["label"]]
    own, wide = areas[0], areas[-1]
    assert own["start"] == START + (ETH_FALLS + 1) * HOUR
    assert f"({ETH})" in own["label"]
    assert wide["start"] == START + (BTC_FALLS + 1) * HOUR
    assert "(all pairs)" in wide["label"]
    assert all(area["end"] > area["start"] for area in areas)
    assert nothing_is_locked()


def test_a_restriction_of_another_pair_is_not_drawn(config):
    history, _plot = shown({**config, "strategy": "RsiSmaSwing"}, XRP)
    assert history.annotations
    assert not any(ETH in area["label"] for area in history.annotations)


def test_a_restriction_of_one_side_is_drawn_as_one(config):
    config |= {"strategy": "InCode", "perpkit": {"protections": [{**FLASH, "blocks": "against"}]}}
    history, _plot = shown(config, ETH)
    assert "no new longs (ETH/USDT:USDT)" in history.annotations[0]["label"]


def test_planned_stop_and_target_begin_with_a_signal(config):
    history, _plot = shown({**config, "strategy": "RsiSmaSwing"}, BTC)
    columns = {name: number for number, name in enumerate(history.columns)}
    rows = [
        [row[columns[name]] for name in ("close", "planned_stop", "planned_target")]
        for row in history.data
        if row[columns["enter_long"]] == 1 and row[columns["planned_stop"]]
    ]
    assert rows
    close, stop, target = rows[0]
    assert stop == pytest.approx(0.95 * close)
    assert target == pytest.approx(1.10 * close)


def test_plot_profit_draws_a_backtest_of_ours(config):
    result = backtest({**config, "pairlists": [{"method": "StaticPairList"}]}, "BasedTrend")
    path: Path = config["user_data_dir"] / "result.json"
    file_dump_json(path, result.stats, log=False)
    plot_profit({**config, "strategy": "BasedTrend", "exportfilename": path, "no_trades": False})
    assert (config["user_data_dir"] / "plot" / "freqtrade-profit-plot.html").stat().st_size > 1e6


@pytest.mark.parametrize("name", ["PlainTrend", "PlainMonster", "InCode"])
def test_charts_of_foreign_strategies_with_the_layer_asked_for(config, name):
    config |= {"strategy": name, "perpkit": {"attach": True, "protections": [FLASH]}}
    pages = plotted(config)
    assert len(pages) == 3
    history, _plot = shown(config, ETH)
    # Attached by the configuration, it stays out of charts; in code, it draws its breakers.
    assert bool(history.annotations) == (name == "InCode")
    assert nothing_is_locked()


def test_a_breaker_that_cannot_be_drawn_leaves_the_chart(config, monkeypatch, caplog):
    from perpkit.bot.watching.candle_breaker import CandleBreaker

    def fail(*_args: Any) -> None:
        raise ValueError("broken")

    monkeypatch.setattr(CandleBreaker, "line", fail)
    history, _plot = shown({**config, "strategy": "RsiSmaSwing"}, ETH)
    assert history.annotations == []
    assert "FlashCrashBreaker cannot be drawn: broken" in caplog.text
