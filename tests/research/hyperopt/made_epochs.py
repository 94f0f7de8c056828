"""Lines of a hyperopt's result as Freqtrade writes them, of what is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from perpkit.market.times import dates_of


def epoch(number: int, days: pd.DatetimeIndex, profits: Sequence[float]) -> dict[str, Any]:
    """:param profits: of each day, in stake currency"""
    at = dates_of(days)
    metrics = {
        "total_trades": 9,
        "starting_balance": 10_000,
        "backtest_start_ts": int(at[0].timestamp() * 1000),
        "backtest_end_ts": int(at[-1].timestamp() * 1000) + 23 * 3_600_000,
        "daily_profit": [[f"{day:%Y-%m-%d}", float(p)] for day, p in zip(at, profits, strict=True)],
    }
    return {
        "loss": -1.0, "params_dict": {"x": number}, "current_epoch": number, "total_profit": 0.1,
        "results_metrics": metrics,
    }  # fmt: skip
