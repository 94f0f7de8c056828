"""The part "periods": what each day, week, month and year of a backtest brought.

Freqtrade compares and sums a table of pandas for every day, most of which have no trade: two thirds
of what the statistics of a long run take. Here the same numbers are summed as an array.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from freqtrade.optimize.optimize_reports import optimize_reports
from pandas import DataFrame

from perpkit.bot.acceleration.part import Part, Replacements, Seam

_stock_stats = optimize_reports._calculate_stats_for_period


def stats_for_period(data: DataFrame) -> dict[str, Any]:
    """As `optimize_reports._calculate_stats_for_period`."""
    profits = data["profit_abs"].to_numpy()
    if profits.dtype != np.float64 or np.isnan(profits).any():
        return _stock_stats(data)
    won, lost = profits[profits > 0], profits[profits < 0]
    gained, given_up = won.sum(), lost.sum()
    wins, losses = len(won), len(lost)
    return {
        "profit_abs": profits.sum().round(10),
        "wins": wins,
        "draws": len(profits) - wins - losses,
        "losses": losses,
        "trades": len(profits),
        "profit_factor": round(gained / abs(given_up) if given_up else 0.0, 8),
    }


def _install(replacements: Replacements) -> None:
    replacements.put(
        optimize_reports, "_calculate_stats_for_period", stats_for_period, _stock_stats
    )


_REPORTS = "freqtrade.optimize.optimize_reports.optimize_reports:"

PERIODS = Part([Seam(f"{_REPORTS}_calculate_stats_for_period", ("936d3592446d",))], _install)
