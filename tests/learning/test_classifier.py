"""Training in three parts with gaps: why the gaps, what is refused, what is measured."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from perpkit.learning import classifier
from perpkit.learning.classifier import LEAST_ROWS, TooLittleDataError, Untrained, purged, train

HORIZON = 48


def logistic(features, outcomes, weights):
    return LogisticRegression().fit(features, outcomes, weights)


def data(rows: int, seed: int = 3):
    random = np.random.default_rng(seed)
    features = random.normal(size=(rows, 3))
    pays = random.random(rows) < 1 / (1 + np.exp(-features[:, 0]))
    return features, np.where(pays, "pays", "loses")


def trained(rows: int = 2_000, held: int = 1_000, horizon: int = 10, fit=logistic):
    features, labels = data(rows)
    return train(features, labels, np.ones(rows), *data(held, 4), horizon, fit)


def test_its_probabilities_are_those_of_the_classes():
    model = trained()
    features, labels = data(500, 9)
    both = model.predict_proba(features)
    assert model.classes_.tolist() == ["loses", "pays"]
    np.testing.assert_allclose(both.sum(axis=1), 1)
    assert set(model.predict(features)) == {"loses", "pays"}
    assert (model.predict(features) == labels).mean() > 0.6
    assert 0 < model.error < 0.06


@pytest.mark.parametrize(
    ("rows", "held", "message"),
    [
        (4 * LEAST_ROWS, 999, f"{LEAST_ROWS - 10} rows to calibrate, {LEAST_ROWS} are needed"),
        (LEAST_ROWS, 999, "rows to fit"),
        (0, 0, "0 rows to fit"),
        (2_000, LEAST_ROWS - 1, "rows to measure"),
    ],
)
def test_too_little_data_is_said_with_its_number(rows, held, message):
    with pytest.raises(TooLittleDataError, match=message):
        trained(rows, held)


def test_one_kind_of_outcome_is_too_little():
    features, labels = data(2_000)
    with pytest.raises(TooLittleDataError, match="only one kind of outcome"):
        train(features, np.full(2_000, "loses"), np.ones(2_000), features, labels, 10, logistic)


def test_each_part_ends_a_horizon_before_the_next_begins(monkeypatch):
    """Rows are numbered by their feature, so that the parts show themselves."""
    fitted, scored = [], []

    class Numbered:
        def predict_proba(self, features):
            scored.append(np.asarray(features)[:, 0])
            return np.full((len(features), 2), 0.5)

    def fit(features, outcomes, weights):
        fitted.append(np.asarray(features)[:, 0])
        return Numbered()

    rows = np.arange(2_000.0)[:, None]
    labels = np.where(np.arange(2_000) % 2, "pays", "loses")
    train(rows, labels, np.ones(2_000), rows + 2_000, labels, HORIZON, fit)
    [first], [second, third] = fitted, scored
    assert (first[0], first[-1]) == (0, 1_499 - HORIZON)
    assert (second[0], second[-1]) == (1_500, 1_999 - HORIZON)
    assert third[0] == 2_000


def overlapping(seed: int, rows: int = 3_000):
    """Labels of a random walk over a horizon; the only feature is the time, which knows nothing."""
    walk = np.cumsum(np.random.default_rng(seed).normal(size=rows + HORIZON))
    return np.arange(rows)[:, None], (walk[HORIZON:] > walk[:-HORIZON]).astype(int)


@pytest.mark.parametrize(("gap", "seems_to_know"), [(0, True), (HORIZON, False)])
def test_without_the_gap_a_memory_seems_to_know_the_future(gap, seems_to_know):
    """Purging matters: the nearest label overlaps with the next one, and nothing is predictable."""
    right = []
    for seed in range(60):
        time, label = overlapping(seed)
        known = purged(2_000, gap)
        memory = KNeighborsClassifier(1).fit(time[known], label[known])
        right.append(memory.score(time[2_000:2_006], label[2_000:2_006]))
    assert (np.mean(right) > 0.75) == seems_to_know
    assert abs(np.mean(right) - 0.5) < 0.15 or seems_to_know


def test_what_stands_for_no_model_has_its_shape():
    model = Untrained("too little data")
    assert model.predict_proba(np.zeros((3, 2))).shape == (3, 2)
    assert len(model.predict(np.zeros((3, 2)))) == 3
    assert model.error == 1.0


def test_a_gap_longer_than_the_rows_leaves_none():
    assert classifier.purged(5, 10) == slice(0, 0)
