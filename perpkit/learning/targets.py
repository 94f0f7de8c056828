"""Targets: what an entry at a candle's close would have led to.

The triple barrier (López de Prado, "Advances in Financial Machine Learning", 2018, chapter 3): a
stop and a take profit in multiples of the volatility at the entry, and an end of time. The
meta-label says whether an entry of a given side pays after costs; the side is a rule's, so that the
model has to learn only when to trust it.

Targets look ahead: that is their purpose. What must not happen is that a training knows more than
was known at its end. The last `horizon` rows have no target, not even where a barrier was hit
already: only the quick outcomes would be known there, and those are mostly stops. FreqAI drops rows
without a target; as it computes the targets of a training from the candles before its end, nothing
reaches over it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.learning.columns import LOSES, PAYS
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class BarrierRule(Parameters):
    """Where an entry ends, in the standard deviation of the return over the horizon."""

    stop: Annotated[
        float, Range(0.1, 10, "widths"), "The stop of the label, in widths below the entry"
    ] = 1.0
    take_profit: Annotated[
        float, Range(0.1, 10, "widths"), "The take profit of the label, in widths above the entry"
    ] = 1.0
    costs: Annotated[
        float,
        Range(0, 0.1, "of the price"),
        "What a round trip costs, fees and slippage of both sides",
    ] = 0.0014


def width(vol_1h: Floats, hours: float) -> Floats:
    """Returns the standard deviation of the return over `hours`, if prices move at random.

    :param vol_1h: standard deviation of one-hour returns, a fraction
    """
    return np.asarray(vol_1h * np.sqrt(hours))


def barrier_returns(
    candles: pd.DataFrame,
    side: NDArray[np.int64],
    widths: Floats,
    horizon: int,
    rule: BarrierRule,
    paid: Floats | None = None,
) -> Floats:
    """Returns what an entry of `side` at each close earns until its first barrier, net of costs.

    Where one candle reaches both the stop and the take profit, it counts as stopped.

    :param candles: in order, without gaps, with `high`, `low`, `close`
    :param side: 1 long, -1 short, 0 none, one value a candle
    :param widths: of the barriers, fractions, as `width` returns them
    :param horizon: candles after which an entry ends in any case
    :param paid: the funding that a long has paid up to each candle, summed; None is none
    :return: fractions of the entry price; NaN where there is no side, something is unknown, or the
        horizon reaches over the last candle
    """
    high, low, close = (candles[n].to_numpy(dtype=np.float64) for n in ("high", "low", "close"))
    earned = np.full(len(close), np.nan)
    settled = np.full(len(close), np.nan) if paid is None else paid
    row = np.flatnonzero((side[:-horizon] != 0) & np.isfinite(widths[:-horizon]))
    for ahead in range(1, horizon + 1):
        later, way = row + ahead, side[row]
        worst = way * (np.where(way > 0, low[later], high[later]) / close[row] - 1)
        best = way * (np.where(way > 0, high[later], low[later]) / close[row] - 1)
        stop, target = -rule.stop * widths[row], rule.take_profit * widths[row]
        stopped = worst <= stop
        took = ~stopped & (best >= target)
        ended = stopped | took | (ahead == horizon)
        at_end = way * (close[later] / close[row] - 1)
        gross = np.where(stopped, stop, np.where(took, target, at_end))
        funding = 0.0 if paid is None else way * (settled[later] - settled[row])
        earned[row[ended]] = (gross - rule.costs - funding)[ended]
        row = row[~ended]
    return earned


def outcomes(net: Floats) -> NDArray[np.object_]:
    """Returns the meta-label of `barrier_returns`: `pays` or `loses`, NaN where unknown.

    >>> outcomes(np.array([0.01, -0.01, np.nan])).tolist()
    ['pays', 'loses', nan]
    """
    labels = np.where(net > 0, PAYS, LOSES).astype(object)
    labels[np.isnan(net)] = np.nan
    return labels


def forward_returns(close: Floats, widths: Floats, horizon: int) -> Floats:
    """Returns the logarithmic return over the next `horizon` candles, in widths; NaN in the last
    `horizon` rows.

    >>> forward_returns(np.array([1.0, np.e, np.e]), np.ones(3), 1).tolist()
    [1.0, 0.0, nan]
    """
    ahead = np.full(len(close), np.nan)
    if len(close) > horizon:
        ahead[:-horizon] = np.log(close[horizon:] / close[:-horizon])
    return ahead / widths
