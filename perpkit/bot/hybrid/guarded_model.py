"""What the package's FreqAI models have in common: a training that fails costs no run.

A model of `user_data/freqaimodels/` inherits from this class first and from one of FreqAI's base
classes second. FreqAI itself ends a backtest, or logs a traceback at every attempt, where too
little data or a bad row spoils one training of hundreds.
"""

from __future__ import annotations

import importlib.util
import logging
from math import inf
from threading import Event
from time import monotonic
from typing import Any

import numpy as np
import pandas as pd
from freqtrade.exceptions import ConfigurationError
from freqtrade.exchange import timeframe_to_seconds

from perpkit.bot.hybrid.evidence import write_evidence
from perpkit.bot.running_bot import message_of
from perpkit.learning.classifier import Untrained
from perpkit.learning.columns import CALIBRATION_ERROR

logger = logging.getLogger(__name__)

_PAUSE_SECONDS = 10.0


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
    before it goes on until it expires, and the next attempt is a candle later.
    """

    # Of FreqAI's base class.
    config: dict[str, Any]
    freqai_info: dict[str, Any]
    ft_params: dict[str, Any]
    live: bool
    model: Any
    _stop_event: Event

    def __init__(self, config: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(config=config, **kwargs)  # type: ignore[call-arg]
        self._failed_at: dict[str, float] = {}
        self._said: dict[str, str] = {}
        _refuse_what_leaks(self.freqai_info)

    @property
    def horizon(self) -> int:
        """Candles that a label looks ahead."""
        return int(self.ft_params["label_period_candles"])

    def note_calibration(self, dk: Any, error: float) -> None:
        """Hands the calibration error of a training to the strategy, as a column."""
        before = dk.data.get("extra_returns_per_train", {})
        dk.data["extra_returns_per_train"] = {**before, CALIBRATION_ERROR: error}

    def train(self, unfiltered_df: pd.DataFrame, pair: str, dk: Any, **kwargs: Any) -> Any:
        try:
            return super().train(unfiltered_df, pair, dk, **kwargs)  # type: ignore[misc]
        except Exception as error:
            if self.live:
                raise
            until = f"{unfiltered_df['date'].iloc[-1]:%Y-%m-%d}" if len(unfiltered_df) else "?"
            reason = _words(error)
            logger.warning(f"{pair}: no model from the training until {until}: {reason}")
            self.note_calibration(dk, 1.0)
            # FreqAI stores them beside the model.
            dk.data_dictionary.setdefault("train_features", pd.DataFrame())
            dk.data_dictionary.setdefault("train_dates", pd.DataFrame())
            return Untrained(reason)

    def extract_data_and_train_model(
        self, new_trained_timerange: Any, pair: str, *args: Any, **kwargs: Any
    ) -> None:
        """Trains the model of a pair in a running bot, in FreqAI's thread."""
        candle = timeframe_to_seconds(self.config["timeframe"])
        left = self._failed_at.get(pair, -inf) + candle - monotonic()
        if left > 0:
            self._stop_event.wait(
                min(left, _PAUSE_SECONDS)
            )  # FreqAI would ask, and log, each second
            return
        try:
            super().extract_data_and_train_model(  # type: ignore[misc]
                new_trained_timerange, pair, *args, **kwargs
            )
        except Exception as error:
            self._failed_at[pair] = monotonic()
            if self._said.get(pair) != (reason := _words(error)):
                self._said[pair] = reason
                logger.warning(f"{pair}: the training failed: {reason}")
        else:
            self._failed_at.pop(pair, None)
            self._said.pop(pair, None)

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


def _words(error: Exception) -> str:
    """The kind and the first line of an error, without FreqAI's hints."""
    lines = message_of(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"


def _refuse_what_leaks(freqai: dict[str, Any]) -> None:
    """Refuses settings of FreqAI that put later rows before earlier ones.

    :raises ConfigurationError: naming the setting
    """
    features, split = freqai["feature_parameters"], freqai.get("data_split_parameters", {})
    for where, given, name in (
        ("feature_parameters", features, "shuffle_after_split"),
        ("feature_parameters", features, "reverse_train_test_order"),
        ("data_split_parameters", split, "shuffle"),
    ):
        if given.get(name):
            raise ConfigurationError(
                f'"freqai.{where}.{name}" must be false, got {given[name]!r}: a calibration would '
                "be measured on rows that the model knows"
            )
    if not split.get("test_size", 0.1):
        raise ConfigurationError(
            f'"freqai.data_split_parameters.test_size" must be above 0, got '
            f"{split['test_size']!r}: the calibration is measured on that share of the window"
        )
