"""When the acceleration is on: in backtests of every kind, unless the configuration says no."""

from __future__ import annotations

import logging

import pytest
from freqtrade.enums import RunMode
from freqtrade.exceptions import ConfigurationError
from freqtrade.freqtradebot import FreqtradeBot
from freqtrade.optimize.backtesting import Backtesting

from perpkit.bot.acceleration import parts, switch
from perpkit.bot.acceleration.part import Part

BACKTEST = {"runmode": RunMode.BACKTEST}
OFF = {"perpkit": {"acceleration": False}}


class Accelerated:
    profit = 1


def install(replacements):
    replacements.put(Accelerated, "profit", 2, 1)


def fail(replacements):
    raise AttributeError("gone")


PROFITS, FUNDING = Part([], install), Part([], fail)
MADE_UP = {"profits": f"{__name__}:PROFITS", "funding": f"{__name__}:FUNDING"}


@pytest.fixture(autouse=True)
def made_up(monkeypatch):
    monkeypatch.setattr(parts, "PARTS", MADE_UP)
    monkeypatch.setattr(switch, "_said", None)
    yield
    switch.switch_off()


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        (BACKTEST, True),
        ({"runmode": RunMode.HYPEROPT}, True),
        ({"runmode": RunMode.UTIL_NO_EXCHANGE}, True),  # of lookahead- and recursive-analysis
        ({"runmode": RunMode.DRY_RUN}, False),
        ({"runmode": RunMode.LIVE, "perpkit": {"acceleration": True}}, False),
        ({**BACKTEST, "perpkit": {"acceleration": True}}, True),
        ({**BACKTEST, "perpkit": {"attach": True}}, True),
        ({**BACKTEST, "perpkit": {}}, True),
        ({**BACKTEST, "perpkit": None}, True),
        ({**BACKTEST, **OFF}, False),
    ],
)
def test_which_runs_are_accelerated(config, wanted):
    switch.follow(config)
    assert (Accelerated.profit == 2) == wanted


@pytest.mark.parametrize("value", ["false", 0, "off", [False], {}])
def test_a_wrong_value_is_refused(value):
    with pytest.raises(ConfigurationError, match=r'"perpkit.acceleration" must be true or false'):
        switch.follow({**BACKTEST, "perpkit": {"acceleration": value}})


def test_each_run_of_a_process_has_what_its_own_configuration_says():
    for config, profit in [(BACKTEST, 2), ({**BACKTEST, **OFF}, 1), (BACKTEST, 2)]:
        switch.follow(config)
        assert Accelerated.profit == profit


def test_one_line_says_what_is_on_and_why_a_part_is_off(caplog):
    caplog.set_level(logging.INFO, switch.__name__)
    for say in (False, True, True):
        switch.follow(BACKTEST, say=say)
    switch.follow({**BACKTEST, **OFF}, say=True)
    assert [(each.levelname, each.message) for each in caplog.records] == [
        (
            "WARNING",
            "Acceleration is on: profits; funding is off, because AttributeError('gone').",
        ),
        ("INFO", 'Acceleration is off: "perpkit.acceleration" is false.'),
    ]


class ReachedError(Exception):
    pass


@pytest.mark.parametrize(
    ("method", "given"),
    [("load_bt_data", ()), ("backtest", ({}, None, None))],
)
def test_a_backtest_that_was_prepared_before_switches_it_again(monkeypatch, method, given):
    """A worker of hyperopt is sent one; another can have switched it off in between."""
    with pytest.raises(ReachedError):
        getattr(stopped(monkeypatch), method)(*given)
    assert Accelerated.profit == 2


def test_what_is_remembered_of_a_run_is_forgotten_as_it_ends(monkeypatch):
    """Or a webserver would keep the last strategy, and the candles that hang on it."""
    forgotten: list[int] = []
    monkeypatch.setattr(PROFITS, "forget", lambda: forgotten.append(Accelerated.profit))
    with pytest.raises(ReachedError):
        stopped(monkeypatch).backtest({}, None, None)
    assert forgotten == [2]  # while the parts are on


def stopped(monkeypatch) -> Backtesting:
    """One that was prepared elsewhere, and ends as it begins."""
    testing = Backtesting.__new__(Backtesting)
    testing.config, testing.enable_protections = BACKTEST, False
    for name in ("_set_progress_step", "reset_backtest"):
        monkeypatch.setattr(testing, name, stop, raising=False)
    return testing


def stop(*args, **kwargs):
    raise ReachedError


def test_a_bot_that_starts_has_freqtrades_own_code():
    switch.follow(BACKTEST)
    assert Accelerated.profit == 2
    with pytest.raises(TypeError):
        FreqtradeBot()
    assert Accelerated.profit == 1


def test_nothing_is_accelerated_in_a_process_with_a_bot(caplog):
    """Its strategy can run a backtest while the bot trades."""
    caplog.set_level(logging.INFO, switch.__name__)
    with pytest.raises(TypeError):
        FreqtradeBot()
    switch.follow(BACKTEST, say=True)
    assert Accelerated.profit == 1
    assert caplog.messages == ["Acceleration is off: a bot trades in this process."]


def test_a_switch_that_fails_does_not_keep_a_bot_from_its_start(monkeypatch, caplog):
    monkeypatch.setattr(switch, "never_again", stop)
    with pytest.raises(TypeError, match="config"):
        FreqtradeBot()
    assert "could not be switched off: ReachedError()" in caplog.text
