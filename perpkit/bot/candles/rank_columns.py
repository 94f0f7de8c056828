"""Columns that compare a pair with all others at the same closed candle."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd
from freqtrade.enums import CandleType
from freqtrade.exceptions import ExchangeError
from freqtrade.exchange import timeframe_to_seconds
from numpy.typing import NDArray

from perpkit.bot.candles.candles import CandleFeed
from perpkit.durations import DAY
from perpkit.market.asof import among, closes_of
from perpkit.market.funding import DEFAULT_RULE
from perpkit.market.times import dates_at
from perpkit.signals.cross_rank import COLUMNS, ranks, strength
from perpkit.signals.momentum import HORIZONS

logger = logging.getLogger(__name__)
Floats = NDArray[np.float64]
CARRY = "funding_mean_8h"
NOTHING = pd.DataFrame({"date": dates_at([]), "close": []})


@dataclass(frozen=True)
class _Scores:
    """Of one pair: what its ranks are made of, one value for each of its candles.

    :param candles, rates: the frames that they were made of
    :param closes: when each candle closes, in nanoseconds since 1970
    :param by: `COLUMNS`, of which the ranks have the names
    """

    candles: pd.DataFrame
    rates: pd.DataFrame
    closes: NDArray[np.int64]
    by: dict[str, Floats]


class RankColumns:
    """Ranks every pair of a universe, made again when one of them has new candles.

    A rank counts the pairs whose candle of the same time is known; a pair that lacks it is left out
    of that row. Missing candles are logged once, too few pairs each time that begins.

    :param timeframe: of the candles; every pair must be kept current on it in a running bot
    :param least: the pairs that must be known for a rank
    """

    def __init__(self, feed: CandleFeed, timeframe: str, least: int) -> None:
        self._feed = feed
        self._timeframe = timeframe
        self._step = timedelta(seconds=timeframe_to_seconds(timeframe))
        self._least = least
        # Both have one entry for each pair of the universe.
        self._scores: dict[str, _Scores] = {}
        self._ranked: tuple[list[_Scores], NDArray[np.int64], dict[str, Floats]] | None = None
        self._said: set[str] = set()
        self._few = False

    def columns(self, candles: pd.DataFrame, pair: str, pairs: Sequence[str]) -> dict[str, Floats]:
        """Returns `strength_rank` and `carry_rank` of the pair, one value for every candle.

        :param pairs: the universe, in which the pair need not be
        """
        universe = list(dict.fromkeys((*pairs, pair)))
        if len(universe) < self._least:
            if not self._few:
                self._few = True
                logger.warning(
                    f"Ranks need {self._least} pairs, and there are {len(universe)}: until there "
                    "are enough, nothing is entered and no open trade is left by its rank. Stops "
                    "act."
                )
            return {name: np.full(len(candles), np.nan) for name in COLUMNS}
        if pair in pairs:  # one that only has an open trade completes its own universe alone
            self._few = False
        times, ranked = self._all_ranks(universe)
        closes, column = closes_of(candles, pd.Timedelta(self._step)), universe.index(pair)
        row = np.searchsorted(times, closes)
        found = {}
        for name, values in ranked.items():
            # The last row stands for times of which nothing is known.
            padded = np.append(values[:, column], np.nan)
            found[name] = np.where(among(closes, times), padded[row], np.nan)
        return found

    def _all_ranks(self, universe: Sequence[str]) -> tuple[NDArray[np.int64], dict[str, Floats]]:
        scores = [self._of(pair) for pair in universe]
        held = self._ranked
        if held is not None and [*map(id, held[0])] == [*map(id, scores)]:
            return held[1], held[2]
        times = np.unique(np.concatenate([each.closes for each in scores]))
        ranked = {}
        for name in COLUMNS:
            values = np.full((len(times), len(scores)), np.nan)
            for column, each in enumerate(scores):
                values[np.searchsorted(times, each.closes), column] = each.by[name]
            ranked[name] = ranks(values, self._least)
        self._ranked = scores, times, ranked
        return times, ranked

    def _of(self, pair: str) -> _Scores:
        candles = self._history(pair, self._timeframe, CandleType.FUTURES, max(HORIZONS) + DAY)
        rates = self._history(pair, "1h", CandleType.FUNDING_RATE, DEFAULT_RULE.window + DAY)
        held = self._scores.get(pair)
        if held is None or held.candles is not candles or held.rates is not rates:
            held = self._scores[pair] = self._scored(pair, candles, rates)
        return held

    def _scored(self, pair: str, candles: pd.DataFrame, rates: pd.DataFrame) -> _Scores:
        closes = closes_of(candles, pd.Timedelta(self._step))
        # A long pays a positive rate.
        carry = np.full(len(candles), np.nan)
        if not rates.empty:
            carry = -self._feed.funding.readings(pair, rates).at(closes)[CARRY]
        strong = strength(candles["close"].to_numpy(dtype=float), self._step)
        return _Scores(candles, rates, closes, dict(zip(COLUMNS, (strong, carry), strict=True)))

    def _history(
        self, pair: str, timeframe: str, kind: CandleType, warm_up: timedelta
    ) -> pd.DataFrame:
        """Returns closed candles; empty if they cannot be fetched, for the pair is then unknown."""
        try:
            found = self._feed.history(pair, timeframe, kind, warm_up)
        except ExchangeError as error:
            self._say(f"{timeframe} {kind} of {pair} could not be fetched for its rank: {error}")
            return NOTHING
        if found.empty and kind is CandleType.FUTURES:
            self._say(f"No {timeframe} candles of {pair}: it is not ranked.")
        # The same object each time, for what is made of it is held.
        return NOTHING if found.empty else found

    def _say(self, message: str) -> None:
        if message not in self._said:
            self._said.add(message)
            logger.warning(message)
