"""Trainings of a running bot that fail, in FreqAI's own queue and with its own saving: said once,
tried again at the next candle, and the model before them stays what it was."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from threading import Event, Lock
from types import SimpleNamespace

import pandas as pd
import pytest
import time_machine
from freqtrade.enums import RunMode
from freqtrade.strategy import IStrategy

from perpkit.bot.hybrid import training_queue
from perpkit.bot.hybrid.guarded_model import GuardedModel
from tests import factories
from tests.bot.hybrid.trained import freqai, need_freqai

need_freqai()

from freqtrade.freqai.data_kitchen import FreqaiDataKitchen  # noqa: E402
from freqtrade.freqai.freqai_interface import IFreqaiModel  # noqa: E402

A, B, C = PAIRS = [f"{base}/USDT:USDT" for base in ("ADA", "BTC", "XRP")]
START = datetime(2023, 3, 1, 0, 0, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Trainer(IFreqaiModel):
    """FreqAI, where a training is what the test says."""

    def __init__(self, config):
        super().__init__(config=config)
        self.live, self.attempts, self.failing, self.seconds = True, [], {}, {}

    def start(self, dataframe, metadata, strategy): ...  # what it answers the strategy

    def train(self, unfiltered_df, pair, dk, **kwargs):
        now = datetime.now(UTC)
        self.attempts.append((pair, (now - START) // HOUR))
        self._stop_event.wait(self.seconds.get(pair, 0))
        failing = self.failing.get(pair)
        if isinstance(failing, Exception):
            raise failing
        dk.data_dictionary = dict.fromkeys(("train_features", "train_dates"), pd.DataFrame())
        return failing or f"model of {pair}"

    def fit(self, data_dictionary, dk, **kwargs): ...

    def predict(self, unfiltered_df, dk, **kwargs): ...


class Model(GuardedModel, Trainer): ...


class Plain(IStrategy):
    timeframe = "1h"
    stoploss = -0.1
    minimal_roi = {}

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    populate_entry_trend = populate_exit_trend = populate_indicators

    def feature_engineering_standard(self, dataframe, metadata, **kwargs):
        return dataframe.assign(**{"%-close": dataframe["close"]})

    def set_freqai_targets(self, dataframe, metadata, **kwargs):
        return dataframe.assign(**{"&-target": 0.0})


class Clockwork(Event):
    """To wait for it moves the clock, and ends the run."""

    def __init__(self, clock, hours, at_candle):
        super().__init__()
        self.clock, self.hours, self.at_candle, self.candle = clock, hours, at_candle, 0

    def wait(self, timeout=None):
        self.clock.shift(timeout or 0)
        passed = (datetime.now(UTC) - START) // HOUR
        while self.candle < min(passed, self.hours - 1):
            self.candle += 1
            self.at_candle(self.candle)
        if passed >= self.hours:
            self.set()
        return self.is_set()


@pytest.fixture
def bot(default_futures_config, monkeypatch):
    config = {
        **default_futures_config,
        "runmode": RunMode.DRY_RUN,
        "timeframe": "1h",
        "exchange": {**default_futures_config["exchange"], "pair_whitelist": PAIRS},
        "freqai": freqai(live_retrain_hours=24, purge_old_models=2),
    }
    config["freqai"]["feature_parameters"] |= {
        "buffer_train_data_candles": 0,
        "include_shifted_candles": 0,
    }
    strategy = Plain(config)
    strategy.dp = SimpleNamespace(current_whitelist=lambda: PAIRS)
    frame = factories.candles(24 * 60)
    with time_machine.travel(START, tick=False) as clock:
        model = Model(config=config)
        model.dd.historic_data = {pair: {"1h": frame} for pair in PAIRS}

        def run(hours, between=lambda _: None):
            """FreqAI's thread for some hours; the strategy asks of each pair at each candle."""

            def at_candle(candle):
                between(candle)
                for pair in PAIRS:
                    model.start(None, {"pair": pair}, strategy)

            model._stop_event = Clockwork(clock, hours, at_candle)
            monkeypatch.setattr("time.sleep", lambda _: model._stop_event.wait(60))
            model._start_scanning(strategy)
            hours_of = {pair: [] for pair in PAIRS}
            for pair, hour in model.attempts:
                hours_of[pair].append(hour)
            return hours_of

        yield SimpleNamespace(model=model, run=run, strategy=strategy, frame=frame)


def known(model, pair):
    """What FreqAI writes down of a pair's model."""
    return dict(model.dd.pair_dict[pair])


def test_a_failed_pair_is_tried_at_each_candle_and_blocks_no_other(bot, caplog):
    bot.model.failing[A] = ValueError("no rows\nsee the documentation")

    def mended(candle):
        if candle == 5:
            bot.model.failing.clear()

    tried = bot.run(26, mended)
    assert tried == {A: [0, 1, 2, 3, 4, 5], B: [0, 24], C: [0, 24]}
    said = [line for line in caplog.messages if "training failed" in line]
    assert said == [f"{A}: the training failed: ValueError: no rows"]


def test_pairs_that_fail_together_are_all_tried(bot, caplog):
    bot.model.failing = {pair: ValueError("no rows") for pair in (A, C)}
    assert bot.run(3) == {A: [0, 1, 2], B: [0], C: [0, 1, 2]}
    assert sum("training failed" in line for line in caplog.messages) == 2


@pytest.mark.parametrize("failed", [[A], [A, C]])
def test_a_candle_that_closes_within_a_training_holds_up_no_pair(bot, failed):
    """Pairs that failed come first then, while FreqAI trains another one."""
    bot.model.failing = {pair: ValueError("no rows") for pair in failed}
    bot.model.seconds[B] = 3600
    tried = bot.run(4)
    assert tried[A] == [0, 1, 2, 3]
    assert tried[B] == [0]
    assert tried[C] == ([1, 2, 3] if C in failed else [1])


def test_a_candle_that_closes_within_a_pause_holds_up_no_pair(bot, monkeypatch):
    monkeypatch.setattr(training_queue, "_PAUSE_SECONDS", 3600)
    bot.model.failing = {pair: ValueError("no rows") for pair in (A, C)}
    assert bot.run(4) == {A: [0, 1, 2, 3], B: [0], C: [0, 1, 2, 3]}


@pytest.mark.parametrize(
    ("away", "back", "trained"),
    [
        (0, 3, {A: [0], B: [0], C: [3]}),  # it never had a model
        (20, 30, {A: [0, 24], B: [0, 24], C: [0, 30]}),  # its model is older than the others'
        (1, 30, {A: [0, 24], B: [0, 24], C: [0, 30]}),
        (0, 99, {A: [0, 24], B: [0, 24], C: []}),
    ],
)
def test_a_pair_that_a_filter_lets_through_again_is_trained(bot, caplog, away, back, trained):
    """FreqAI takes a pair out of its queue that it finds outside of the whitelist."""
    hour = 0

    def passed(candle):
        nonlocal hour
        hour = candle

    bot.strategy.dp.current_whitelist = lambda: PAIRS[: 2 if away <= hour < back else 3]
    tried = bot.run(max(trained[A][-1], *trained[C], 0) + 2, passed)
    assert tried == trained
    # A pair that is held goes on to be asked about, outside of the whitelist.
    removed = [line for line in caplog.messages if "removing from train queue" in line]
    assert len(removed) == 1


def test_a_failed_pair_outside_of_the_whitelist_is_left_alone(bot, caplog):
    bot.model.failing[A] = ValueError("no rows")
    hour = 0

    def passed(candle):
        nonlocal hour
        hour = candle

    bot.strategy.dp.current_whitelist = lambda: PAIRS[1:] if hour in (2, 3) else PAIRS
    assert bot.run(6, passed)[A] == [0, 1, 4, 5]
    assert sum("removing from train queue" in line for line in caplog.messages) <= 1


def test_a_pair_of_which_freqai_has_no_candles_is_not_queued(bot):
    bot.strategy.dp.current_whitelist = lambda: [*PAIRS, "SOL/USDT:USDT"]
    bot.model.start(None, {"pair": "SOL/USDT:USDT"}, bot.strategy)
    assert sorted(bot.model.train_queue) == PAIRS


def test_a_model_that_cannot_be_saved_leaves_the_one_before_it(bot):
    """With its age, by which it expires and is trained again, and no half of a model beside it."""
    model = bot.model
    bot.run(1)
    before, folders = known(model, A), set(model.full_path.glob("sub-train-*"))
    assert before["trained_timestamp"] >= START.timestamp()
    model.attempts.clear()
    model.failing[A] = Lock()  # which cannot be pickled
    tried = bot.run(27)
    assert tried[A] == [24, 25, 26]
    assert known(model, A) == before
    assert model.dd.model_dictionary[A] == f"model of {A}"
    kept = set(model.full_path.glob("sub-train-ADA*"))
    assert kept == {path for path in folders if "ADA" in path.name}
    model.failing.clear()
    model.attempts.clear()
    bot.run(28)
    assert known(model, A)["trained_timestamp"] > before["trained_timestamp"]


def test_a_failure_after_a_model_was_saved_is_no_failed_training(bot, caplog, monkeypatch):
    """Such as a plot, or the removal of older ones."""

    def full():
        raise OSError("disk full")

    monkeypatch.setattr(bot.model.dd, "purge_old_models", full)
    assert bot.run(3) == {A: [0], B: [0], C: [0]}
    assert f"{A}: after the training: OSError: disk full" in caplog.messages
    read = json.loads(bot.model.dd.pair_dictionary_path.read_text())
    assert read[A] == known(bot.model, A)


def test_a_full_disk_does_not_end_freqais_thread(bot, caplog, monkeypatch):
    """FreqAI writes predictions down after each training, where no error of it is caught."""
    save, full = bot.model.dd.save_historic_predictions_to_disk, {"until": 2}

    def to_disk():
        if (datetime.now(UTC) - START) // HOUR < full["until"]:
            raise OSError("no space left")
        save()

    monkeypatch.setattr(bot.model.dd, "save_historic_predictions_to_disk", to_disk)
    bot.model.failing = dict.fromkeys(PAIRS, OSError("no space left"))

    def freed(candle):
        if candle == full["until"]:
            bot.model.failing.clear()

    assert bot.run(4, freed) == {pair: [0, 1, 2] for pair in PAIRS}
    said = [line for line in caplog.messages if "thread of trainings" in line]
    assert said == ["FreqAI's thread of trainings goes on after OSError: no space left"]
    assert bot.model.dd.historic_predictions_path.is_file()


@pytest.fixture
def asked(bot):
    """FreqAI's answer of a pair, from the bot's own candles, without its thread."""
    bot.model.scanning = True
    recent = bot.frame.iloc[-300:].reset_index(drop=True)
    bot.strategy.dp.get_pair_dataframe = lambda *_: recent

    def ask(pair, columns=recent.columns):
        bot.model.dd.set_pair_dict_info({"pair": pair})
        dk = FreqaiDataKitchen(bot.model.config, True, pair)
        return bot.model.start_live(recent[columns], {"pair": pair}, bot.strategy, dk)

    return ask


@pytest.mark.parametrize("left", [0, 100])
def test_a_pair_without_its_candles_takes_the_model_from_no_other(bot, asked, caplog, left):
    """After a download that failed, and left nothing or an old file."""
    history = bot.model.dd.historic_data = {
        pair: {"1h": bot.frame[: left if pair == C else -1]} for pair in PAIRS
    }
    for pair in (A, B, A):
        assert len(asked(pair).return_dataframe) == 300
    assert {pair: len(history[pair]["1h"]) for pair in PAIRS} == {A: 1440, B: 1440, C: 300}
    [said] = [line for line in caplog.messages if "stored candles" in line]
    assert said.startswith(f"{C}: its stored candles of 1h are missing or too old")


def test_what_fails_for_another_reason_goes_on_failing(bot, asked):
    assert len(asked(A).return_dataframe) == 300
    with pytest.raises(KeyError, match="date"):
        asked(A, ["close"])
