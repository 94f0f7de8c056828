"""The tests of all windows, one after the other: what a user of them would have had."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from perpkit.market.times import dates_of
from perpkit.walkforward.record import WindowResult


def stitched_equity(results: Sequence[WindowResult]) -> pd.Series:
    """Returns the equity of the tests, each begun with what the one before it left.

    Every window starts from the same balance, so its course is scaled to the balance that it would
    have begun with. A window that is missing is a flat stretch, and so is all that comes after one
    that has left nothing.

    :param results: in their order, at least one
    :return: at each candle close, marked to market, in stake currency
    """
    parts: list[pd.Series] = []
    for result, factor in zip(results, factors(results), strict=True):
        equity = factor * result.out_of_sample.equity
        parts.append(equity if factor else equity + parts[-1].iloc[-1])
    joined = pd.concat(parts)
    joined.index = dates_of(joined.index)
    # A window begins at the moment at which the one before it ends.
    return joined[~joined.index.duplicated(keep="first")].rename("equity")


def factors(results: Sequence[WindowResult]) -> list[float]:
    """Returns how many times as large each test is in one account that goes through all of them.

    :param results: in their order, at least one
    :return: 0 for tests that begin when nothing is left: a loss would count as a gain there
    """
    balance, found = results[0].out_of_sample.starting_balance, []
    for result in results:
        equity = result.out_of_sample.equity
        found.append(max(balance, 0.0) / float(equity.iloc[0]))
        balance = found[-1] * float(equity.iloc[-1])
    return found


def chosen_values(results: Iterable[WindowResult]) -> pd.DataFrame:
    """Returns the value of each parameter in each window: a row a window, a column a parameter.

    Columns are named `space.parameter`; those of a target table `roi.minutes`.
    """
    rows = {one.window.number: flat(one.parameters) for one in results}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("window")


def flat(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the parameters of all spaces by `space.parameter`."""
    return {
        f"{space}.{name}": value
        for space, values in parameters.items()
        for name, value in (values.items() if isinstance(values, Mapping) else [("value", values)])
    }
