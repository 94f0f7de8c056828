"""How much features move the predictions of trees: additive, and found where it was put."""

from __future__ import annotations

import numpy as np
import pytest

from perpkit.learning.boosting import boosted_trees
from perpkit.learning.classifier import train
from perpkit.learning.columns import LOSES, PAYS
from perpkit.learning.ensemble import Ensemble
from perpkit.learning.importance import contributions, plain_name

pytest.importorskip("lightgbm")


@pytest.fixture(scope="module")
def trained():
    """Trees that learned from the second of three features, and rows that they have not seen."""
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(1200, 3))
    labels = np.where(rows[:, 1] + 0.3 * rng.normal(size=1200) > 0, PAYS, LOSES)
    fit = boosted_trees({"n_estimators": 20, "min_child_samples": 20, "colsample_bytree": 1.0})
    model = train(rows[:800], labels[:800], np.ones(800), rows[800:1000], labels[800:1000], 5, fit)
    return model, rows[1000:]


def test_the_feature_that_decides_weighs_most(trained):
    model, rows = trained
    found = contributions(model, rows)
    assert found.shape == (3,)
    assert found[1] > 5 * max(found[0], found[2])


def test_contributions_add_up_to_the_score(trained):
    model, rows = trained
    each = model.scorer.booster_.predict(rows, pred_contrib=True)
    odds = model.scorer.booster_.predict(rows, raw_score=True)
    np.testing.assert_allclose(each.sum(axis=1), odds)
    np.testing.assert_allclose(contributions(model, rows), np.abs(each[:, :-1]).mean(axis=0))


def test_an_ensemble_has_the_mean_of_its_members_that_can_tell(trained):
    model, rows = trained

    class Opaque:
        """A model without trees."""

    both = Ensemble({"trees": model, "other": Opaque()}, (1.0, 3.0), 0.0)
    np.testing.assert_allclose(contributions(both, rows), contributions(model, rows))
    assert contributions(Ensemble({"other": Opaque()}, (1.0,), 0.0), rows) is None


def test_no_rows_tell_nothing(trained):
    assert contributions(trained[0], np.empty((0, 3))) is None


@pytest.mark.parametrize(
    ("feature", "pair", "name"),
    [
        ("%-move-period_24_ETH/USDTUSDT_1h", "ETH/USDT:USDT", "move-period_24 1h"),
        ("%-move-period_24_ETH/USDTUSDT_1h", "BTC/USDT:USDT", "move-period_24 1h of ETH/USDT"),
        ("%-body_BTC/USDT_5m", "ETH/USDT", "body 5m of BTC/USDT"),
        ("%-funding_rank", "BTC/USDT:USDT", "funding_rank"),
    ],
)
def test_features_have_plain_names(feature, pair, name):
    assert plain_name(feature, pair) == name
