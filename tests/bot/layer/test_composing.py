"""Which class Freqtrade's resolver gives: the user's, or the same with the layer in front."""

from __future__ import annotations

from typing import ClassVar

import cloudpickle
import pytest
from freqtrade.enums import RunMode
from freqtrade.exceptions import ConfigurationError
from freqtrade.resolvers import StrategyResolver
from freqtrade.strategy import IntParameter, IStrategy

from perpkit.bot.layer.composing import compose
from perpkit.bot.layer.listed import listed
from perpkit.bot.layer.parts import BREAKERS_AND_GUARD, Part, attached_parts
from perpkit.bot.layer.perp_risk import PerpRisk
from perpkit.bot.layer.running_callbacks import RunningCallbacks
from perpkit.bot.strategy import PerpStrategy
from tests.bench.backtests import STRATEGIES

FLASH = {"method": "FlashCrashBreaker", "windows": [[60, 0.15]]}
COOLDOWN = {"method": "CooldownPeriod", "stop_duration_candles": 3}
LAYER = [base for base in PerpRisk.__mro__ if base not in IStrategy.__mro__]
DEFAULT = ["CryptoVixBreaker", "DrawdownBreaker", "FlashCrashBreaker", "FundingBreaker",
           "VenueHealthBreaker"]  # fmt: skip


def load(config, name="PlainTrend", runmode=RunMode.BACKTEST, **perpkit):
    config = {**config, "strategy": name, "strategy_path": str(STRATEGIES), "runmode": runmode}
    if perpkit:
        config["perpkit"] = perpkit
    return StrategyResolver.load_strategy(config)


class Plain(IStrategy):
    timeframe = "1h"
    stoploss = -0.1

    def populate_indicators(self, dataframe, metadata):
        return dataframe


@pytest.mark.parametrize(
    ("perpkit", "parts"),
    [
        ({}, None),
        ({"attach": None}, None),
        ({"attach": False}, frozenset()),
        ({"attach": True}, BREAKERS_AND_GUARD),
        ({"attach": ["guard"]}, {Part.GUARD}),
        ({"attach": ["breakers", "guard", "guard"]}, BREAKERS_AND_GUARD),
        ({"attach": ["sizing", "leverage", "book"]}, {Part.BOOK, Part.LEVERAGE, Part.SIZING}),
    ],
)
def test_the_parts_that_are_asked_for(perpkit, parts):
    assert attached_parts({"perpkit": perpkit}) == parts


@pytest.mark.parametrize(
    ("perpkit", "words"),
    [
        ([], '"perpkit" must be an object'),
        ({"attach": "breakers"}, "'breakers'"),
        ({"attach": 1}, "got 1"),
        ({"attach": []}, "true, false or a list of breakers, guard"),
        ({"attach": ["brakes"]}, "'brakes' in it"),
        ({"attach": ["breakers", ["guard"]]}, "['guard'] in it"),
        ({"attach": True, "protections": FLASH}, '"perpkit.protections" must be a list'),
        ({"attach": True, "protections": ["FlashCrashBreaker"]}, "'FlashCrashBreaker' in it"),
        ({"attach": True, "protections": [{"windows": []}]}, '"method"'),
    ],
)
def test_what_cannot_be_asked_for(perpkit, words, default_futures_config):
    config = {**default_futures_config, "runmode": RunMode.BACKTEST, "perpkit": perpkit}
    with pytest.raises(ConfigurationError) as refused:
        compose(Plain, config)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("runmode", "perpkit", "layered"),
    [
        (RunMode.BACKTEST, {"attach": True}, True),
        (RunMode.HYPEROPT, {"attach": True}, True),
        (RunMode.UTIL_NO_EXCHANGE, {"attach": True}, True),
        (RunMode.DRY_RUN, {"attach": ["guard"]}, True),
        (RunMode.LIVE, {"attach": ["breakers"]}, True),
        (RunMode.WEBSERVER, {"attach": True}, False),
        (RunMode.PLOT, {"attach": True}, False),
        (RunMode.BACKTEST, {"attach": False}, False),
        (RunMode.BACKTEST, {"account": "main"}, False),
        (RunMode.BACKTEST, {}, False),
    ],
)
def test_where_it_is_attached(default_futures_config, runmode, perpkit, layered):
    strategy = load(default_futures_config, runmode=runmode, **perpkit)
    assert isinstance(strategy, PerpRisk) == layered


def test_name_module_and_file_stay(default_futures_config):
    plain, layered = (load(default_futures_config, attach=on) for on in (False, True))
    for strategy in (plain, layered):
        kind = type(strategy)
        assert (kind.__name__, kind.__module__, kind.__doc__) == (
            "PlainTrend", "PlainTrend", type(plain).__doc__,
        )  # fmt: skip
        assert strategy.__file__ == str(STRATEGIES / "PlainTrend.py")
        assert strategy.__source__ == (STRATEGIES / "PlainTrend.py").read_text()


def test_a_strategy_of_the_package_has_the_layer_once(default_futures_config):
    strategy = load(default_futures_config, "BasedTrend", attach=True)
    assert isinstance(strategy, PerpStrategy)
    assert type(strategy).__mro__.count(PerpRisk) == 1


def test_what_cannot_be_composed_is_said_in_one_line(default_futures_config):
    class ReadOnly(Plain):
        @property
        def order_types(self):
            return {}

    class Final(Plain):
        def __init_subclass__(cls, **kwargs):
            raise TypeError("Final is final")

    config = {**default_futures_config, "runmode": RunMode.LIVE, "perpkit": {"attach": True}}
    for kind, why in ((ReadOnly, "order_types"), (Final, "Final is final")):
        with pytest.raises(ConfigurationError, match=f"attached to {kind.__name__}: .*{why}"):
            compose(kind, config)


def test_spot_is_refused(default_futures_config):
    with pytest.raises(ConfigurationError, match='"trading_mode": "futures", got "spot"'):
        load({**default_futures_config, "trading_mode": "spot"}, "PlainAveraging", attach=True)


def methods(strategy):
    return [protection["method"] for protection in strategy.protections]


@pytest.mark.parametrize(
    ("name", "perpkit", "found"),
    [
        ("PlainTrend", {"attach": True}, DEFAULT),
        ("PlainTrend", {"attach": True, "protections": []}, []),
        ("PlainTrend", {"attach": True, "protections": [FLASH]}, ["FlashCrashBreaker"]),
        ("PlainTrend", {"attach": ["guard"]}, []),
        # A property, a list of the class, an assignment in the constructor.
        ("PlainAveraging", {"attach": True}, ["CooldownPeriod", *DEFAULT]),
        ("PlainForecast", {"attach": True}, ["StoplossGuard", *DEFAULT]),
        ("PlainMonster", {"attach": True}, ["CooldownPeriod", *DEFAULT]),
        ("PlainMonster", {"attach": ["guard"]}, ["CooldownPeriod"]),
        ("PlainMonster", {"attach": True, "protections": [FLASH]},
         ["CooldownPeriod", "FlashCrashBreaker"]),
        ("BasedTrend", {}, DEFAULT),
        ("BasedTrend", {"protections": [COOLDOWN, FLASH]}, ["CooldownPeriod", "FlashCrashBreaker"]),
        ("BasedTrend", {"attach": True, "protections": []}, []),
        ("TargetBasket", {"protections": [FLASH]}, ["FlashCrashBreaker"]),
    ],
)  # fmt: skip
def test_the_protections_that_count(default_futures_config, name, perpkit, found):
    assert methods(load(default_futures_config, name, **perpkit)) == found


@pytest.mark.parametrize(
    ("theirs", "given", "found"),
    [
        ([FLASH], None, ["FlashCrashBreaker"]),  # which replaces the defaults
        ([COOLDOWN, FLASH], None, ["CooldownPeriod", "FlashCrashBreaker"]),
        ([COOLDOWN, FLASH], [{"method": "DrawdownBreaker"}], ["CooldownPeriod", "DrawdownBreaker"]),
        ([FLASH], [], []),
    ],
)
def test_one_of_our_breakers_in_a_strategy_stands_alone(
    default_futures_config, theirs, given, found
):
    perpkit = {"attach": True} | ({} if given is None else {"protections": given})
    strategy = load(default_futures_config, **perpkit)
    assert [entry["method"] for entry in listed(strategy, theirs)] == found


def test_a_class_in_code_lists_what_it_wants(default_futures_config):
    class Mine(PerpRisk, Plain):
        protections = [COOLDOWN]

    class Twice(PerpRisk, Plain):
        @property
        def protections(self):
            return [COOLDOWN, *super().protections]

    for kind in (Mine, Twice):
        assert methods(kind(default_futures_config)) == ["CooldownPeriod", *DEFAULT]


def spaces(strategy):
    return {name for name, _ in strategy.enumerate_parameters("protection")}


PREFIXED = {"perpkit_vix_stressed", "perpkit_vix_calm_hours", "perpkit_week_loss",
            "perpkit_flash_move", "perpkit_funding_extreme"}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "perpkit", "found"),
    [
        ("PlainTrend", {"attach": True}, PREFIXED),
        # They would change nothing.
        ("PlainTrend", {"attach": True, "protections": [FLASH]}, set()),
        ("PlainTrend", {"attach": ["guard"]}, set()),
        ("PlainTrend", {"attach": False}, set()),
        # A list of the class, a property and an assignment in the constructor beside the breakers.
        ("PlainForecast", {"attach": True}, PREFIXED),
        ("PlainMonster", {"attach": True}, PREFIXED),
        ("PlainMonster", {"attach": True, "protections": []}, set()),
        # It lists one of the breakers itself.
        ("PlainListing", {"attach": True}, set()),
        ("PlainListing", {"attach": True, "protections": [FLASH]}, set()),
        ("GuardedOpener", {}, set()),
        ("BasedTrend", {}, {name.removeprefix("perpkit_") for name in PREFIXED}),
        ("BasedTrend", {"protections": [FLASH]}, set()),
    ],
)
def test_parameters_of_breakers_for_hyperopt(default_futures_config, name, perpkit, found):
    strategy = load(default_futures_config, name, runmode=RunMode.HYPEROPT, **perpkit)
    strategy.ft_load_hyper_params(hyperopt=False)
    assert spaces(strategy) == found


def test_a_parameter_moves_its_breaker(default_futures_config):
    strategy = load(default_futures_config, attach=True)
    strategy.perpkit_week_loss.value = 0.07
    drawdown = next(p for p in strategy.protections if p["method"] == "DrawdownBreaker")
    assert drawdown["week_loss"] == 0.07


@pytest.mark.parametrize(
    ("one", "other", "parameter"),
    [
        ("PlainTrend", "PlainAveraging", "perpkit_week_loss"),
        ("RsiSmaSwing", "RsiSmaScalp", "week_loss"),
        ("RsiSmaSwing", "FundingTide", "stop_distance"),
    ],
)
def test_no_parameter_is_shared(default_futures_config, one, other, parameter):
    first, second = (load(default_futures_config, name, attach=True) for name in (one, other))
    mine, yours = getattr(first, parameter), getattr(second, parameter)
    assert mine is not yours
    before = yours.value
    mine.value = mine.high
    assert yours.value == before != mine.high


def test_hyperopt_can_pickle_it(default_futures_config):
    """By value, as Freqtrade's does with every module of a base."""
    strategy = load(default_futures_config, attach=True, runmode=RunMode.HYPEROPT)
    found = set()

    def register(bases):
        for base in bases:
            if base.__name__ != "IStrategy":
                module = __import__("sys").modules.get(base.__module__)
                if module is not None and module not in found:
                    cloudpickle.register_pickle_by_value(module)
                    found.add(module)
                register(base.__bases__)

    register(type(strategy).__bases__)
    try:
        again = cloudpickle.loads(cloudpickle.dumps(strategy))
    finally:
        for module in found:
            cloudpickle.unregister_pickle_by_value(module)
    assert methods(again) == DEFAULT


def test_running_callbacks_are_only_in_a_running_bot(default_futures_config):
    strategy = load(default_futures_config, attach=True)
    assert not isinstance(strategy, RunningCallbacks)
    for name in ("check_entry_timeout", "order_filled", "custom_stoploss", "custom_exit",
                 "custom_roi", "adjust_entry_price", "adjust_exit_price",
                 "adjust_order_price", "populate_indicators"):  # fmt: skip
        assert not [base for base in LAYER if name in vars(base)], name


def test_the_layer_keeps_one_name_on_the_strategy(default_futures_config):
    """The monster has attributes of the names that a layer might use."""
    plain, layered = (load(default_futures_config, "PlainMonster", attach=a) for a in (False, True))
    # The other is its own copy of what the class has.
    assert set(vars(layered)) - set(vars(plain)) == {"_perpkit", "order_types"}
    assert layered.watch == layered.refusals == layered.attached == layered._running == "mine"
    ours = set(dir(PerpRisk)) - set(dir(IStrategy))
    assert {name for name in ours if not name.startswith("_")} == {"perpkit_parts"}


def test_classes_in_code_share_no_parameter_of_an_imported_base():
    class Imported(Plain):
        length = IntParameter(1, 9, default=3, space="buy")
        buy_params: ClassVar = {"length": 3}

    first, second = (type(name, (PerpRisk, Imported), {}) for name in ("First", "Second"))
    first.length.value, first.buy_params["length"] = 7, 7
    assert (second.length.value, Imported.length.value) == (3, 3)
    assert (second.buy_params, Imported.buy_params) == ({"length": 3}, {"length": 3})
