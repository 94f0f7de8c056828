"""What each kind of parameter takes, what it makes of it, and what it says of all else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum, StrEnum
from math import inf, nan
from typing import Annotated, Literal, NamedTuple

import pytest

from perpkit.parameters.declared import Parameters
from perpkit.parameters.hints import kind_of
from perpkit.parameters.kinds import NotEmpty, OneOf, Range


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Paint(StrEnum):
    RED = "red"


class Level(IntEnum):
    LOW = 1


class Step(NamedTuple):
    minutes: Annotated[int, Range(1, 60)]
    move: Annotated[float, Range(0, 1)]


@dataclass(frozen=True)
class Inner(Parameters):
    share: Annotated[float, Range(0, 1), "A share"]
    note: Annotated[str, "A text"] = ""


SHARE = Annotated[float, Range(0, 1)]
TAKEN = [
    (SHARE, 0.5, 0.5),
    (SHARE, 1, 1.0),
    (SHARE | None, None, None),
    (Annotated[float | None, Range(0, 1)], None, None),
    (Annotated[float, Range(0.1, 1, or_zero=True)], 0, 0.0),
    (Annotated[float, Range(0, infinite=True)], inf, inf),
    (Annotated[int, Range(1, 5)], 5, 5),
    (Annotated[int, OneOf((5, 10))], 10, 10),
    (float, -3, -3.0),
    (bool, False, False),
    (str, "", ""),
    (Colour, "red", Colour.RED),
    (Colour, Colour.BLUE, Colour.BLUE),
    (Level, 1, Level.LOW),
    (Literal["asc", "desc"], "asc", "asc"),
    (Annotated[timedelta, Range(timedelta(0))], timedelta(hours=1), timedelta(hours=1)),
    (date, date(2024, 1, 1), date(2024, 1, 1)),
    (tuple[Colour, ...], ["red", Colour.BLUE], (Colour.RED, Colour.BLUE)),
    (tuple[Colour, ...], [], ()),
    (tuple[float, int], [1, 2], (1.0, 2)),
    (tuple[Step, ...], [[5, 1]], (Step(5, 1.0),)),
    (Mapping[str, SHARE], {"a": 1}, {"a": 1.0}),
    (Inner, {"share": 1}, Inner(1.0)),
    (tuple[Inner, ...], [{"share": 0.5, "note": "x"}], (Inner(0.5, "x"),)),
]


@pytest.mark.parametrize(("hint", "given", "read"), TAKEN)
def test_what_is_taken_and_what_it_becomes(hint, given, read):
    found = kind_of(hint).read("field", given)
    assert (found, type(found)) == (read, type(read))
    again = kind_of(hint).read("field", found)
    assert again == found  # an object that was made is copied with `replace`


def test_a_tuple_that_needs_no_conversion_is_not_copied():
    steps, colours = (Step(5, 0.5),), (Colour.RED,)
    assert kind_of(tuple[Step, ...]).read("field", steps) is steps
    assert kind_of(tuple[Colour, ...]).read("field", colours) is colours


REFUSED = [
    (SHARE, 2, "field must be a number from 0 to 1, got 2"),
    (SHARE, nan, "field must be a number from 0 to 1, got nan"),
    (SHARE, -inf, "field must be a number from 0 to 1, got -inf"),
    (SHARE, True, "field must be a number from 0 to 1, got True"),
    (SHARE, "0.5", "field must be a number from 0 to 1, got '0.5'"),
    (SHARE, None, "field must be a number from 0 to 1, got None"),
    (SHARE | None, 2, "field must be a number from 0 to 1, got 2"),
    (Annotated[float, Range(0.1, 1, or_zero=True)], 0.05, "0 or a number from 0.1 to 1, got 0.05"),
    (Annotated[float, Range(0)], inf, "field must be a number from 0 upwards, got inf"),
    (float, 10**400, "field must be a number that is not as large, got 1000"),
    (Annotated[int, Range(1, 5)], 2.0, "field must be a whole number from 1 to 5, got 2.0"),
    (Annotated[int, OneOf((5, 10))], 7, "field must be one of 5, 10, got 7"),
    (Annotated[int, OneOf((1, 10))], True, "field must be one of 1, 10, got True"),
    (bool, 1, "field must be true or false, got 1"),
    (str, 1, "field must be a text, got 1"),
    (str, Colour.RED, "field must be a text, got <Colour.RED"),
    (Colour, "green", "field must be one of red, blue, got 'green'"),
    (Colour, Paint.RED, "field must be one of red, blue, got <Paint.RED"),
    (Colour, ["red"], r"field must be one of red, blue, got \['red'\]"),
    (Level, True, "field must be one of 1, got True"),
    (Literal["asc", "desc"], 1, "field must be one of asc, desc, got 1"),
    (Annotated[timedelta, Range(timedelta(days=1))], "30d", "a timedelta of at least 1 day"),
    (Annotated[timedelta, Range(timedelta(days=1))], timedelta(0), "at least 1 day.*got datetime"),
    (date, "2024", "field must be a date, got '2024'"),
    (tuple[str, ...], "BTC", "field must be a list, each of its elements a text, got 'BTC'"),
    (tuple[str, ...], {"BTC"}, "field must be a list, .* got {'BTC'}"),
    (tuple[str, ...], ["BTC", 1], r"field\[1\] must be a text, got 1"),
    (Annotated[tuple[str, ...], NotEmpty()], [], "a list with at least one element, .* got "),
    (tuple[float, int], [1], r"field must be a list of 2: a number, a whole number, got \[1\]"),
    (tuple[Step, ...], [[5]], r"field\[0\] must be a list of minutes and move, got \[5\]"),
    (tuple[Step, ...], [[5, 2]], r"field\[0\].move must be a number from 0 to 1, got 2"),
    (tuple[Step, ...], (Step(0, 0.5),), r"field\[0\].minutes must be .* from 1 to 60, got 0"),
    (Mapping[str, SHARE], [["a", 1]], "field must be an object, .* got "),
    (Mapping[str, SHARE], {1: 1}, "field must be an object, .* got {1: 1}"),
    (Mapping[str, SHARE], {"a": 2}, "field of a must be a number from 0 to 1, got 2"),
    (Inner, 1, "field must be an object of share, note, got 1"),
    (Inner, {"share": 2}, "field.share must be a number from 0 to 1, got 2"),
    (Inner, {"note": ""}, "field.share is missing"),
    (Inner, {"shares": 1}, "field has no parameter 'shares'. Allowed: note, share"),
]


@pytest.mark.parametrize(("hint", "given", "message"), REFUSED)
def test_what_is_refused_and_how_it_is_said(hint, given, message):
    with pytest.raises(ValueError, match=message):
        kind_of(hint).read("field", given)


def test_a_number_too_large_to_be_written_is_refused_like_any_other():
    with pytest.raises(ValueError, match=r"field must be a number that .*got a very large int"):
        kind_of(float).read("field", 10**5000)


def test_an_error_is_one_line_of_bounded_length():
    with pytest.raises(ValueError, match="field must be a text") as refused:
        kind_of(str).read("field", ["x" * 50] * 50)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("hint", "short"),
    [
        (SHARE, "0 to 1"),
        (Annotated[float | None, Range(0, 1)], "0 to 1 or null"),
        (Annotated[float, Range(0.1, 1, or_zero=True)], "0 or 0.1 to 1"),
        (Annotated[int, Range(1, 1_000_000)], "whole, 1 to 1 000 000"),
        (Annotated[float, Range(0)], "0 or more"),
        (float, "number"),
        (bool, "true, false"),
        (str, "text"),
        (Colour, "red, blue"),
        (Annotated[int, OneOf((5, 10))], "5, 10"),
        (tuple[Step, ...], "list"),
        (Mapping[str, float], "object"),
        (Inner, "object"),
    ],
)
def test_how_a_table_shows_it(hint, short):
    assert kind_of(hint).short == short


@pytest.mark.parametrize(
    "hint", ["text", 3, float | str, list[int], tuple[Annotated[float, Range(0, "other")], ...]]
)
def test_what_cannot_be_declared_is_an_error_of_the_programmer(hint):
    with pytest.raises((TypeError, ValueError)):
        kind_of(hint)
