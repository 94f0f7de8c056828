"""The gate: who passes, at which rates, and why not."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from scipy.stats import norm

from benchmarks.gate_rates import EDGE, KINDS, Kind, alike, memory, normal, rates, sparse
from perpkit.research.overfitting.gate import LEAST_ACTIVE, LEAST_DAYS, gate
from perpkit.research.overfitting.luck import BestTrial
from perpkit.research.overfitting.sharpe import (
    expected_best,
    moments,
    probabilistic_sharpe,
    shortest_record,
)

SEEDS = 20


def edge(days: int = 1_095, ratio: float = 0.15, trials: int = 1):
    """Each trial has exactly this Sharpe ratio a day."""
    drawn = np.random.default_rng(1).standard_normal((days, trials))
    return 0.01 * ((drawn - drawn.mean(axis=0)) / drawn.std(axis=0, ddof=1) + ratio)


@pytest.mark.parametrize(
    "kind",
    [
        Kind("one", normal, 1),
        Kind("alike", alike(0.9), 20),
        Kind("goes on", memory(0.3), 5),
        Kind("sparse", sparse(0.05), 10),
    ],
    ids=lambda kind: kind.name,
)
def test_without_an_edge_few_pass(kind):
    # Of 20 at 5%, more than 4 are one in 400.
    assert rates(kind, 0.0, SEEDS)[0] * SEEDS <= 4


@pytest.mark.parametrize("kind", [Kind("one", normal, 1), Kind("alike", alike(0.7), 20)])
def test_with_an_edge_most_pass(kind):
    # Of 20 at 83%, fewer than 12 are one in 200.
    assert rates(kind, EDGE, SEEDS)[0] * SEEDS >= 12


def test_the_kinds_are_what_they_say():
    for kind in KINDS:
        if kind.trials == 1 and kind.days > 500:
            ratios = [moments(kind.returns(seed, EDGE)[:, 0]).sharpe for seed in range(30)]
            assert np.mean(ratios) == pytest.approx(EDGE, abs=0.03), kind.name


def test_a_large_edge_passes_among_many_ideas():
    """A thousand samples cannot show so little luck as each of 599 ideas may have."""
    found = gate(edge(ratio=0.3), ideas=599)
    assert found.passes
    assert found.alone < 1e-4
    assert found.needed_days < 1_095
    assert not gate(edge(ratio=0.05), ideas=599).passes


def test_an_edge_passes_with_its_figures():
    found = gate(edge())
    assert found.passes
    assert found.failed == ()
    assert (found.trials, found.left_out, found.best, found.crossed) == (1, 0, 0, None)
    measured = moments(edge()[:, 0])
    assert found.sharpe == measured.sharpe
    assert found.deflated == found.probabilistic == probabilistic_sharpe(measured)
    assert found.needed_days < 1_095


def test_of_ideas_that_were_tried_elsewhere_the_luck_adds_up():
    once, often = gate(edge(ratio=0.08)), gate(edge(ratio=0.08), ideas=50)
    assert once.passes
    assert not often.passes
    assert [criterion.name for criterion in often.failed] == ["luck"]
    assert often.luck == pytest.approx(1 - (1 - once.luck) ** 50)
    assert often.deflated < once.deflated
    assert often.alone == once.alone == once.luck
    assert often.needed_days > 1_095 > once.needed_days


def test_the_days_that_are_needed_are_enough():
    found = gate(edge(ratio=0.06, days=400))
    assert 400 < found.needed_days < inf
    times = int(found.needed_days / 400) + 1
    assert gate(np.tile(edge(ratio=0.06, days=400), (times, 1))).passes


@pytest.mark.parametrize(
    ("ideas", "days"),
    [
        # 1,000 days at luck p, whose t value is z(p); 1 - 0.95^(1 / ideas) is what each may have.
        (1, 500.0),  # z(0.05) = 1.6449, z(0.01) = 2.3263: their ratio squared is 0.5000
        (10, 1_218.4),  # 1 - 0.95^0.1 = 0.5116%, z = 2.5679
        (591, 2_604.9),  # 1 - 0.95^(1/591) = 0.008679%, z = 3.7547
        (3_000, inf),  # 1 in 58,488, which 50,000 samples cannot show
    ],
)
def test_the_days_that_several_ideas_need(ideas, days, monkeypatch):
    found = BestTrial(column=0, t=2.3263, luck=0.01)
    monkeypatch.setattr("perpkit.research.overfitting.gate.best_trial", lambda *_, **__: found)
    assert gate(edge(1_000), ideas=ideas).needed_days == pytest.approx(days, rel=2e-3)


def test_one_idea_needs_the_published_shortest_record(monkeypatch):
    # Luck as the normal distribution has it, which the formula presumes.
    returns = edge(400, ratio=0.06)
    found = BestTrial(column=0, t=1.2, luck=norm.sf(1.2))
    monkeypatch.setattr("perpkit.research.overfitting.gate.best_trial", lambda *_, **__: found)
    published = shortest_record(moments(returns[:, 0]))
    assert gate(returns).needed_days == pytest.approx(published, rel=0.02)


@pytest.mark.parametrize("ideas", [2, 10, 591])
def test_of_several_ideas_the_published_record_is_longer(ideas):
    # Its benchmark is the best of as many that is expected, whose own luck it does not count.
    returns = edge(ratio=0.1)
    by_chance = expected_best(ideas, 1 / (len(returns) - 1))
    needed = gate(returns, ideas=ideas).needed_days
    published = shortest_record(moments(returns[:, 0]), by_chance)
    assert shortest_record(moments(returns[:, 0])) < needed
    if ideas > 2:
        assert needed < published


@pytest.mark.parametrize(
    ("returns", "failed"),
    [
        (edge(LEAST_DAYS - 1, 1.0), {"luck", "days"}),
        (np.zeros(1_000), {"luck", "active days"}),
        (np.full(1_000, 0.001), {"luck"}),
        (np.where(np.arange(1_000) < LEAST_ACTIVE - 1, 0.1, 0.0), {"luck", "active days"}),
        (-edge()[:, 0], {"luck"}),
        (-edge(trials=4), {"luck", "loss"}),
    ],
)
def test_what_shows_nothing_does_not_pass(returns, failed):
    found = gate(returns)
    assert {criterion.name for criterion in found.failed} == failed


def test_trials_that_never_traded_change_nothing():
    table = edge(trials=3)
    padded = np.insert(table, [0, 2], 0.0, axis=1)
    found, plain = gate(padded), gate(table)
    assert (found.luck, found.crossed, found.trials) == (plain.luck, plain.crossed, 3)
    assert found.left_out == 2
    assert (padded[:, found.best] == table[:, plain.best]).all()


def test_a_trial_that_rested_for_half_of_the_days_is_cross_validated():
    table = edge(trials=3)
    table[:600, 1] = 0.0
    assert gate(table).crossed is not None


def test_many_trials_are_cross_validated_too():
    found = gate(edge(days=200, ratio=0.0, trials=401))
    assert found.crossed.choices == 252


@pytest.mark.parametrize(
    ("returns", "ideas", "said"),
    [
        ([[[1.0]]], 1, "shape"),
        ([], 1, "shape"),
        ([0.1, float("nan")], 1, "finite"),
        (edge(), 0, "ideas"),
        (edge(), float("nan"), "ideas"),
    ],
)
def test_what_cannot_be_judged_is_refused(returns, ideas, said):
    with pytest.raises(ValueError, match=said):
        gate(returns, ideas=ideas)


@pytest.mark.parametrize(
    ("column", "constant"),
    [(0.001, 1), (0.0, 1), (np.arange(400) == 7, 0)],
    ids=["constant", "zero", "one day"],
)
def test_trials_that_are_constant_are_counted_apart(column, constant):
    table = np.column_stack([edge(400), np.broadcast_to(column, 400)])
    found = gate(table)
    assert (found.left_out, found.constant) == (1, constant)
    alone = gate(table[:, 1:])
    assert (alone.best, alone.constant) == (None, constant)
