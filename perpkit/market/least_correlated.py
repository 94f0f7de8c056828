"""A greedy choice of pairs of which no two move alike, given the pairs that are held already."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf, isinf, isnan, nan
from typing import Annotated

import numpy as np
import pandas as pd

from perpkit.durations import HOUR
from perpkit.market.correlation import PooledCorrelation
from perpkit.market.times import dates_every, dates_of, shifted
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range


@dataclass(frozen=True, kw_only=True)
class LeastCorrelated(Parameters):
    """A greedy choice: it starts from the held pairs, or else from the first pair, and keeps adding
    the pair whose greatest correlation to the chosen ones is the smallest.

    Correlations count without their sign: a pair that moves the other way is the same bet on the
    opposite side.
    """

    max_correlation: Annotated[
        float,
        Range(0, 1, "correlation"),
        "A pair is not added above this correlation of hourly returns, without its sign, to any "
        "pair that is kept or held",
    ] = 0.8
    number_assets: Annotated[
        int, Range(0, 10_000, "pairs"), "How many pairs are kept, held pairs counted; 0 is no limit"
    ] = 0
    window_hours: Annotated[
        int, Range(24, 400, "h"), "The hourly returns that the correlation is taken over"
    ] = 100

    def choose(
        self, pairs: Sequence[str], held: Collection[str], correlation: PooledCorrelation
    ) -> list[str]:
        """Returns the pairs that are kept, in their original order, which also breaks ties.

        Held pairs are always kept. A held pair that is not among `pairs` still limits the choice. A
        pair whose correlation to one of the chosen pairs is unknown is not added.

        >>> pairs = ["BTC", "ETH", "XRP"]
        >>> table = pd.DataFrame([[1, 0.9, 0.5], [0.9, 1, 0.6], [0.5, 0.6, 1]], pairs, pairs)
        >>> LeastCorrelated().choose(pairs, [], PooledCorrelation(table.to_dict()))
        ['BTC', 'XRP']
        """
        chosen = {pair for pair in pairs if pair in held}
        open_pairs = [pair for pair in pairs if pair not in chosen and knows(correlation, pair)]
        if not held:
            chosen.update(open_pairs[:1])
            del open_pairs[:1]
        nearest = {
            pair: max((_alike(correlation, pair, other) for other in held or chosen), default=0.0)
            for pair in open_pairs
        }
        while nearest and not 0 < self.number_assets <= len(chosen):
            # Ties go to the first pair, because a dict keeps its order.
            pair = min(nearest, key=nearest.__getitem__)
            if nearest.pop(pair) > self.max_correlation:
                break
            chosen.add(pair)
            for other in nearest:
                nearest[other] = max(nearest[other], _alike(correlation, other, pair))
        return [pair for pair in pairs if pair in chosen]

    def objection(self, pair: str, chosen: Collection[str], correlation: PooledCorrelation) -> str:
        """Returns why a pair was not added to those that were chosen or are held."""
        like = max(sorted(chosen), key=lambda other: _alike(correlation, pair, other), default=pair)
        alike = _alike(correlation, pair, like)
        if isinf(alike):
            return f"its correlation to {like} is unknown"
        if alike > self.max_correlation:
            return f"its correlation to {like} is {alike:.2f}, above {self.max_correlation:g}"
        return f"{self.number_assets} pairs that move less alike are enough"


def knows(correlation: PooledCorrelation, pair: str) -> bool:
    """Returns whether there were enough returns of the pair to correlate it."""
    row = correlation.values.get(pair, {})  # noqa: PD011 - no frame
    return not isnan(row.get(pair, nan))


def hourly_returns(candles: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Returns the log returns of 1h candles, one column per pair, by the close of each hour.

    :param candles: by pair, with `date` (open time, UTC, ascending) and `close`; may be empty
    :return: every hour between the first and the last, NaN where a candle is missing
    """
    closes = {
        pair: pd.Series(
            np.log(frame["close"].to_numpy(dtype=float)),
            shifted(dates_of(frame["date"]), HOUR),
        )
        for pair, frame in candles.items()
        if len(frame)
    }
    table = pd.DataFrame(closes, columns=list(candles), dtype=float)
    if table.empty:
        return table
    hours = dates_every(table.index[0], HOUR, (table.index[-1] - table.index[0]) // HOUR + 1)
    return table.reindex(hours).diff()


def known_returns(returns: pd.DataFrame, now: datetime, window: int) -> pd.DataFrame:
    """Returns the rows of the last `window` hours that had closed at `now`.

    :param returns: from `hourly_returns`, a row for every hour
    """
    if returns.empty:
        return returns
    end = max(0, (pd.Timestamp(now) - returns.index[0]) // HOUR + 1)
    return returns.iloc[max(0, end - window) : end]


def _alike(correlation: PooledCorrelation, first: str, second: str) -> float:
    value = abs(correlation.between(first, second))
    # An unknown correlation blocks, as the greatest one would.
    return inf if isnan(value) else value
