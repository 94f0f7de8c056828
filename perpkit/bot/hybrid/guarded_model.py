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
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from perpkit.bot.hybrid.evidence import write_evidence
from perpkit.bot.hybrid.freqai_settings import refuse_what_leaks
from perpkit.bot.hybrid.training_queue import TrainingQueue, words_of
from perpkit.learning.classifier import CalibratedClassifier, Fit, Untrained, train
from perpkit.learning.columns import CALIBRATION_ERROR

logger = logging.getLogger(__name__)

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


class GuardedModel(TrainingQueue):
    """Part of a FreqAI model, before FreqAI's own base class.

    A training that fails in a backtest leaves a window without opinions, and is tried again in the
    next run; in a running bot the model before it goes on until it expires, and the next attempt is
    at the next candle.
    """

    # What it can learn, values of "perpkit.hybrid.task"; any where a model says nothing.
    tasks: ClassVar[tuple[str, ...]]

    # Of FreqAI's base class.
    freqai_info: dict[str, Any]
    ft_params: dict[str, Any]
    live: bool
    model: Any

    def __init__(self, config: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(config=config, **kwargs)
        # How often the trainings of a backtest's pair failed, by words without numbers.
        self._spoiled: Counter[str] = Counter()
        # Of the last one: its pair, what was known of that before, its prediction and its folder.
        self._void: tuple[str, dict[str, Any], Path, Path] | None = None
        refuse_what_leaks(config)

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
        self._remove_void()
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
            known = dict(self.dd.pair_dict[pair])
            self._void = pair, known, dk.backtesting_results_path, dk.data_path
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
        pair = metadata["pair"]
        self._spoiled.clear()
        try:
            answer = super().start(dataframe, metadata, strategy)
        finally:
            self._remove_void()
        for kind, times in [] if self.live else self._spoiled.items():
            if times > 1:
                logger.info(f"{pair}: {times - 1} more of its trainings went the same way: {kind}")
        return answer

    def model_exists(self, dk: Any) -> bool:
        # In a backtest FreqAI would read the model of an older run together with the pipelines and
        # the calibration error of the pair's last training, even of one that failed.
        if not self.live:
            self.dd.meta_data_dictionary.pop(dk.pair, None)
        return super().model_exists(dk)  # type: ignore[misc]

    def _remove_void(self) -> None:
        """Removes what FreqAI has kept of a training of a backtest that failed: it would take that
        for the prediction of the window in every later run, and train no model for it again."""
        if self._void is None:
            return
        pair, before, prediction, folder = self._void
        saved = self.dd.pair_dict[pair]["data_path"] == str(folder)
        self.dd.pair_dict[pair] = before
        if saved:
            self.dd.save_drawer_to_disk()
        prediction.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        self._void = None

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
