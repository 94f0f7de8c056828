"""FreqAI's queue of trainings in a running bot, where a failure costs no other pair its model.

FreqAI trains the first pair of its queue once that is due, and looks at no other; a pair that it
takes out of the queue never comes back; an error beside a training ends its thread.
"""

from __future__ import annotations

import logging
import shutil
from collections import deque
from collections.abc import Callable
from threading import Event
from typing import Any

import pandas as pd

from perpkit.bot.candles.candles import is_trading
from perpkit.bot.running_bot import message_of

logger = logging.getLogger(__name__)

_PAUSE_SECONDS = 10.0


class TrainingQueue:
    """Part of a FreqAI model, before FreqAI's own base class: a training that fails is tried again
    at the next candle, and the model before it goes on."""

    # Of FreqAI's base class.
    config: dict[str, Any]
    dd: Any
    train_queue: deque[str]
    _stop_event: Event

    def __init__(self, config: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(config=config, **kwargs)  # type: ignore[call-arg]
        # Pairs whose last training failed, with the reason; and those of them that have to wait.
        self._failed: dict[str, str] = {}
        self._waiting: set[str] = set()
        # What last failed in FreqAI's thread beside a training.
        self._stumbled = ""

    def start(self, dataframe: pd.DataFrame, metadata: dict[str, Any], strategy: Any) -> Any:
        """Answers the strategy, at each candle of a pair. A pair that failed is tried again, and
        one that is back on the whitelist, such as after a filter, comes back to the queue."""
        pair = metadata["pair"]
        if is_trading(self.config) and pair in strategy.dp.current_whitelist():
            if pair in self._failed:
                self._waiting.discard(pair)
                # Behind one that was trained, it would wait until that one is due again.
                self._put_first(pair)
            else:
                self._queue_again(pair)
        return super().start(dataframe, metadata, strategy)  # type: ignore[misc]

    def _queue_again(self, pair: str) -> None:
        """Puts a pair into the queue that FreqAI has taken out: by the age of its model, since all
        behind a pair that is not due wait for it. Of others than these it has no candles."""
        queued = list(self.train_queue)
        if pair not in queued and pair in self.dd.historic_data:
            self.train_queue = deque(sorted([*queued, pair], key=self._trained_at))

    def _trained_at(self, pair: str) -> int:
        known = self.dd.pair_dict.get(pair)
        return int(known["trained_timestamp"]) if known else 0

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


def words_of(error: Exception) -> str:
    """The kind and the first line of an error, without FreqAI's hints."""
    lines = message_of(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"
