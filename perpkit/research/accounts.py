"""The equity of any results, marked to market: what every command and page shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from perpkit.market.asof import nanoseconds
from perpkit.market.times import dates_at, dates_every, dates_of, opening
from perpkit.research.marked import equity_curve
from perpkit.research.results import Results
from perpkit.research.settlements import settlements
from perpkit.risk.equity import TradeLedger


class Market(Protocol):
    """Stored data of the market; None where there are none."""

    def candles(self, pair: str, timeframe: str) -> pd.DataFrame | None:
        """Returns candles by open time: `date`, `open`, `high`, `low`, `close`."""

    def funding(self, pair: str) -> pd.Series | None:
        """Returns what a long of one unit pays at each settlement, see `funding_per_unit`."""


@dataclass(frozen=True)
class MarkedAccount:
    """
    :param equity: at the close of every candle, in stake currency, with a UTC index
    :param candles: by traded pair
    :param ledgers: of all trades, in their order
    :param step: timeframe of the candles
    :param unpriced: pairs without candles: valued at their last fill
    :param booked: pairs with trades whose funding counts as it was booked, not when it was settled
    """

    equity: pd.Series
    candles: Mapping[str, pd.DataFrame]
    ledgers: tuple[TradeLedger, ...]
    step: pd.Timedelta
    unpriced: tuple[str, ...]
    booked: tuple[str, ...]

    @property
    def times(self) -> pd.DatetimeIndex:
        return dates_of(self.equity.index)


def marked_account(results: Results, market: Market) -> MarkedAccount:
    """Returns the equity of results at every candle close, marked to market."""
    step = pd.Timedelta(results.timeframe)
    traded = sorted({trade.pair for trade in results.trades})
    found = {pair: market.candles(pair, results.timeframe) for pair in traded}
    candles = {pair: frame for pair, frame in found.items() if frame is not None}
    times = _times(results, candles, step)
    until = float(nanoseconds(times)[-1]) / 1e9
    funding = {pair: market.funding(pair) for pair in traded if ":" in pair}
    ledgers, booked = [], set()
    for trade in results.trades:
        per_unit = funding.get(trade.pair)
        settled = () if per_unit is None else settlements(trade, per_unit, until)
        ledgers.append(trade.ledger(settled))
        if trade.funding and not settled:
            booked.add(trade.pair)
    equity = equity_curve(times, results.starting_balance, candles, step, ledgers)
    return MarkedAccount(
        equity=equity,
        candles=candles,
        ledgers=tuple(ledgers),
        step=step,
        unpriced=tuple(pair for pair in traded if pair not in candles),
        booked=tuple(sorted(booked)),
    )


def _times(
    results: Results, candles: Mapping[str, pd.DataFrame], step: pd.Timedelta
) -> pd.DatetimeIndex:
    """Returns the candle closes from the start to the end; with open trades, to the last candle."""
    length = step.total_seconds()
    begin = opening(results.start, length)
    # Candles that are there say themselves where their grid lies.
    if (known := next((frame for frame in candles.values() if len(frame)), None)) is not None:
        first = nanoseconds(known["date"])[0] / 1e9
        begin = first + (results.start - first) // length * length
    end = results.end
    open_pairs = {trade.pair for trade in results.trades if trade.closed is None}
    newest = [nanoseconds(candles[p]["date"])[-1] / 1e9 for p in open_pairs if p in candles]
    end = max([end, *(at + length for at in newest)])
    count = int(np.ceil((end - begin) / length)) + 1
    return dates_every(dates_at([int(begin * 1000)])[0].to_pydatetime(), step, max(count, 2))
