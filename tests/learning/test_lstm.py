"""The LSTM on tiny data: the same seed gives the same model, it learns, and it stops in time."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is in the extra lstm: make test-ai")
lstm = pytest.importorskip("perpkit.learning.lstm")

LENGTH, HORIZON = 4, 3
SMALL = lstm.LstmSettings(hidden=4, epochs=12, batch_size=32, learning_rate=0.02, dropout=0)


@pytest.fixture(scope="module")
def rows():
    """Features, and outcomes that depend on the sum of the last three values of the first."""
    rng = np.random.default_rng(7)
    features = rng.uniform(-1, 1, size=(400, 3))
    recent = np.convolve(features[:, 0], np.ones(3))[:400]
    return features, (recent > 0).astype(np.int64)


def fitted(rows, settings=SMALL, weights=None):
    features, outcomes = rows
    weights = np.ones(len(outcomes)) if weights is None else weights
    return lstm.fit(features, outcomes, weights, LENGTH, HORIZON, settings)


@pytest.fixture(scope="module")
def learned(rows):
    return fitted(rows)


def test_the_same_seed_gives_the_same_weights_and_scores(rows, learned):
    torch.rand(3)  # what else draws numbers in the process must not matter
    other = fitted(rows)
    for name, weights in learned.network.state_dict().items():
        assert torch.equal(weights, other.network.state_dict()[name]), name
    scores = learned.predict_proba(rows[0])
    np.testing.assert_array_equal(scores, other.predict_proba(rows[0]))
    different = fitted(rows, replace(SMALL, seed=2))
    assert not np.array_equal(scores, different.predict_proba(rows[0]))


def test_training_leaves_the_generator_and_the_threads_as_they_were(rows):
    torch.manual_seed(3)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    fitted(rows, replace(SMALL, epochs=1, patience=1))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.get_num_threads() == threads


def test_it_learns_what_lies_in_the_rows_before(rows, learned):
    features, outcomes = rows
    right = (learned.predict_proba(features)[:, 1] > 0.5) == outcomes
    # A model of the last row alone cannot reach that: two thirds of the sum lie before it.
    assert right[-80:].mean() > 0.85


def test_it_stops_when_the_held_out_loss_no_longer_falls():
    rng = np.random.default_rng(1)
    noise = rng.uniform(-1, 1, size=(200, 6)), rng.integers(0, 2, 200)
    settings = replace(SMALL, hidden=16, epochs=60, patience=3)
    found = fitted(noise, settings)
    assert len(found.losses) < 60
    assert found.best_epoch == len(found.losses) - 1 - 3
    # The weights of the best epoch are kept, not the last ones.
    until_best = fitted(noise, replace(settings, epochs=found.best_epoch + 1, patience=1))
    scores = found.predict_proba(noise[0])
    np.testing.assert_array_equal(scores, until_best.predict_proba(noise[0]))


def test_the_gap_before_the_held_out_rows_is_not_learned(rows):
    features, outcomes = rows
    held = int(len(features) * (1 - SMALL.held_out))
    changed = outcomes.copy()
    changed[held - HORIZON : held] = 1 - changed[held - HORIZON : held]
    settings = replace(SMALL, epochs=2, patience=2)
    found, other = fitted(rows, settings), fitted((features, changed), settings)
    np.testing.assert_array_equal(found.predict_proba(features), other.predict_proba(features))


def test_rows_without_weight_are_not_learned(rows):
    features, outcomes = rows
    changed, weights = outcomes.copy(), np.ones(len(outcomes))
    changed[:100] = 1 - changed[:100]
    weights[:100] = 0
    settings = replace(SMALL, epochs=2, patience=2)
    found = fitted(rows, settings, weights)
    other = fitted((features, changed), settings, weights)
    np.testing.assert_array_equal(found.predict_proba(features), other.predict_proba(features))


def test_later_rows_change_no_score(rows, learned):
    features = rows[0]
    changed = features.copy()
    changed[200:] = 0.9
    np.testing.assert_allclose(
        learned.predict_proba(features)[:200], learned.predict_proba(changed)[:200], atol=1e-6
    )


def test_a_pickle_scores_the_same(rows, learned):
    again = pickle.loads(pickle.dumps(learned))
    np.testing.assert_array_equal(again.predict_proba(rows[0]), learned.predict_proba(rows[0]))


def test_no_rows_have_no_scores(learned):
    assert learned.predict_proba(np.empty((0, 3))).shape == (0, 2)


def test_too_few_rows_for_the_gap_are_refused():
    with pytest.raises(ValueError, match="10 rows leave none to train on with a horizon of 24"):
        lstm.fit(np.zeros((10, 1)), np.zeros(10, int), np.ones(10), 2, 24, SMALL)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("hidden", 0, "hidden must be a whole number from 1 to 512"),
        ("dropout", 1, "dropout must be a number from 0 to 0.9"),
        ("patience", 99, "patience must be a whole number from 1 to 40"),
        ("seed", -1, "seed must be a whole number from 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(name, value, allowed):
    with pytest.raises(ValueError, match=allowed):
        lstm.LstmSettings(**{name: value})
