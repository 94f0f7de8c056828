"""What the pairlists have in common: parameters, and what FreqUI is told of them."""

from itertools import product
from typing import get_type_hints

import pytest
from freqtrade.enums import RunMode
from freqtrade.exceptions import OperationalException
from freqtrade.plugins.pairlist.IPairList import SupportsBacktesting
from freqtrade.resolvers import PairListResolver

from tests.bench.wrong_values import WRONG, could_be, said
from tests.conftest import REPOSITORY
from tests.pairlists.running import PAIRS, manager, whitelist

METHODS = sorted(path.stem for path in (REPOSITORY / "pairlists").glob("*.py"))
# Without --enable-dynamic-pairlist, or without history, nothing is filtered.
WARNS = [method for method in METHODS if method not in ("LiquidityFilter", "PerpkitAttached")]


def load(method, config, exchange, **parameters):
    return PairListResolver.load_pairlist(
        method, exchange, None, config, {"method": method, **parameters}, 1
    )


@pytest.mark.parametrize("method", METHODS)
def test_the_parameters_freq_ui_shows_are_those_that_are_accepted(config, futures_exchange, method):
    handler = load(method, config, futures_exchange)
    shown = handler.available_parameters()
    defaults = {name: parameter["default"] for name, parameter in shown.items()}
    same = load(method, config, futures_exchange, **defaults)
    assert same.rule == handler.rule
    assert same.refresh_period == handler.refresh_period == defaults["refresh_period"]
    with pytest.raises(OperationalException) as refused:
        load(method, config, futures_exchange, nonsense=1)
    allowed = str(refused.value).split("Allowed: ")[1].rstrip(".").split(", ")
    assert sorted(shown) == allowed
    for parameter in shown.values():
        assert parameter["description"]
        assert parameter["help"]
    assert handler.description()
    assert handler.short_desc().startswith(f"{method} - ")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("empty", [None, ""])
def test_what_freq_ui_leaves_empty_is_the_default(config, futures_exchange, method, empty):
    handler = load(method, config, futures_exchange)
    left_empty = dict.fromkeys(handler.available_parameters(), empty)
    assert load(method, config, futures_exchange, **left_empty).rule == handler.rule


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"refresh_period": 0}, "refresh_period must be a number from 1 to 86400, got 0"),
        ({"refresh_period": "1h"}, "refresh_period .*got '1h'"),
        ({"nonsense": 1}, "unknown parameter 'nonsense'. Allowed: .*refresh_period"),
    ],
)
def test_a_bad_parameter_stops_the_bot_with_one_line(
    config, futures_exchange, method, parameters, message
):
    with pytest.raises(OperationalException, match=f"^{method}: {message}"):
        load(method, config, futures_exchange, **parameters)


@pytest.mark.parametrize(
    ("method", "parameters", "message"),
    [
        ("FundingRateFilter", {"max_carry_cost": 2}, "max_carry_cost must be .*got 2"),
        ("FundingRateFilter", {"carry_side": "both"}, "carry_side must be one of either, long"),
        ("PositioningFilter", {"max_long_short_ratio": 0}, "max_long_short_ratio must .*got 0"),
        (
            "PositioningFilter",
            {"min_percentile": 60, "max_percentile": 40},
            "min_percentile must not",
        ),
        ("LiquidityFilter", {"levels": 30}, "levels must be one of 20, 50, 100, 500, 1000, got 30"),
        ("LiquidityFilter", {"depth_within": 1}, "depth_within must be .* to 0.1, got 1"),
        ("CorrelationFilter", {"max_correlation": 1.5}, "max_correlation must be .*got 1.5"),
        ("CorrelationFilter", {"window_hours": 10}, "window_hours must be a whole .*got 10"),
        ("OpenInterestPairList", {"number_assets": 0}, "number_assets must be .*got 0"),
        ("OpenInterestPairList", {"change_hours": 400}, "change_hours must be .*got 400"),
        ("NewListingFilter", {"min_days_listed": -1}, "min_days_listed must be .*got -1"),
    ],
)
def test_a_value_out_of_range_is_named(config, futures_exchange, method, parameters, message):
    with pytest.raises(OperationalException, match=f"^{method}: {message}"):
        load(method, config, futures_exchange, **parameters)


@pytest.mark.parametrize("method", METHODS)
def test_spot_is_refused(config, futures_exchange, method):
    with pytest.raises(OperationalException, match="trading_mode must be futures, got 'spot'"):
        load(method, config | {"trading_mode": "spot"}, futures_exchange)


@pytest.mark.parametrize("method", METHODS)
def test_freqtrade_is_told_what_a_backtest_can_do(config, futures_exchange, method):
    supported = load(method, config, futures_exchange).supports_backtesting
    live_only = method == "LiquidityFilter"
    assert supported is (SupportsBacktesting.NO_ACTION if live_only else SupportsBacktesting.YES)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("runmode", [RunMode.BACKTEST, RunMode.HYPEROPT, RunMode.UTIL_NO_EXCHANGE])
def test_a_static_backtest_keeps_all_pairs_and_asks_nobody(
    config, futures_exchange, monkeypatch, caplog, method, runmode
):
    """The last is what lookahead-analysis and recursive-analysis run as."""
    monkeypatch.setattr(futures_exchange, "_api_async", None)
    # Hyperopt ignores the switch.
    config |= {"runmode": runmode, "enable_dynamic_pairlist": runmode is RunMode.HYPEROPT}
    assert whitelist(manager(config, futures_exchange, {"method": method})) == PAIRS
    warned = "lets all pairs through" in caplog.text
    assert warned is (method in WARNS and runmode is not RunMode.UTIL_NO_EXCHANGE)


@pytest.mark.parametrize("method", METHODS)
def test_every_wrong_value_is_one_error_that_names_the_parameter(config, futures_exchange, method):
    """What FreqUI leaves empty is the default, and no wrong value."""
    kind = type(load(method, config, futures_exchange))
    hints = get_type_hints(kind.RULE) | {"refresh_period": float}
    wrong = [value for value in WRONG if value not in (None, "")]
    for name, value in product(kind.available_parameters(), wrong):
        given = {"method": method, name: value}
        message = said(lambda given=given: kind(futures_exchange, None, config, given, 1))
        if message is None or not message.startswith(f"{method}: {name}"):
            assert could_be(hints[name], value), (name, value, message)
