"""What windows chose, how far apart, and the defaults by the rule."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from perpkit.walkforward.plateaus import (
    has_target_tables,
    middle,
    plateau,
    proposed,
    stability,
)
from tests.walkforward.made_runs import epochs, optimised_run, result

FLAT = [0.0] * 60


def tried(number: int, values: dict[str, list], losses: list[float]):
    return result(number, FLAT, tried=epochs(values, losses))


def test_the_plateau_is_the_middle_of_the_best_tenth():
    """Of 60 epochs, six count: the peak, at 90, is one of them and decides nothing."""
    values = [*range(20, 25), *[40] * 54, 90]
    losses = [*[1.0] * 5, *[5.0] * 54, 0.0]
    assert plateau(tried(1, {"rsi": values}, losses)) == {"buy.rsi": 22}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, 9], 2),
        ([24, 72], 24),  # 48 may be no option
        ([0.1, 0.2], 0.1),
        ([1, 2.5, 3], 2.5),
        (["a", "b", "b"], "b"),
        (["b", "a"], "b"),
        ([True, False, True], True),
        ([None, 3, None], None),
    ],
)
def test_the_middle(values, expected):
    assert middle({"x": value} for value in values) == {"x": expected}


@pytest.mark.parametrize("bad", [1e5, float("inf")])
def test_what_traded_too_little_is_on_no_plateau(bad):
    """Of 40 epochs six had trades enough, one of which is the worst: the best five count."""
    values, losses = [*range(10, 16), *[90] * 34], [1.0, 2.0, 3.0, 4.0, 5.0, 9.0, *[bad] * 34]
    assert plateau(tried(1, {"rsi": values}, losses)) == {"buy.rsi": 12}
    losses[4:] = [bad] * 36
    with pytest.raises(ValueError, match=r"with enough trades must be at least 5 .* got 4 in wind"):
        plateau(tried(1, {"rsi": values}, losses))


def test_a_table_of_targets_has_no_default():
    """Hyperopt draws its times, so each epoch has names of its own there."""
    each = [
        replace(one, parameters={**one.parameters, "roi": {str(60 + one.number): 0.1}})
        for one in epochs({"rsi": [30] * 5}, [1.0] * 5)
    ]
    windows = [result(number, FLAT, tried=tuple(each)) for number in (1, 2, 3)]
    assert has_target_tables(windows)
    assert proposed(windows).middles == {"buy.rsi": 30}
    assert [one.parameter for one in stability(windows)] == ["buy.rsi"]
    assert not has_target_tables([tried(1, {"rsi": [30] * 5}, [1.0] * 5)])


@pytest.mark.parametrize("last", [50, -50])
def test_what_is_proposed_is_frozen_before_the_last_window(last):
    losses = [1.0] * 5
    windows = [tried(n, {"rsi": [value] * 5}, losses) for n, value in enumerate([10, 30, 20], 1)]
    found = proposed([*windows, tried(4, {"rsi": [last] * 5}, losses)])
    assert found.middles == {"buy.rsi": 20}
    assert found == proposed([*windows, tried(4, {"rsi": [20] * 5}, losses)])


NUMBERS = [*range(10, 51)]


@pytest.mark.parametrize(
    ("chosen", "kinds", "agreed"),
    [
        ([30] * 5, NUMBERS, True),
        ([30] * 11, NUMBERS, True),
        ([28, 30, 32, 30, 29, 31, 30, 30, 33, 27, 30], NUMBERS, True),
        ([10, 50, 30, 10, 20, 44, 12, 37, 48, 21, 33], NUMBERS, False),  # as what was tried
        ([20, 25, 23], NUMBERS, False),  # near each other by chance
        ([30, 30], NUMBERS, False),
        ([True] * 11, [True, False], True),
        ([True] * 9 + [False] * 2, [True, False], False),
        ([True] * 5, [True, False], False),
        ([None] * 11, [None, 2.0], True),
    ],
)
def test_windows_agree_only_where_chance_would_hardly_do_so(chosen, kinds, agreed):
    """Each tries the same values, and the best one is its choice."""
    windows = [
        tried(number, {"p": [best, *kinds, *kinds, *kinds]}, [0.0, *[1.0] * 3 * len(kinds)])
        for number, best in enumerate([*chosen, kinds[0]], 1)
    ]
    found = proposed(windows)
    assert found.middles.keys() == found.chances.keys() == {"buy.p"}
    assert found.defaults == (found.middles if agreed else {})


@pytest.mark.parametrize("kinds", [NUMBERS, [True, False], ["a", "b", "c", "d"]])
def test_windows_that_choose_at_random_seldom_agree(kinds):
    dice, agreed = random.Random(1), 0
    for _ in range(60):
        windows = [
            tried(n, {"p": [dice.choice(kinds) for _ in range(40)]}, [0.0, *[1.0] * 39])
            for n in range(1, 8)
        ]
        agreed += bool(proposed(windows).defaults)
    assert agreed <= 3


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ([tried(1, {"rsi": [1] * 5}, [1.0] * 5)] * 2, "at least 3 for defaults, got 2"),
        ([tried(7, {"rsi": [1] * 4}, [1.0] * 4)] * 3, "got 4 in window 7"),
        ([result(3, FLAT)] * 3, "got 0 in window 3"),
    ],
)
def test_what_gives_no_defaults(results, said):
    with pytest.raises(ValueError, match=said):
        proposed(results)


def test_what_is_chosen_alike_has_no_scatter():
    values = {"rsi": [30, 10, 50, 20, 40], "kind": ["a", "b", "c", "b", "c"]}
    windows = [tried(n, values, [0.0, 1, 1, 1, 1]) for n in (1, 2, 3)]
    assert {s.parameter: (s.chosen, s.scatter) for s in stability(windows)} == {
        "buy.rsi": ((30, 30, 30), 0.0),
        "buy.kind": (("a", "a", "a"), 0.0),
    }


def test_what_is_chosen_at_random_has_a_scatter_of_one():
    found = stability(optimised_run(60).results)
    assert [one.scatter for one in found] == pytest.approx([1.0, 1.0], abs=0.2)


def test_what_was_never_varied_has_none():
    [found] = stability([tried(1, {"rsi": [30] * 5}, [1.0] * 5)])
    assert found.scatter is None
