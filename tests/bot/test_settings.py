"""The "perpkit" object of the configuration: laid over the strategy's own, refused by name."""

from __future__ import annotations

from dataclasses import replace
from math import nan

import pytest
from freqtrade.exceptions import ConfigurationError

from perpkit.bot.positions.parameters import Settings, Switches
from perpkit.bot.settings import overridden
from perpkit.risk.leverage import LeverageLimit
from perpkit.risk.scale_out import Ladder, Rung
from perpkit.risk.sizing import Basis, SizingRule
from perpkit.risk.stops import EntryStop, StopMethod
from perpkit.risk.trailing import Trail, Trailing

OWN = Settings(stop=EntryStop(distance=0.05), sizing=SizingRule(risk_per_trade=0.02))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, OWN),
        ({"stop": {}}, OWN),
        ({"stop": {"distance": 0.03}}, replace(OWN, stop=EntryStop(distance=0.03))),
        (
            {"stop": {"method": "atr"}},
            replace(OWN, stop=EntryStop(StopMethod.ATR, distance=0.05)),
        ),
        ({"trailing": {"trail": "sar"}}, replace(OWN, trailing=Trailing(trail=Trail.SAR))),
        (
            {"sizing": {"basis": "volatility"}},
            replace(OWN, sizing=SizingRule(Basis.VOLATILITY, 0.02)),
        ),
        ({"leverage": {"max_leverage": 2}}, replace(OWN, leverage=LeverageLimit(2.0))),
        (
            {"leverage": {"volatility_tiers": [[0.2, 1], [0, 4]]}},
            replace(OWN, leverage=LeverageLimit(volatility_tiers=((0.2, 1.0), (0.0, 4.0)))),
        ),
        (
            {"scale_out": {"rungs": [{"at_r": 2, "share": 0.4, "stop_r": 0.5}]}},
            replace(OWN, scale_out=Ladder((Rung(2.0, 0.4, 0.5),))),
        ),
        (
            {"use": {"kelly": True, "carry": False}},
            replace(OWN, use=Switches(kelly=True, carry=False)),
        ),
    ],
)
def test_what_is_given_takes_the_place_of_the_strategys_own(given, expected):
    assert overridden(OWN, given, "perpkit") == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"stops": {}}, '"perpkit" has no parameter "stops". Allowed: alerts, .*, trailing, use.'),
        ({"stop": {"distanse": 0.1}}, '"perpkit.stop" has no parameter "distanse". Allowed: '),
        ({"stop": 0.1}, '"perpkit.stop" must be an object of parameters, got 0.1'),
        (None, '"perpkit" must be an object of parameters, got None'),
        ([], '"perpkit" must be an object of parameters, got '),
        ({"stop": {"distance": 0.9}}, '"perpkit.stop": distance must be .* 0.5, got 0.9'),
        ({"stop": {"distance": nan}}, '"perpkit.stop": distance must be .* got nan'),
        ({"stop": {"distance": "5%"}}, "\"perpkit.stop\": distance must be a number .*, got '5%'"),
        ({"stop": {"distance": True}}, '"perpkit.stop": distance must be a number .*, got True'),
        (
            {"stop": {"method": "chart"}},
            "\"perpkit.stop\": method must be one of fixed, atr, got 'chart'",
        ),
        ({"use": {"kelly": 1}}, '"perpkit.use": kelly must be true or false, got 1'),
        (
            {"exposure": {"max_positions": 2.5}},
            '"perpkit.exposure": max_positions must be a whole .* got 2.5',
        ),
        (
            {"scale_out": {"rungs": [{"at_r": 1, "share": 0.5, "stop": 0}]}},
            r'"perpkit.scale_out": rungs\[0\] has no parameter .stop.. Allowed: at_r, ',
        ),
        (
            {"scale_out": {"rungs": [{"at_r": 1, "share": 0.5}]}},
            r'"perpkit.scale_out": rungs\[0\].stop_r is missing',
        ),
        (
            {"scale_out": {"rungs": [{"at_r": 1, "share": 5, "stop_r": 0}]}},
            r'"perpkit.scale_out": rungs\[0\].share must be a number from 0.01 to 1, got 5',
        ),
        # Each allowed, together not.
        ({"stop": {"floor": 0.2}}, '"perpkit.stop": floor must be .* to 0.1, got 0.2'),
    ],
)
def test_what_is_wrong_is_named(given, message):
    with pytest.raises(ConfigurationError, match=message):
        overridden(OWN, given, "perpkit")
