"""The guard around a training of a running bot: said once, tried again later, and the old model
stays."""

from __future__ import annotations

from threading import Event

import pytest

from perpkit.bot.hybrid.guarded_model import GuardedModel, require
from tests.bot.hybrid.trained import BTC, freqai


class Trainer:
    """In the place of FreqAI's base class."""

    def __init__(self, config):
        self.config, self.freqai_info = config, config["freqai"]
        self.ft_params = self.freqai_info["feature_parameters"]
        self.live, self.fails, self.trained = True, None, []
        self._stop_event = Event()
        self._stop_event.set()  # nothing waits

    def extract_data_and_train_model(self, timerange, pair, *rest):
        if self.fails is not None:
            raise self.fails
        self.trained.append(pair)


class Model(GuardedModel, Trainer): ...


@pytest.fixture
def model(monkeypatch):
    made = Model({"timeframe": "1h", "freqai": freqai()})
    made.now = 0.0
    monkeypatch.setattr("perpkit.bot.hybrid.guarded_model.monotonic", lambda: made.now)
    return made


def test_a_training_that_fails_is_said_once_and_tried_a_candle_later(model, caplog):
    model.fails = ValueError("no rows\nsee the documentation")
    for model.now in (0.0, 1.0, 3_599.0, 3_600.0, 7_200.0):
        model.extract_data_and_train_model(None, BTC)
    assert caplog.messages == [f"{BTC}: the training failed: ValueError: no rows"]
    model.fails = None
    model.now += 10
    model.extract_data_and_train_model(None, BTC)
    assert model.trained == []  # too early
    model.now += 3_600
    model.extract_data_and_train_model(None, BTC)
    assert model.trained == [BTC]
    model.fails = ValueError("no rows")
    model.extract_data_and_train_model(None, BTC)
    assert len(caplog.messages) == 2


def test_another_pair_is_trained_meanwhile(model):
    model.fails = ValueError("no")
    model.extract_data_and_train_model(None, BTC)
    model.fails = None
    model.extract_data_and_train_model(None, "ETH/USDT:USDT")
    assert model.trained == ["ETH/USDT:USDT"]


def test_an_extra_that_is_missing_says_what_to_install():
    require("ai", "json")
    with pytest.raises(
        ModuleNotFoundError, match=r"no_such is missing: pip install 'perpkit\[ai\]'"
    ):
        require("ai", "json", "no_such")
