"""Hyperopt of the package's strategies: what its workers get, and what it says of parameters."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from freqtrade.enums import HyperoptState, RunMode
from freqtrade.optimize.backtesting import Backtesting
from freqtrade.optimize.hyperopt_tools import HyperoptStateContainer
from freqtrade.resolvers import StrategyResolver
from freqtrade.strategy import IntParameter
from freqtrade.strategy.parameters import BaseParameter

from perpkit.bot.layer.breaker_parameters import BREAKER_PARAMETERS
from perpkit.bot.strategy import PerpStrategy
from tests.bench.backtests import PAIRS, alone, backtest, write_candles
from tests.bench.held import THEIRS, held_by
from tests.cases import SLOW
from tests.conftest import REPOSITORY
from tests.factories import START

# Freqtrade before 2026.9 wants a part of joblib that its newer releases have no more.
_optimizer = pytest.importorskip(
    "freqtrade.optimize.hyperopt.hyperopt_optimizer", exc_type=ImportError
)
HyperOptimizer, cloudpickle = _optimizer.HyperOptimizer, _optimizer.cloudpickle

STRATEGIES = [
    pytest.param("CrossPairRank", marks=SLOW),
    pytest.param("FundingTide", marks=SLOW),
    "RsiSmaSwing",
    pytest.param("TargetBasket", marks=SLOW),
    pytest.param("TrendFollowing", marks=SLOW),
]
BASE = BaseParameter
STATIC = "is part of this hyperopt run, but its value is used during indicator calculation"
READS_ONE = """
from freqtrade.strategy import IntParameter
from strategies.RsiSmaSwing import RsiSmaSwing


class ReadsOne(RsiSmaSwing):
    length = IntParameter(2, 9, default=5, space="buy")

    def populate_indicators(self, dataframe, metadata):
        dataframe = super().populate_indicators(dataframe, metadata)
        return dataframe.assign(mean=dataframe["close"].rolling(self.length.value).mean())
"""


@pytest.fixture(autouse=True)
def state_of_hyperopt() -> Iterator[None]:
    before = HyperoptStateContainer.state
    with alone():
        yield
    HyperoptStateContainer.set_state(before)


@pytest.fixture
def config(offline_markets: None, default_futures_config: dict[str, Any]) -> dict[str, Any]:
    write_candles(default_futures_config["datadir"], crash=700)
    return {
        **default_futures_config,
        "enable_protections": True,
        "runmode": RunMode.HYPEROPT,
        "strategy_path": str(REPOSITORY / "strategies"),
        "timerange": f"{START:%Y%m%d}-",
        "dry_run_wallet": 10_000,
        "stake_amount": 1_000,
        "exchange": {**default_futures_config["exchange"], "pair_whitelist": PAIRS},
        "spaces": ["all"],
        "hyperopt_loss": "SharpeHyperOptLossDaily",
        "hyperopt_min_trades": 1,
        "perpkit": {"basket": {"weights": dict.fromkeys(PAIRS, 0.3)}},
        "export": "none",
    }


@pytest.fixture
def optimizer(config: dict[str, Any], tmp_path: Path) -> Iterator[Any]:
    made = []

    def make(strategy: str, **changed: Any) -> HyperOptimizer:
        if strategy != "TargetBasket":
            changed.setdefault("perpkit", {})
        HyperoptStateContainer.set_state(HyperoptState.STARTUP)
        found = HyperOptimizer({**config, "strategy": strategy, **changed}, tmp_path / "data.pkl")
        made.append(found)
        found.prepare_hyperopt()
        return found

    yield make
    Backtesting.cleanup()


def defaults(optimizer: HyperOptimizer) -> dict[str, Any]:
    """A point of the search: what the parameters are at the start."""
    sampled = optimizer.get_optimizer(1).ask(optimizer.o_dimensions).params
    own = dict(optimizer.backtesting.strategy.enumerate_parameters())
    return {name: own[name].value if name in own else given for name, given in sampled.items()}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_parameter_is_said_to_be_without_effect(optimizer, caplog, strategy):
    optimizer(strategy)
    assert not [record for record in caplog.records if STATIC in record.getMessage()]


def test_one_that_indicators_are_made_of_is(optimizer, caplog, tmp_path):
    (tmp_path / "ReadsOne.py").write_text(READS_ONE)
    optimizer("ReadsOne", strategy_path=str(tmp_path))
    [warned] = [record for record in caplog.records if STATIC in record.getMessage()]
    assert "'length'" in warned.getMessage()


@pytest.mark.parametrize(
    ("strategy", "parameter"),
    [("RsiSmaSwing", "stop_distance"), ("Confluence", "rsi_sma_stop_distance")],
)
def test_what_the_configuration_overrides_is_not_searched(config, caplog, strategy, parameter):
    own = {"stop": {"distance": 0.03}}
    for perpkit, searches in ((own, False), ({}, True)):  # the second after the first
        caplog.clear()
        loaded = StrategyResolver.load_strategy(
            {**config, "strategy": strategy, "perpkit": perpkit}
        )
        loaded.ft_load_hyper_params(hyperopt=True)
        found = {name: each.optimize for name, each in loaded.enumerate_parameters()}
        said = f'does not search {parameter}: "perpkit.stop.distance" in the configuration'
        assert (found[parameter], said in caplog.text) == (searches, not searches)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_epoch_in_a_worker_is_that_of_the_main_process(optimizer, strategy):
    """After other epochs, in which the caches fill and the parameters are others."""
    optimizer = optimizer(strategy, analyze_per_epoch=True)
    first = defaults(optimizer)
    expected = optimizer.generate_optimizer(dict(first))["results_metrics"]
    other = optimizer.get_optimizer(2).ask(optimizer.o_dimensions).params
    optimizer.generate_optimizer(dict(other))
    worker = cloudpickle.loads(cloudpickle.dumps(optimizer))
    for where in (worker, optimizer):
        found = where.generate_optimizer(dict(first))["results_metrics"]
        assert found["trades"] == expected["trades"]
        assert found["locks"] == expected["locks"]
    assert expected["locks"]


def test_no_parameter_is_shared_between_strategies():
    """Of the base classes, of mix-ins, and of attached breakers."""

    class Common:
        length = IntParameter(2, 9, default=5, space="buy")

    one, other = (type(name, (Common, PerpStrategy), {}) for name in ("One", "Other"))
    shared = [name for name in vars(PerpStrategy) if isinstance(vars(PerpStrategy)[name], BASE)]
    assert {"stop_distance", "vix_stressed", "week_loss"} <= {*shared}
    for name in [*shared, "length"]:
        held = [
            getattr(where, name) for where in (one, other, PerpStrategy) if hasattr(where, name)
        ]
        held += [BREAKER_PARAMETERS[name]] if name in BREAKER_PARAMETERS else []
        assert len({id(parameter) for parameter in held}) == len(held) > 1


class Pickler(cloudpickle.Pickler):
    """Of a strategy alone, without what Freqtrade empties itself."""

    def persistent_id(self, obj: object) -> str | None:
        return "theirs" if isinstance(obj, THEIRS) else None


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_whatever_a_strategy_holds_can_be_pickled(config, strategy):
    """As it is at the end of a backtest, with all breakers awake and their caches full."""
    perpkit = config["perpkit"] if strategy == "TargetBasket" else {}
    where = {"strategy_path": config["strategy_path"], "enable_protections": True}
    held = list(held_by(backtest(config, strategy, **where, perpkit=perpkit).strategy))
    kinds = {type(one).__name__ for one in held}
    assert {"RiskLayer", "Watch", "BreakerLocks", "Entries", "StopKeeper", strategy} <= kinds
    assert {"FundingTimeline", "FlashCrashTimeline", "DrawdownState", "HealthState"} <= kinds
    failed = {}
    for one in held:
        try:
            Pickler(BytesIO()).dump(one)
        except Exception as error:
            failed[type(one).__qualname__] = str(error)
    assert not failed
