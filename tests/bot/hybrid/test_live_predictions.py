"""The models in FreqAI's own way of a running bot: a whole frame once, then candle by candle."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from perpkit.learning.columns import ACTION, CONFIDENCE, LOSES, OUTCOME, PAID, PAYS, UNCERTAINTY
from tests import factories
from tests.bot.hybrid.trained import BTC, SMALL, freqai, missing, need_freqai

need_freqai()

ROWS, LENGTH = 900, 6
OWN = {"Ensemble": [PAYS, UNCERTAINTY], "PpoAgents": [CONFIDENCE, UNCERTAINTY]}


@pytest.fixture
def frame() -> pd.DataFrame:
    """Candles with two features, and an outcome that the first one tells."""
    rng = np.random.default_rng(5)
    candles = factories.candles(ROWS, seed=5)
    first, second = rng.normal(size=(2, ROWS))
    outcome = np.where(first + rng.normal(size=ROWS) > 0, PAYS, LOSES)
    paid = np.cumsum(np.full(ROWS, 1e-5))
    return candles.assign(
        **{"%-first": first, "%-second": second, OUTCOME: outcome, ACTION: 0.0, PAID: paid}
    )


@pytest.fixture(
    params=[
        "LightGbmTripleBarrier",
        "Ensemble",
        pytest.param("LstmTripleBarrier", marks=missing("torch")),
        pytest.param("PpoAgents", marks=missing("stable_baselines3")),
    ]
)
def name(request) -> str:
    return request.param


@pytest.fixture
def live(default_futures_config, frame, name):
    """A model that was trained, and its data kitchen, as in a running bot."""
    from freqtrade.freqai.data_kitchen import FreqaiDataKitchen
    from freqtrade.resolvers.freqaimodel_resolver import FreqaiModelResolver

    config = {
        **default_futures_config,
        "freqaimodel": name,
        "freqai": {**freqai(conv_width=LENGTH), **SMALL[name]},
    }
    config["freqai"]["data_split_parameters"]["shuffle"] = False
    config["freqai"]["feature_parameters"] |= {
        "shuffle_after_split": False,
        "buffer_train_data_candles": 0,
    }
    model = FreqaiModelResolver.load_freqaimodel(config)
    model.live = True
    dk = FreqaiDataKitchen(config, True, BTC)
    model.dk = dk
    dk.set_paths(BTC, 1)
    target = ACTION if name == "PpoAgents" else OUTCOME
    known = frame.drop(columns=OUTCOME if target == ACTION else ACTION)
    dk.get_unique_classes_from_labels(known)
    dk.find_features(known)
    dk.find_labels(known)
    model.tb_logger = None
    model.model = model.train(known.iloc[:-10], BTC, dk)
    return model, dk, known


def asked(model, dk, known, until: int) -> pd.DataFrame:
    """What FreqAI returns to the strategy at the close of a candle."""
    part = known.iloc[until - 300 : until].reset_index(drop=True)
    model.build_strategy_return_arrays(part, dk, BTC, int(pd.Timestamp.now("UTC").timestamp()))
    return dk.return_dataframe


def test_a_prediction_of_the_newest_candle_is_that_of_the_whole_frame(live, name):
    model, dk, known = live
    asked(model, dk, known, ROWS - 3)
    found = [asked(model, dk, known, until) for until in range(ROWS - 2, ROWS + 1)][-1]
    columns = OWN.get(name, [PAYS])
    whole, usable = model.predict(known.iloc[-300:], dk)
    for column in columns:
        newest = found[column].iloc[-3:].astype(float)  # of 2026.6, objects
        np.testing.assert_allclose(newest, whole[column].iloc[-3:], atol=1e-6)
    assert (found["do_predict"].iloc[-3:] == 1).all()
    assert usable[-1] == 1
