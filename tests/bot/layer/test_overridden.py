"""Which attributes count as overridden, and by what."""

from __future__ import annotations

from math import inf

import pytest

from perpkit.bot.layer.overridden import Source, before_overriding, overrides_of


class Own:
    timeframe = "1h"
    stoploss = -0.1
    minimal_roi = {"0": 0.1, "60": 0.05}
    trailing_stop_positive = None
    max_open_trades = -1
    can_short = True

    def __init__(self, file=None):
        self._ft_params_from_file = file or {}

    @property
    def order_types(self):
        raise AssertionError("read in the constructor, where it may not work yet")


def names(config, file=None):
    strategy = Own(file)
    found = overrides_of(strategy, before_overriding(strategy, config))
    return [(o.name, o.value, o.own, o.source.name, o.applied) for o in found]


CONFIGURATION, FILE = Source.CONFIGURATION.name, Source.PARAMETER_FILE.name


@pytest.mark.parametrize(
    ("config", "file", "expected"),
    [
        ({}, None, []),
        ({"timeframe": "1h", "stoploss": -0.1}, None, []),
        ({"timeframe": "5m"}, None, [("timeframe", "5m", "1h", CONFIGURATION, True)]),
        # What the strategy does not have is a setting of the bot, unless Freqtrade has a default.
        ({"stake_amount": 100, "unfilledtimeout": {}, "stake_currency": "USDT"}, None, []),
        ({"exit_profit_only": False}, None, []),
        (
            {"exit_profit_only": True},
            None,
            [("exit_profit_only", True, False, CONFIGURATION, True)],
        ),
        (
            {"trailing_stop_positive": 0.1},
            None,
            [("trailing_stop_positive", 0.1, None, CONFIGURATION, True)],
        ),
        # The same, written otherwise.
        ({"minimal_roi": {"60": 0.05, 0: 0.1}, "max_open_trades": inf}, None, []),
        ({"max_open_trades": 3}, None, [("max_open_trades", 3, -1, CONFIGURATION, True)]),
        # Not read by Freqtrade, or not replaced.
        ({"can_short": True}, None, []),
        ({"can_short": False}, None, [("can_short", False, True, CONFIGURATION, False)]),
        ({"order_types": {}}, None, [("order_types", {}, None, CONFIGURATION, False)]),
        # Hyperopt's file, over which the configuration counts.
        ({}, {"roi": {"0": 0.1, "60": 0.05}, "stoploss": {"stoploss": -0.1}}, []),
        ({}, {"stoploss": {"stoploss": -0.2}}, [("stoploss", -0.2, -0.1, FILE, True)]),
        (
            {"stoploss": -0.3},
            {"stoploss": {"stoploss": -0.2}},
            [("stoploss", -0.3, -0.1, CONFIGURATION, True)],
        ),
        ({"stoploss": -0.1}, {"stoploss": {"stoploss": -0.2}}, []),
        ({}, {"sell": {"stop_distance": 0.04}}, []),
    ],
)
def test_what_is_overridden(config, file, expected):
    assert names(config, file) == expected
