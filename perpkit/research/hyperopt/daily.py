"""The daily returns of a hyperopt run's epochs, so that the best of them can be judged as such.

Freqtrade stores what each epoch realised on each day. It is not marked to market: a loss counts on
the day on which its trade was closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from perpkit.checks import is_number
from perpkit.durations import DAY_MS
from perpkit.files.errors import FileError
from perpkit.market.times import dates_at, dates_of
from perpkit.research.hyperopt.epochs import Epoch, read_lines

# The year 2100, in milliseconds since 1970.
_END = 4_102_444_800_000


@dataclass(frozen=True)
class DailyEpochs:
    """
    :param tried: epochs in the file
    :param returns: of the different ones that have a loss of their own, as fractions of the balance
        before the day; shape (days, epochs), with a date a day and columns such as "epoch 12"
    """

    tried: int
    returns: pd.DataFrame


def read_daily(path: Path) -> DailyEpochs:
    """Returns what each epoch made on each day of the backtest.

    :raises FileError: if it is not a result of hyperopt, lacks what an epoch made on each day, or
        has no epoch with enough trades to be rated
    """
    tried = 0
    found: dict[str, _Made] = {}
    for epoch, line, where in read_lines(path):
        tried += 1
        # The same parameters are one trial, however often the search came back to them.
        key = repr(sorted(epoch.params.items()))
        if epoch.rated and key not in found:
            found[key] = _Made.of(epoch, line, where)
    if not found:
        raise FileError(
            f"hyperopt must have an epoch with enough trades to be rated, got none of {tried} in "
            f"{path}"
        )
    first = min(made.first for made in found.values())
    last = max(made.last for made in found.values())
    days = dates_at(np.arange(first, last + DAY_MS, DAY_MS, dtype=np.int64))
    columns = {f"epoch {made.number}": made.returns(days) for made in found.values()}
    return DailyEpochs(tried, pd.DataFrame(columns, index=days))


@dataclass(frozen=True)
class _Made:
    """
    :param first, last: days of the backtest, in milliseconds since 1970
    :param profits: in stake currency, by the day on which they were realised
    """

    number: int
    first: int
    last: int
    balance: float
    profits: pd.Series

    @classmethod
    def of(cls, epoch: Epoch, line: Mapping[str, Any], where: str) -> _Made:
        metrics = line.get("results_metrics") or {}
        first, last = (_number(metrics, f"backtest_{end}_ts", where) for end in ("start", "end"))
        balance = _number(metrics, "starting_balance", where)
        if not (0 < first <= last < _END and balance > 0):
            raise FileError(
                "hyperopt must have backtest_start_ts before backtest_end_ts, and a "
                f"starting_balance above 0, got {where}"
            )
        try:
            given = [(day, float(profit)) for day, profit in metrics["daily_profit"]]
            days = dates_of([datetime.fromisoformat(str(day)) for day, _ in given])
            profits = pd.Series([profit for _, profit in given], index=days, dtype=float)
        except (KeyError, TypeError, ValueError) as error:
            raise FileError(
                f"hyperopt must have daily_profit in each epoch, a day and an amount each, got "
                f"{where}"
            ) from error
        begin, end = (int(each) // DAY_MS * DAY_MS for each in (first, last))
        whole = dates_at(np.arange(begin, end + DAY_MS, DAY_MS, dtype=np.int64))
        if not (np.isfinite(profits).all() and days.is_unique and days.isin(whole).all()):
            raise FileError(
                "hyperopt must have a finite daily_profit, each day once and within the backtest, "
                f"got {where}"
            )
        return cls(epoch.number, begin, end, balance, profits)

    def returns(self, days: pd.DatetimeIndex) -> pd.Series:
        profits = self.profits.reindex(days, fill_value=0.0)
        before = self.balance + profits.cumsum() - profits
        # Nothing is left to make anything with.
        return (profits / before).where(before > 0, 0.0)


def _number(metrics: Mapping[str, Any], name: str, where: str) -> float:
    value: Any = metrics.get(name)
    if not is_number(value):
        raise FileError(f"hyperopt must have {name} in each epoch, a number, got {where}")
    return float(value)
