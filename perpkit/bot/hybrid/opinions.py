"""What a model says of each candle, from what FreqAI returns; without a model, nothing.

FreqAI marks what must not be used with `do_predict`, and returns 0 for all that it does not know.
Here every failure becomes "no opinion", with its reason: the rules then decide alone. A reason is
logged when it begins for a pair, and counted at each candle for the state file.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from perpkit.bot.hybrid.settings import Task
from perpkit.bot.running_bot import message_of
from perpkit.learning.averaging import cautious
from perpkit.learning.columns import (
    ACTION,
    CALIBRATION_ERROR,
    CONFIDENCE,
    FORWARD_RETURN,
    PAYS,
    SIDE,
    UNCERTAINTY,
    USABLE,
)
from perpkit.record.state_running import Model
from perpkit.signals.source import Floats

logger = logging.getLogger(__name__)

PROBABILITY = "model_probability"
ERROR = "model_error"

# FreqAI's five actions: which side each one is for; the others end or change nothing.
_WAYS = {1: 1, 3: -1}


# What a model returns is above or below 0; FreqAI returns 0 where it asked none.
_SEEN = {Task.OUTCOME: PAYS, Task.FORWARD_RETURN: FORWARD_RETURN, Task.ACTION: CONFIDENCE}


class Reason(StrEnum):
    """Why the rules decide alone."""

    MISSING = "missing"
    FAILED = "failed"
    UNTRAINED = "untrained"
    STARTING = "starting"
    EXPIRED = "expired"
    UNUSUAL = "unusual"


WORDS = {
    Reason.UNTRAINED: "it has not been trained",
    Reason.STARTING: "FreqAI uses it from the next candle",
    Reason.EXPIRED: "it is older than expiration_hours",
    Reason.UNUSUAL: "it has seen no candle like the newest",
}


class Opinions:
    """Asks the model, and remembers why it could not be asked.

    :param missing: why there is no model in this run; empty if there is one
    :param trading: whether only the newest candle counts, as in a running bot
    :param has_model: whether FreqAI has had a model for a pair in this process
    """

    def __init__(self, missing: str, *, trading: bool, has_model: Callable[[str], bool]) -> None:
        self._missing = missing
        self._trading = trading
        self._has_model = has_model
        self._begun: set[str] = set()
        self._used = 0
        self._without: Counter[Reason] = Counter()
        self._now: dict[str, Reason] = {}
        if missing:
            logger.warning(f"No model: {missing}. The rules decide alone.")

    def columns(
        self, ask: Callable[[], pd.DataFrame], pair: str, side: NDArray[np.int64], task: Task
    ) -> dict[str, NDArray[Any]]:
        """Returns `model_probability`, `model_error` and `rule_side`, one value a candle.

        :param ask: returns FreqAI's frame, of a row a candle
        :param side: that the model was asked about: 1 long, -1 short, 0 none
        """
        rows = len(side)
        nothing = {PROBABILITY: np.full(rows, np.nan), ERROR: np.full(rows, np.nan), SIDE: side}
        if self._missing:
            self._count(pair, Reason.MISSING, "")
            return nothing
        try:
            frame = ask()
            if len(frame) != rows or USABLE not in frame:
                raise ValueError(
                    f"it returned {len(frame)} rows for {rows} candles, or no {USABLE}"
                )
            use, error = _floats(frame, USABLE), _floats(frame, CALIBRATION_ERROR)
            probability = _probability(frame, task, side)
            # Without a model of agents FreqAI returns no column of theirs.
            seen = np.nan_to_num(_floats(frame, _SEEN[task])) != 0
        except Exception as failure:
            words = f"{type(failure).__name__}: {message_of(failure)}".splitlines()[0]
            self._count(pair, Reason.FAILED, words)
            return nothing
        self._note(pair, use, seen)
        usable = (use == 1) & (side != 0)
        return {
            PROBABILITY: np.where(usable, probability, np.nan),
            ERROR: np.where(usable, error, np.nan),
            SIDE: side,
        }

    def report(self) -> Model:
        """Returns the part of the state file."""
        return Model(
            used=self._used,
            without={str(reason): count for reason, count in self._without.items()},
            pairs={pair: str(reason) for pair, reason in self._now.items()},
        )

    def _note(self, pair: str, usable: Floats, seen: NDArray[np.bool_]) -> None:
        if not self._trading:
            known = int((usable == 1).sum())
            unusual = int(((usable == 0) & seen).sum())
            logger.info(
                f"{pair}: the model has an opinion of {known} candles; "
                f"{unusual} were unlike all it had seen."
            )
            return
        # With its first model for a pair FreqAI predicts all candles, and lets none be used.
        first = pair not in self._begun and self._has_model(pair)
        if first:
            self._begun.add(pair)
        match usable[-1] if len(usable) else 0:
            case 1:
                self._used += 1
                if self._now.pop(pair, None):
                    logger.info(f"{pair}: the model is used again.")
            case 2:
                self._count(pair, Reason.EXPIRED, WORDS[Reason.EXPIRED])
            case _:
                if first:
                    reason = Reason.STARTING
                else:
                    reason = Reason.UNUSUAL if len(seen) and seen[-1] else Reason.UNTRAINED
                self._count(pair, reason, WORDS[reason])

    def _count(self, pair: str, reason: Reason, words: str) -> None:
        self._without[reason] += 1
        if self._now.get(pair) is not reason and words:
            # What is unusual comes and goes, and is the model's own judgement; a start is none.
            usual = reason in (Reason.UNUSUAL, Reason.STARTING)
            level = logging.INFO if usual else logging.WARNING
            logger.log(level, f"{pair}: the model is not used, {words}. The rules decide alone.")
        self._now[pair] = reason


def _probability(frame: pd.DataFrame, task: Task, side: NDArray[np.int64]) -> Floats:
    """Returns how probable it is that an entry of `side` pays, for each kind of model."""
    if task is Task.OUTCOME:
        return cautious(_floats(frame, PAYS), _floats(frame, UNCERTAINTY))
    if task is Task.FORWARD_RETURN:
        # The return is in standard deviations.
        return np.asarray(ndtr(side * _floats(frame, FORWARD_RETURN)))
    # FreqAI returns NaN for a candle that it predicted nothing of, which is not used anyway.
    actions = np.nan_to_num(_floats(frame, ACTION))
    way = np.array([_WAYS.get(int(action), 0) for action in actions])
    # Of five actions the most probable one may have 0.3, and is still the one that is meant.
    sure = _floats(frame, CONFIDENCE)
    half = np.where(np.isnan(sure), 1.0, sure) / 2
    return np.where(way == side, 0.5 + half, 0.5 - half)


def _floats(frame: pd.DataFrame, name: str) -> Floats:
    if name not in frame:
        return np.full(len(frame), np.nan)
    return frame[name].to_numpy(dtype=np.float64)
