"""Hyperopt parameters that are made of declarations."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import pytest
from freqtrade.strategy import (
    BooleanParameter,
    CategoricalParameter,
    DecimalParameter,
    IntParameter,
)

from perpkit.bot.searched import hyperopt_parameters, rule_at, with_default
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range, Search


class Side(StrEnum):
    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True)
class Rule(Parameters):
    length: Annotated[int, Range(1, 99, "candles"), Search("buy", 2, 12), "Whole"] = 5
    share: Annotated[float, Range(0, 1), Search("sell", 0.1, 0.9, decimals=3), "A share"] = 0.25
    on: Annotated[bool, Search("buy", optimize=False), "A switch"] = True
    side: Annotated[Side, Search("buy"), "A choice"] = Side.RIGHT
    fixed: Annotated[float, Range(0, 1), "Not searched"] = 0.5


@dataclass(frozen=True)
class Wrong(Parameters):
    name: Annotated[str, Search("buy"), "No number"] = ""


def test_each_kind_is_freqtrades_own():
    found = hyperopt_parameters(Rule(length=7, share=0.2525))
    kinds = {name: type(parameter) for name, parameter in found.items()}
    assert kinds == {
        "length": IntParameter,
        "share": DecimalParameter,
        "on": BooleanParameter,
        "side": CategoricalParameter,
    }
    assert {name: parameter.value for name, parameter in found.items()} == {
        "length": 7,
        "share": 0.2525,  # with more decimals than are searched
        "on": True,
        "side": "right",
    }
    assert (found["length"].low, found["length"].high) == (2, 12)
    assert (found["share"].decimals, found["share"].space) == (4, "sell")
    assert found["side"].opt_range == ["left", "right"]
    assert (found["on"].optimize, found["side"].optimize) == (False, True)


def test_the_rule_at_values_of_hyperopt():
    assert rule_at(Rule(), {"side": "left", "length": 3}) == Rule(length=3, side=Side.LEFT)
    with pytest.raises(ValueError, match="length must be"):
        rule_at(Rule(), {"length": 100})


def test_what_hyperopt_cannot_search_is_named():
    with pytest.raises(TypeError, match="hyperopt cannot search name, a text"):
        hyperopt_parameters(Wrong())


@pytest.mark.parametrize(
    ("default", "low", "high", "decimals"),
    [
        (0.03, 0.01, 0.06, 3),
        (0.005, 0.005, 0.06, 3),
        (0.1, 0.01, 0.1, 3),
        (0.0125, 0.01, 0.06, 4),  # it would be rounded
        (100.0, 0.01, 100.0, 3),
    ],
)
def test_another_default_lies_in_the_range(default, low, high, decimals):
    base = DecimalParameter(0.01, 0.06, default=0.05, decimals=3, space="sell")
    found = with_default(base, default, optimize=False)
    assert (found.value, found.low, found.high) == (default, low, high)
    assert (found.space, found.decimals, found.optimize) == ("sell", decimals, False)
    assert base.value == 0.05
