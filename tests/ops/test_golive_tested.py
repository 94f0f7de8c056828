"""In what a backtest is not of the strategy and the configuration that would trade."""

import json
import zipfile
from copy import deepcopy
from pathlib import Path

import pytest
from freqtrade.strategy import IStrategy

from perpkit.golive.evidence import Missing
from perpkit.ops.bot_config import load_strategy
from perpkit.ops.golive_tested import other
from perpkit.research.results import Results

SOURCE = """
from freqtrade.strategy import IStrategy


class Mine(IStrategy):
    timeframe = "1h"
    stoploss = -0.1
    minimal_roi = {"0": 0.5}

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    populate_entry_trend = populate_exit_trend = populate_indicators
"""
# What Freqtrade states of a backtest with nothing on the command line.
STATS = {
    "stake_currency": "USDT",
    "stake_amount": 100,
    "max_open_trades": 2,
    "max_open_trades_setting": 3,
    "timeframe": "1h",
    "freqaimodel": None,
    "stoploss": -0.1,
    "trailing_stop": False,
    "trailing_stop_positive": None,
    "minimal_roi": {"0": 0.5},
    "trading_mode": "futures",
    "margin_mode": "isolated",
}


class Desk:
    def __init__(self, config, folder):
        (folder / "Mine.py").write_text(SOURCE)
        self.folder = folder
        self.config = {**config, "strategy": "Mine", "strategy_path": str(folder)}

    def exported(self, source=SOURCE, stats=STATS, parameters=None, **changed):
        """A backtest, with the configuration of the bot, changed; None leaves an option out."""
        left = ("runmode", "candle_type_def", "user_data_dir", "datadir", "strategy_path")
        config = {name: each for name, each in self.config.items() if name not in left} | changed
        config = {name: each for name, each in config.items() if each is not None}
        path = self.folder / "backtest-result.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("backtest-result_Mine.py", source)
            if parameters is not None:
                content = {"strategy_name": "Mine", "params": parameters}
                archive.writestr("backtest-result_Mine.json", json.dumps(content))
        given = (path, "Mine", "USDT", "1h", 0.0, 1.0, 1000.0, (), ())
        return Results(*given, stats=stats, config=json.loads(json.dumps(config, default=str)))

    def differing(self, backtest, **changed):
        """:param changed: options of what would trade"""
        config = deepcopy({**self.config, **changed})
        return other(config, load_strategy(config), backtest)


@pytest.fixture
def desk(default_futures_config, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    return Desk(default_futures_config, folder)


def test_the_same(desk):
    assert desk.differing(desk.exported()) == ()


def test_source_and_parameters(desk):
    assert desk.differing(desk.exported(SOURCE + "# old")) == ("source",)
    assert desk.differing(desk.exported(parameters={"buy": {"x": 1}})) == ("parameters",)


@pytest.mark.parametrize(
    ("would", "named"),
    [
        (
            {"stake_amount": "unlimited", "max_open_trades": 20, "stoploss": -0.5},
            {"stake_amount", "max_open_trades", "stoploss"},
        ),
        ({"tradable_balance_ratio": 0.5}, {"tradable_balance_ratio"}),
        ({"order_types": {**IStrategy.order_types, "exit": "market"}}, {"order_types"}),
        ({"minimal_roi": {"0": 0.1}}, {"minimal_roi"}),
        ({"position_adjustment_enable": True}, {"position_adjustment_enable"}),
        ({"perpkit": {"attach": True}}, {"perpkit.attach"}),
        ({"perpkit": {"sizing": {"risk_per_trade": 0.02}}}, {"perpkit.sizing"}),
        ({"perpkit": {"account": "second", "require_golive": True}}, set()),
        ({"pairlists": [{"method": "VolumePairList"}], "dry_run_wallet": 5}, set()),
        ({"entry_pricing": {"price_side": "same"}, "db_url": "sqlite://"}, set()),
    ],
)
def test_options_that_were_not_tested_are_named(desk, would, named):
    assert desk.differing(desk.exported(), **would) == tuple(f'"{name}"' for name in sorted(named))


@pytest.mark.parametrize("option", ["tradable_balance_ratio", "use_exit_signal", "stoploss"])
def test_what_is_spelled_out_is_the_same_as_the_default(desk, option):
    default = {"tradable_balance_ratio": 0.99, "use_exit_signal": True, "stoploss": -0.1}
    changed = {option: default[option]}
    assert desk.differing(desk.exported(**changed)) == ()
    assert desk.differing(desk.exported(**{option: None}), **changed) == ()


def test_what_the_command_line_gave_counts_over_the_configuration(desk):
    stats = {**STATS, "stake_amount": 50.0, "max_open_trades_setting": -1}
    asked = {"stake_amount": 50, "max_open_trades": float("inf")}
    assert desk.differing(desk.exported(stats=stats), **asked) == ()
    assert desk.differing(desk.exported(stats=stats), stake_amount=50, max_open_trades=-1) == ()
    assert desk.differing(desk.exported(stats=stats)) == ('"max_open_trades"', '"stake_amount"')


def test_what_cannot_be_compared_is_missing(desk):
    bare = desk.exported()
    Path(bare.source).write_text("{}")
    assert "does not keep the strategy's source and configuration" in desk.differing(bare).why
    whole = desk.exported()
    without = Results(*(getattr(whole, each) for each in list(vars(whole))[:9]), stats=STATS)
    assert isinstance(desk.differing(without), Missing)
    refused = desk.differing(desk.exported(stats={**STATS, "stake_amount": "some"}))
    assert refused.why.startswith("the backtest's configuration cannot be used now: ")
