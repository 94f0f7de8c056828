"""What `PerpHyperOptLoss` relies on: where losses are found, and what they are handed."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from freqtrade.enums import HyperoptState, RunMode
from freqtrade.optimize.backtesting import Backtesting
from freqtrade.optimize.hyperopt_loss.hyperopt_loss_interface import IHyperOptLoss
from freqtrade.optimize.hyperopt_tools import HyperoptStateContainer
from freqtrade.resolvers.hyperopt_resolver import HyperOptLossResolver

from perpkit.ops.stored_market import StoredMarket
from perpkit.research.hyperopt import loss
from perpkit.research.marked import figures
from tests.bench.backtests import PAIRS, STRATEGIES, alone, write_candles
from tests.conftest import REPOSITORY
from tests.factories import START

pytestmark = pytest.mark.contract

NAME = "PerpHyperOptLoss"
OF_THE_USER = """
from freqtrade.optimize.hyperopt_loss.hyperopt_loss_interface import IHyperOptLoss

class PerpHyperOptLoss(IHyperOptLoss):
    @staticmethod
    def hyperopt_loss_function(**given):
        return 7.0
"""


@pytest.fixture
def config(default_futures_config: dict[str, Any]) -> dict[str, Any]:
    return {**default_futures_config, "runmode": RunMode.HYPEROPT, "hyperopt_loss": NAME}


def test_it_is_found_without_any_setting(config):
    assert HyperOptLossResolver.load_hyperoptloss(config).timeframe == "1h"
    known = HyperOptLossResolver.search_all_objects(config, False)
    [place] = [found["location"] for found in known if found["name"] == NAME]
    assert place == REPOSITORY / "user_data" / "hyperopts" / f"{NAME}.py"


def test_a_file_of_the_user_with_its_name_wins(config):
    folder = config["user_data_dir"] / "hyperopts"
    folder.mkdir()
    (folder / f"{NAME}.py").write_text(OF_THE_USER)
    assert HyperOptLossResolver.load_hyperoptloss(config).hyperopt_loss_function() == 7.0


def test_freqtrades_own_losses_are_found_as_before(config):
    # Before 2026.9 they import a part of joblib that its newer releases have no more.
    pytest.importorskip("freqtrade.optimize.hyperopt", exc_type=ImportError)
    config["hyperopt_loss"] = "SharpeHyperOptLossDaily"
    assert type(HyperOptLossResolver.load_hyperoptloss(config)).__name__ == config["hyperopt_loss"]
    names = {found["name"] for found in HyperOptLossResolver.search_all_objects(config, False)}
    assert {"SharpeHyperOptLossDaily", "CalmarHyperOptLoss", NAME} <= names


def test_a_loss_is_handed_what_ours_asks_for():
    handed = set(inspect.signature(IHyperOptLoss.hyperopt_loss_function).parameters)
    asked = set(inspect.signature(loss.loss_of).parameters) - {"rule", "_"}
    assert asked <= handed


@pytest.fixture
def searched(config: dict[str, Any], offline_markets: None) -> dict[str, Any]:
    write_candles(config["datadir"], rows=700)
    return {
        **config,
        "strategy": "RandomTrades",
        "random_trades": 1,
        "strategy_path": str(STRATEGIES),
        "timerange": f"{START:%Y%m%d}-",
        "dry_run_wallet": 10_000,
        "stake_amount": 1_000,
        "exchange": {**config["exchange"], "pair_whitelist": PAIRS},
        "hyperopt_min_trades": 1,
        "spaces": ["stoploss"],
        "export": "none",
    }


def test_candles_and_orders_come_with_the_trades(searched):
    """The epoch of a search: `processed` is trimmed to its time by the backtest itself."""
    with alone():
        testing = Backtesting({**searched, "runmode": RunMode.BACKTEST, "backtest_cache": "none"})
        try:
            data, _ = testing.load_bt_data()
            testing._set_strategy(testing.strategylist[0])
            processed = testing.strategy.advise_all_indicators(data)
            before = {pair: len(frame) for pair, frame in processed.items()}
            first, last = (getattr(processed[PAIRS[0]]["date"], end)() for end in ("min", "max"))
            found = testing.backtest(processed=processed, start_date=first, end_date=last)
        finally:
            Backtesting.cleanup()
            testing.exchange.close()
    for pair, frame in processed.items():
        assert {"date", "close"} <= set(frame.columns)
        assert 0 < before[pair] - len(frame) <= 10  # the start-up candles
    results = found["results"]
    assert len(results) > 50
    asked = {"orders", "profit_abs", "fee_open", "fee_close", "is_short", "close_timestamp"}
    assert asked <= set(results.columns)
    assert all(order["safe_price"] > 0 for orders in results["orders"] for order in orders)


def test_the_loss_of_an_epoch_is_that_of_its_marked_equity(searched, tmp_path, monkeypatch):
    optimizing = pytest.importorskip(
        "freqtrade.optimize.hyperopt.hyperopt_optimizer", exc_type=ImportError
    )
    before = HyperoptStateContainer.state
    HyperoptStateContainer.set_state(HyperoptState.STARTUP)
    with alone():
        try:
            optimizer = optimizing.HyperOptimizer(searched, tmp_path / "data.pkl")
            optimizer.prepare_hyperopt()
            handed: dict[str, Any] = {}
            calculate = optimizer.calculate_loss

            def recorded(**given: Any) -> float:
                handed.update(given)
                return calculate(**given)

            optimizer.calculate_loss = recorded
            epoch = optimizer.generate_optimizer({"stoploss": -0.25})
        finally:
            Backtesting.cleanup()
            HyperoptStateContainer.set_state(before)
    candles = {pair: StoredMarket(searched["datadir"]).candles(pair, "1h") for pair in PAIRS}
    rule = loss.LossRule()
    curve = loss.equity_after_costs(
        handed["results"], candles, handed["min_date"], handed["max_date"],
        loss.pd.Timedelta("1h"), 10_000, rule.cost_bps,
    )  # fmt: skip
    expected = loss.parts(rule, curve, epoch["results_metrics"]["total_trades"])
    assert epoch["loss"] == pytest.approx(expected.loss)
    assert expected.loss < loss.IDLE
    # What costs take off what Freqtrade has realised, at the end.
    volume = sum(
        order["amount"] * order["safe_price"]
        for orders in handed["results"]["orders"]
        for order in orders
        if order["order_filled_timestamp"]
    )
    realised = epoch["results_metrics"]["profit_total_abs"]
    assert curve.iloc[-1] - 10_000 == pytest.approx(realised - volume * 2e-4)
    assert figures(curve).max_drawdown > 0
