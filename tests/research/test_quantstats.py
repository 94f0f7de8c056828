"""Our figures, computed once more by quantstats."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from perpkit.research.marked import daily_returns, figures

stats = pytest.importorskip("quantstats.stats", reason="quantstats is in the extra dev")


def curve(seed: int, days: int, drift: float) -> pd.Series:
    """Hourly equity from midnight to midnight."""
    steps = np.random.default_rng(seed).normal(drift, 0.004, 24 * days)
    times = pd.date_range("2023-01-01", periods=24 * days + 1, freq="1h", tz="UTC")
    return pd.Series(1000 * np.append(1.0, np.cumprod(1 + steps)), times)


@pytest.mark.parametrize(
    ("seed", "days", "drift"), [(1, 40, 0.0), (2, 365, 2e-4), (3, 200, -3e-4), (4, 9, 0.0)]
)
def test_figures_are_those_of_quantstats(seed, days, drift):
    equity = curve(seed, days, drift)
    found = figures(equity)
    returns = daily_returns(equity).tz_localize(None)
    assert found.days == days
    assert found.profit == pytest.approx(stats.comp(returns))
    assert found.sharpe == pytest.approx(stats.sharpe(returns, periods=365))
    assert found.sortino == pytest.approx(stats.sortino(returns, periods=365))
    assert found.worst_day == pytest.approx(-stats.worst(returns))
    assert found.cagr == pytest.approx(stats.cagr(returns, periods=365))
    # Theirs is of daily values; ours sees what was between them.
    at_midnight = equity.iloc[::24]
    theirs = -stats.max_drawdown(at_midnight.tz_localize(None))
    assert figures(at_midnight).max_drawdown == pytest.approx(theirs)
    assert figures(at_midnight).calmar == pytest.approx(stats.calmar(returns, periods=365))
    assert found.max_drawdown >= theirs - 1e-12
