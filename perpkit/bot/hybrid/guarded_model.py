"""What the package's FreqAI models have in common: a training that fails costs no run.

A model of `user_data/freqaimodels/` inherits from this class first and from one of FreqAI's base
classes second. FreqAI itself ends a backtest, or logs a traceback at every attempt, where too
little data or a bad row spoils one training of hundreds.
"""

from __future__ import annotations

import importlib.util
import logging
import re
import shutil
from collections import Counter, deque
from collections.abc import Callable
from threading import Event
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from perpkit.bot.hybrid.evidence import write_evidence
from perpkit.bot.hybrid.freqai_settings import refuse_what_leaks
from perpkit.bot.running_bot import message_of
from perpkit.learning.classifier import CalibratedClassifier, Fit, Untrained, train
from perpkit.learning.columns import CALIBRATION_ERROR

logger = logging.getLogger(__name__)

_PAUSE_SECONDS = 10.0
_NUMBER = re.compile(r"\d+")


def require(extra: str, *modules: str) -> None:
    """Checks that the modules of an extra are there.

    :raises ModuleNotFoundError: saying what to install
    """
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise ModuleNotFoundError(f"{module} is missing: pip install 'perpkit[{extra}]'")


def unavailable(extra: str, error: ModuleNotFoundError) -> type:
    """Returns a class in place of one of FreqAI's that cannot be imported without an extra.

    Freqtrade lists it among the models. To make a model of it says what to install.
    """
    from freqtrade.freqai.freqai_interface import IFreqaiModel

    class Unavailable(IFreqaiModel):
        def __new__(cls, *_: Any, **__: Any) -> Any:
            raise ModuleNotFoundError(f"{error.name} is missing: pip install 'perpkit[{extra}]'")

    return Unavailable


class GuardedModel:
    """Part of a FreqAI model, before FreqAI's own base class.

    A training that fails in a backtest leaves a window without opinions; in a running bot the model
    before it goes on until it expires, and the next attempt is at the next candle.
    """

    # What it can learn, values of "perpkit.hybrid.task"; any where a model says nothing.
    tasks: ClassVar[tuple[str, ...]]

    # Of FreqAI's base class.
    dd: Any
    freqai_info: dict[str, Any]
    ft_params: dict[str, Any]
    live: bool
    model: Any
    train_queue: deque[str]
    _stop_event: Event

    def __init__(self, config: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(config=config, **kwargs)  # type: ignore[call-arg]
        # Pairs whose last training failed, with the reason; and those of them that have to wait.
        self._failed: dict[str, str] = {}
        self._waiting: set[str] = set()
        # What last failed in FreqAI's thread beside a training.
        self._stumbled = ""
        # How often the trainings of a backtest's pair failed, by words without numbers.
        self._spoiled: Counter[str] = Counter()
        refuse_what_leaks(self.freqai_info)

    @property
    def horizon(self) -> int:
        """Candles that a label looks ahead."""
        return int(self.ft_params["label_period_candles"])

    def note_calibration(self, dk: Any, error: float) -> None:
        """Hands the calibration error of a training to the strategy, as a column."""
        before = dk.data.get("extra_returns_per_train", {})
        dk.data["extra_returns_per_train"] = {**before, CALIBRATION_ERROR: error}

    def fit_calibrated(self, data: dict[str, Any], dk: Any, fit: Fit) -> CalibratedClassifier:
        """Fits and calibrates on a window as FreqAI cuts it, and notes the calibration error."""
        model = train(
            data["train_features"].to_numpy(),
            data["train_labels"].to_numpy()[:, 0],
            data["train_weights"],
            data["test_features"].to_numpy(),
            data["test_labels"].to_numpy()[:, 0],
            self.horizon,
            fit,
        )
        self.note_calibration(dk, model.error)
        return model

    def train(self, unfiltered_df: pd.DataFrame, pair: str, dk: Any, **kwargs: Any) -> Any:
        try:
            return super().train(unfiltered_df, pair, dk, **kwargs)  # type: ignore[misc]
        except Exception as error:
            if self.live:
                raise
            until = f"{unfiltered_df['date'].iloc[-1]:%Y-%m-%d}" if len(unfiltered_df) else "?"
            reason = words_of(error)
            words = f"{pair}: no model from the training until {until}: {reason}"
            self.warn_of_training("no model", reason, words)
            self.note_calibration(dk, 1.0)
            # FreqAI stores them beside the model.
            dk.data_dictionary.setdefault("train_features", pd.DataFrame())
            dk.data_dictionary.setdefault("train_dates", pd.DataFrame())
            return Untrained(reason)

    def warn_of_training(self, outcome: str, reason: str, words: str) -> None:
        """Warns that a training failed; where those of a backtest fail alike, of the first one.

        :param outcome, reason: which ones are alike; numbers in the reason do not count
        :param words: of the warning
        """
        kind = f"{outcome}: {_NUMBER.sub('N', reason)}"
        self._spoiled[kind] += 1
        if self.live or self._spoiled[kind] == 1:
            logger.warning(words)

    def start(self, dataframe: pd.DataFrame, metadata: dict[str, Any], strategy: Any) -> Any:
        """Answers the strategy, at each candle of a pair; a pair that failed is tried again."""
        pair = metadata["pair"]
        self._spoiled.clear()
        if pair in self._failed:
            self._waiting.discard(pair)
            # FreqAI trains the first of its queue once that is due, and looks at no other: behind
            # one that was trained, this pair would wait until that one is due again.
            self._put_first(pair)
        answer = super().start(dataframe, metadata, strategy)  # type: ignore[misc]
        for kind, times in [] if self.live else self._spoiled.items():
            if times > 1:
                logger.info(f"{pair}: {times - 1} more of its trainings went the same way: {kind}")
        return answer

    def start_live(
        self, dataframe: pd.DataFrame, metadata: dict[str, Any], strategy: Any, dk: Any
    ) -> Any:
        """Answers in a running bot. FreqAI goes through the candles of all pairs for each of them:
        those of one pair that cannot be continued would take the model from every pair."""
        start_live = super().start_live  # type: ignore[misc]
        try:
            return start_live(dataframe, metadata, strategy, dk)
        except Exception:
            if not self._replaced(strategy, dk.all_pairs):
                raise
        return start_live(dataframe, metadata, strategy, dk)

    def _replaced(self, strategy: Any, pairs: list[str]) -> bool:
        """Takes the bot's own candles for stored ones that are missing or end before these begin,
        as after a failed download; returns whether there were any."""
        found = False
        with self.dd.history_lock:
            for pair in pairs:
                for timeframe, stored in self.dd.historic_data.get(pair, {}).items():
                    recent = strategy.dp.get_pair_dataframe(pair, timeframe)
                    if recent.empty or not (
                        stored.empty or stored["date"].iloc[-1] < recent["date"].iloc[0]
                    ):
                        continue
                    self.dd.historic_data[pair][timeframe] = recent
                    found = True
                    logger.warning(
                        f"{pair}: its stored candles of {timeframe} are missing or too old: until "
                        f"a restart, which loads them, the model learns from the last {len(recent)}"
                    )
        return found

    def _put_first(self, pair: str) -> None:
        # The queue is replaced, as FreqAI's thread must never find it empty.
        others = [each for each in list(self.train_queue) if each != pair]
        self.train_queue = deque([pair, *others])

    def _start_scanning(self, strategy: Any) -> None:
        """FreqAI's thread of trainings, which would end, and train no pair again, where something
        beside a training fails: with a full disk, to write the predictions down."""
        while not self._stop_event.is_set():
            try:
                super()._start_scanning(strategy)  # type: ignore[misc]
            except Exception as error:
                reason = words_of(error)
                if self._stumbled != reason:
                    self._stumbled = reason
                    logger.warning(f"FreqAI's thread of trainings goes on after {reason}")
                self._stop_event.wait(_PAUSE_SECONDS)

    def extract_data_and_train_model(
        self,
        new_trained_timerange: Any,
        pair: str,
        strategy: Any,
        dk: Any,
        data_load_timerange: Any,
    ) -> None:
        """Trains the model of a pair in a running bot, in FreqAI's thread."""
        extract_and_train = super().extract_data_and_train_model  # type: ignore[misc]
        try:
            if pair in self._waiting:
                self._stop_event.wait(_PAUSE_SECONDS)  # FreqAI would ask, and log, each second
            if pair not in self._waiting:
                self._try_once(
                    lambda: extract_and_train(
                        new_trained_timerange, pair, strategy, dk, data_load_timerange
                    ),
                    pair,
                    dk,
                )
        finally:
            # FreqAI now puts the first pair of its queue last: `start` may have put another first.
            self._put_first(pair)

    def _try_once(self, training: Callable[[], None], pair: str, dk: Any) -> None:
        known = self.dd.pair_dict[pair]
        before = dict(known)
        try:
            training()
        except Exception as error:
            reason = words_of(error)
            if known["model_filename"] != before["model_filename"]:
                # It is saved and in use; what FreqAI does after that has failed.
                self._trained(pair)
                logger.warning(f"{pair}: after the training: {reason}")
                return
            # FreqAI writes down the time before it saves: the model before it would count as new.
            known.update(before)
            if str(dk.data_path) != before["data_path"]:
                shutil.rmtree(dk.data_path, ignore_errors=True)
            self._waiting.add(pair)
            if self._failed.get(pair) != reason:
                self._failed[pair] = reason
                logger.warning(f"{pair}: the training failed: {reason}")
        else:
            self._trained(pair)

    def _trained(self, pair: str) -> None:
        self._failed.pop(pair, None)
        self._waiting.discard(pair)
        self._stumbled = ""

    def predict(
        self, unfiltered_df: pd.DataFrame, dk: Any, **kwargs: Any
    ) -> tuple[pd.DataFrame, np.ndarray]:
        if isinstance(self.model, Untrained):
            return self._nothing(dk, len(unfiltered_df))
        predictions, usable = super().predict(  # type: ignore[misc]
            unfiltered_df, dk, **kwargs
        )
        # FreqAI predicts from 0 where a feature is unknown, and forgets that it did.
        unknown = np.asarray(dk.data["filter_drop_index_prediction"], dtype=bool)
        usable = np.where(unknown, 0, usable)
        # Models that read several candles lack some before the first rows. A running bot, which
        # uses the last row only, hands over as many as are read.
        usable[: self.freqai_info.get("conv_width", 1) - 1] = 0
        dk.do_predict = usable
        if not self.live:
            write_evidence(self.model, unfiltered_df, predictions, usable, dk)
        return predictions, dk.do_predict

    def _nothing(self, dk: Any, rows: int) -> tuple[pd.DataFrame, np.ndarray]:
        columns = [*dk.label_list, *self.model.classes_]
        dk.DI_values, dk.do_predict = np.zeros(rows), np.zeros(rows, dtype=np.int_)
        return pd.DataFrame(0.0, index=range(rows), columns=columns), dk.do_predict


def words_of(error: Exception) -> str:
    """The kind and the first line of an error, without FreqAI's hints."""
    lines = message_of(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"
