"""Dataclasses of parameters: checked at construction, and read by whoever shows them."""

from __future__ import annotations

import pickle
from dataclasses import MISSING, dataclass, replace
from enum import StrEnum
from typing import Annotated

import pytest

from perpkit.parameters.declared import Parameters, declared, section_of
from perpkit.parameters.kinds import Range


class Side(StrEnum):
    LONG = "long"
    SHORT = "short"


@dataclass(frozen=True, slots=True)
class Rule(Parameters):
    floor: Annotated[float, Range(0, "ceiling", "of the price"), "The least"] = 0.1
    ceiling: Annotated[float, Range(0, 1, "of the price"), "The greatest"] = 0.5
    side: Annotated[Side, "Which side"] = Side.LONG
    bounded: Annotated[float | None, Range(0, "twice"), "Null, or up to twice the ceiling"] = None

    @property
    def twice(self) -> float:
        return 2 * self.ceiling

    def check_together(self) -> None:
        if self.side is Side.SHORT and self.floor == 0:
            raise ValueError("floor must be above 0 for shorts, got 0")


@dataclass(frozen=True)
class Outer(Parameters):
    rules: Annotated[tuple[Rule, ...], "Several"]
    rule: Rule = Rule()


def test_values_are_converted():
    rule = Rule(1, 1, "short", 2)
    assert rule.side is Side.SHORT
    assert (type(rule.floor), type(rule.bounded)) == (float, float)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"floor": 0.6}, "floor must be a number from 0 to 0.5, got 0.6"),
        ({"floor": 0.4, "ceiling": 0.3}, "floor must be a number from 0 to 0.3, got 0.4"),
        ({"floor": -1}, "floor must be a number from 0 to ceiling, got -1"),
        ({"ceiling": "1"}, "ceiling must be a number from 0 to 1, got '1'"),
        ({"bounded": 1.1}, "bounded must be a number from 0 to 1, got 1.1"),
        ({"side": "both"}, "side must be one of long, short, got 'both'"),
        ({"side": "short", "floor": 0}, "floor must be above 0 for shorts"),
    ],
)
def test_each_field_and_how_they_fit_together(given, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        Rule(**given)
    with pytest.raises(ValueError, match=f"^{message}"):
        replace(Rule(), **given)


def test_what_is_declared_is_read_once_for_all():
    floor, ceiling, side, bounded = declared(Rule)
    assert (floor.name, floor.default, floor.unit, floor.meaning) == (
        "floor",
        0.1,
        "of the price",
        "The least",
    )
    shown = [parameter.allowed(Rule) for parameter in (floor, ceiling, side, bounded)]
    assert shown == ["0 to 0.5", "0 to 1", "long, short", "0 to 1 or null"]
    assert declared(Rule) is declared(Rule)


def test_sections_and_lists_of_them():
    rules, rule = declared(Outer)
    assert section_of(rules.kind) is section_of(rule.kind) is Rule
    assert rules.default is MISSING
    assert section_of(declared(Rule)[0].kind) is None


def test_a_range_without_a_default_to_go_by_shows_the_widest():
    @dataclass(frozen=True)
    class Limit(Parameters):
        loss: Annotated[float, Range(0.1, 0.9), "Required"]
        recovered: Annotated[float, Range(0, "loss"), "Below it"] = 0.05

    assert declared(Limit)[1].allowed(Limit) == "0 to 0.9"


def test_hyperopt_can_send_them_to_another_process():
    rule = Rule(0.2, 0.4, "short")
    assert pickle.loads(pickle.dumps(rule)) == rule
