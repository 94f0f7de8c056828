"""A strategy without the layer says at its start that it has none, and what its breakers do."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
from freqtrade.enums import RunMode
from freqtrade.plugins.protectionmanager import ProtectionManager
from freqtrade.resolvers import StrategyResolver

from perpkit.bot.watching import unwatched
from perpkit.bot.watching.protection import Watched
from tests.bench.backtests import STRATEGIES

LISTED = "FlashCrashBreaker, DrawdownBreaker, listed by PlainListing"
FLASH = {"method": "FlashCrashBreaker", "windows": [[60, 0.15]]}


@pytest.fixture(autouse=True)
def nothing_logged_yet():
    unwatched._log_once.cache_clear()


@pytest.fixture
def start(default_futures_config, caplog):
    """Starts a strategy; returns what Perpkit logged, and what was sent."""

    def start(name, runmode, perpkit=None, **changed):
        config = {**default_futures_config, "strategy": name, "strategy_path": str(STRATEGIES)}
        config |= {"runmode": runmode, "spaces": ["buy"], **changed}
        if perpkit is not None:
            config["perpkit"] = perpkit
        strategy, sent = StrategyResolver.load_strategy(config), []
        strategy.dp = SimpleNamespace(send_msg=lambda text, **_: sent.append(text))
        caplog.clear()
        with caplog.at_level(logging.INFO, "perpkit"):
            strategy.ft_bot_start()
        return [(r.levelname, r.getMessage()) for r in caplog.records if "perpkit" in r.name], sent

    return start


@pytest.mark.parametrize("runmode", [RunMode.BACKTEST, RunMode.HYPEROPT, RunMode.DRY_RUN])
@pytest.mark.parametrize(
    ("perpkit", "why"),
    [
        (None, '"perpkit.attach" is not set'),
        ({"attach": False}, '"perpkit.attach" is false'),
    ],
)
def test_that_nothing_is_attached_is_logged(start, runmode, perpkit, why):
    logged, sent = start("PlainTrend", runmode, perpkit)
    assert logged == [("INFO", f"Perpkit is installed and not attached to PlainTrend: {why}.")]
    assert sent == []


def test_what_the_loading_has_said_is_not_said_again(start):
    assert start("PlainTrend", RunMode.DRY_RUN, {"account": "main"}) == ([], [])


@pytest.mark.parametrize(
    ("runmode", "changed", "effect"),
    [
        (RunMode.DRY_RUN, {}, "no effect, because"),
        (RunMode.LIVE, {}, "no effect, because"),
        (RunMode.BACKTEST, {"enable_protections": True}, "a late effect only, as Freqtrade "),
        (RunMode.BACKTEST, {}, "no effect without --enable-protections, and none in dry-run"),
        (RunMode.HYPEROPT, {"spaces": ["buy"]}, "no effect without --enable-protections"),
        (RunMode.HYPEROPT, {"spaces": ["protection"]}, "a late effect only"),
        (RunMode.HYPEROPT, {"spaces": ["all"]}, "a late effect only"),
    ],
)
def test_breakers_that_nothing_runs_are_named(start, runmode, changed, effect):
    logged, sent = start("PlainListing", runmode, **changed)
    [(level, line)] = logged
    assert level == "WARNING"
    assert line.startswith(f"{LISTED}: {effect}")
    assert line.endswith('set "perpkit": {"attach": true} in the configuration.')
    running = runmode in (RunMode.DRY_RUN, RunMode.LIVE)
    assert sent == ([line.translate(unwatched.NO_MARKDOWN)] if running else [])


def test_an_analysis_that_starts_the_strategy_again_does_not_repeat_it(start):
    assert start("PlainListing", RunMode.BACKTEST)[0]
    assert not start("PlainListing", RunMode.BACKTEST)[0]


def test_a_bot_that_starts_again_does(start):
    assert [len(start("PlainListing", RunMode.LIVE)[1]) for _ in range(2)] == [1, 1]


@pytest.mark.parametrize("runmode", [RunMode.WEBSERVER, RunMode.PLOT])
def test_nothing_is_said_where_nothing_is_decided(start, runmode):
    assert start("PlainListing", runmode) == ([], [])


@pytest.mark.parametrize(
    ("runmode", "words"),
    [
        (RunMode.DRY_RUN, "FlashCrashBreaker - NOT ACTIVE, has no effect"),
        (RunMode.LIVE, "FlashCrashBreaker - NOT ACTIVE, has no effect"),
        (RunMode.BACKTEST, "FlashCrashBreaker - NOT WATCHED, locks late"),
    ],
)
def test_freqtrade_does_not_show_them_as_active(default_futures_config, runmode, words):
    config = {**default_futures_config, "runmode": runmode}
    alone = ProtectionManager(config, [FLASH]).short_desc()[0]["FlashCrashBreaker"]
    assert alone.startswith(words)
    watched = ProtectionManager(config, [Watched(FLASH)]).short_desc()[0]["FlashCrashBreaker"]
    assert watched.startswith("FlashCrashBreaker - No entries")


@pytest.mark.parametrize(
    ("name", "perpkit"),
    [
        ("PlainListing", {"attach": True}),
        ("PlainListing", {"attach": ["guard"]}),
        ("PlainTrend", {"attach": True}),
        ("PlainTrend", {"attach": ["breakers"], "protections": [FLASH]}),
        ("BasedTrend", {}),
        ("BasedTrend", {"protections": [FLASH]}),
    ],
)
def test_those_of_a_layer_are_shown_as_active(default_futures_config, name, perpkit):
    config = {**default_futures_config, "strategy": name, "strategy_path": str(STRATEGIES)}
    config |= {"runmode": RunMode.DRY_RUN, "perpkit": perpkit}
    strategy = StrategyResolver.load_strategy(config)
    shown = [
        text
        for each in ProtectionManager(config, strategy.protections).short_desc()
        for text in each.values()
    ]
    assert any("Breaker - " in text for text in shown)
    assert not [text for text in shown if "NOT ACTIVE" in text]
