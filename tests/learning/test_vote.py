"""The vote of rule and model, as a table; without an opinion the rule decides in every mode."""

from __future__ import annotations

import numpy as np
import pytest

from perpkit.learning import vote as votes
from perpkit.learning.vote import Opinions, Vote, VoteRule, decide
from perpkit.signals.source import Signals

NAN = float("nan")


def signals(long=(False,), short=(False,), score=0.7) -> Signals:
    long, short = np.array(long), np.array(short)
    none = np.zeros(len(long), dtype=bool)
    full = np.full(len(long), score)
    return Signals(long, short, none, ~none, full, full)


def decided(rule, mode, probability, side=1, error=0.01, **given):
    rows = len(rule.enter_long)
    opinions = Opinions(np.full(rows, probability), np.full(rows, error))
    return decide(rule, np.full(rows, side), opinions, 0.6, VoteRule(mode, **given))


@pytest.mark.parametrize(
    ("mode", "enters", "probability", "expected", "confidence"),
    [
        ("rules_only", True, 0.1, True, 0.7),
        ("rules_only", False, 0.9, False, 0.7),
        ("agree", True, 0.6, True, 0.6),
        ("agree", True, 0.9, True, 0.7),
        ("agree", True, 0.49, False, 0.49),
        ("agree", False, 0.9, False, 0.7),
        ("model_only", False, 0.6, True, 0.6),
        ("model_only", True, 0.4, False, 0.4),
        ("weighted", True, 0.6, True, 0.65),
        ("weighted", True, 0.4, False, 0.55),
        ("weighted", False, 0.9, False, 0.8),
    ],
)
@pytest.mark.parametrize("side", [1, -1])
def test_the_modes(mode, enters, probability, expected, confidence, side):
    rule = signals([enters], [False]) if side > 0 else signals([False], [enters])
    found = decided(rule, mode, probability, side)
    enter, other = found.enter_long, found.enter_short
    score, untouched = found.long_confidence, found.short_confidence
    if side < 0:
        enter, other, score, untouched = other, enter, untouched, score
    assert enter.tolist() == [expected]
    assert other.tolist() == [False]
    assert score.tolist() == [pytest.approx(confidence)]
    assert untouched.tolist() == [0.7]


@pytest.mark.parametrize("mode", Vote)
@pytest.mark.parametrize("enters", [True, False])
def test_without_an_opinion_the_rule_decides(mode, enters):
    rule = signals([enters], [False])
    for found in (decided(rule, mode, NAN), decided(rule, mode, NAN, side=0)):
        for ours, theirs in zip(found, rule, strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("mode", ["agree", "model_only", "weighted"])
@pytest.mark.parametrize("error", [0.05, 0.2, NAN])
def test_a_probability_that_is_not_honest_changes_no_size(mode, error):
    rule = signals([True], [False])
    assert decided(rule, mode, 0.65, error=error).long_confidence.tolist() == [0.7]
    assert decided(rule, mode, 0.65, error=0.049).long_confidence.tolist() != [0.7]


@pytest.mark.parametrize(
    ("given", "side", "expected"),
    [
        ([0.4, 0.6, 0.6, 0.4, 0.7], 1, [1, 4]),
        # Silent for a while: what it said before still stands.
        ([0.6, 0.6, NAN, 0.6, 0.6], 1, [0]),
        ([0.4, NAN, NAN, 0.6], 1, [3]),
        ([0.6, NAN, 0.4, NAN, 0.6], 1, [0, 4]),
        ([NAN, 0.6, 0.6], 1, [1]),
        # The side that it favours is taken once more when the rule comes back to it.
        ([0.6, 0.6, NAN, 0.6], [1, 1, 0, 1], [0, 3]),
        ([0.6, 0.6, 0.6, 0.6], [1, 1, -1, 1], [0, 3]),
        ([0.6, NAN, NAN, 0.6], [1, -1, 1, 1], [0, 3]),
        ([], 1, []),
    ],
)
def test_a_model_alone_enters_each_time_it_comes_to_favour(given, side, expected):
    rows = len(given)
    opinions = Opinions(np.array(given), np.full(rows, 0.01))
    rule, sides = signals([False] * rows, [False] * rows), np.full(rows, side)
    found = decide(rule, sides, opinions, 0.6, VoteRule(Vote.MODEL_ONLY))
    assert np.flatnonzero(found.enter_long).tolist() == expected


@pytest.mark.parametrize("mode", Vote)
def test_exits_are_the_rules(mode):
    rule = signals([True], [True])
    found = decided(rule, mode, 0.1)
    assert found.exit_long is rule.exit_long
    assert found.exit_short is rule.exit_short


def test_no_model_has_no_opinions():
    assert not votes.none(3).known.any()
    assert not votes.none(3).calibrated.any()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"vote": "majority"}, "rules_only, model_only, agree, weighted"),
        ({"least_probability": 1.5}, "least_probability must be"),
        ({"model_weight": -0.1}, "model_weight must be"),
    ],
)
def test_a_bad_parameter_is_named(given, message):
    with pytest.raises(ValueError, match=message):
        VoteRule(**given)
