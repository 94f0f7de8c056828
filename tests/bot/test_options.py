"""Options that disable a safety are refused; those that switch a feature off are reported."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from freqtrade.enums import RunMode
from freqtrade.exceptions import StrategyError

from perpkit.bot.options import arm, disarming, parts_off
from perpkit.bot.strategy import PerpStrategy
from tests.bot.started import started


def chosen(order_types=None, **attributes) -> SimpleNamespace:
    """A strategy as Freqtrade's resolver returns it."""
    shipped = {
        "use_custom_stoploss": True,
        "stoploss": -0.6,
        "use_exit_signal": True,
        "exit_profit_only": False,
        "max_entry_position_adjustment": -1,
        "config": {"position_adjustment_enable": True},
    }
    order_types = {**PerpStrategy.order_types, **(order_types or {})}
    return SimpleNamespace(**{**shipped, "order_types": order_types, **attributes})


LIVE = {"trading": True, "guarded": True}
DRY = {"trading": True, "guarded": False}
BACKTEST = {"trading": False, "guarded": False}


@pytest.mark.parametrize(
    ("given", "refused_in", "name"),
    [
        ({}, [], ""),
        (
            {"use_custom_stoploss": False},
            [LIVE, DRY, BACKTEST],
            '"use_custom_stoploss" must be true',
        ),
        ({"order_types": {"stoploss_on_exchange": False}}, [LIVE], "stoploss_on_exchange"),
        ({"order_types": {"stoploss": "limit"}}, [LIVE], '"order_types.stoploss" must be "market"'),
        ({"order_types": {"emergency_exit": "limit"}}, [LIVE, DRY], "order_types.emergency_exit"),
    ],
)
@pytest.mark.parametrize("mode", [LIVE, DRY, BACKTEST])
def test_what_disarms_a_safety_is_refused(given, refused_in, name, mode):
    strategy = chosen(**given)
    found = disarming(strategy, **mode)
    assert len(found) == (mode in refused_in)
    for reason in found:
        assert name in reason
        arm(strategy, guarded=mode["guarded"])
        assert disarming(strategy, **mode) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, ""),
        ({"use_exit_signal": False}, "time stop and carry exits are off"),
        ({"exit_profit_only": True}, "of a losing trade are held back"),
        ({"config": {"position_adjustment_enable": False}}, "the rest of a partly filled entry"),
        ({"max_entry_position_adjustment": 1}, "at most that many additions"),
    ],
)
def test_what_switches_a_part_off_is_said(given, said):
    found = parts_off(chosen(**given), live=True, guarded=True)
    assert len(found) == bool(said)
    assert said in "".join(found)


@pytest.mark.parametrize(("at", "where"), [(True, "at the exchange"), (False, "in the bot only")])
def test_a_guard_that_is_off_is_said_in_live(at, where):
    strategy = chosen({"stoploss_on_exchange": at})
    [said] = parts_off(strategy, live=True, guarded=False)
    assert where in said
    assert parts_off(strategy, live=False, guarded=False) == []


@pytest.mark.parametrize("live", [False, True])
def test_an_exchange_that_the_guard_does_not_know_is_said(live):
    """Also in dry-run, which otherwise would not show it."""
    said = parts_off(chosen(), live=live, guarded=False, unknown_exchange="bybit")
    assert said[0].startswith("bybit: in live the stop guard")


@pytest.mark.parametrize("runmode", [RunMode.BACKTEST, RunMode.HYPEROPT])
def test_a_simulated_run_whose_stops_are_off_is_refused(default_futures_config, runmode):
    with pytest.raises(StrategyError, match="use_custom_stoploss"):
        started(default_futures_config, runmode=runmode, use_custom_stoploss=False, spaces=["sell"])
