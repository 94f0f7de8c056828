"""Returns that are the same every day but for rounding have no spread, and no ratio to it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from perpkit.research.comparing import compared
from perpkit.research.hyperopt.loss import LossRule, parts
from perpkit.research.marked import daily_returns, figures
from perpkit.research.overfitting.bootstrap import block_length
from perpkit.research.overfitting.cscv import overfitting
from perpkit.research.overfitting.gate import gate
from perpkit.research.overfitting.sharpe import moments
from perpkit.research.spread import annual_sharpe, spread_of
from perpkit.walkforward.record import Run
from perpkit.walkforward.verdict import verdict
from tests.walkforward.made_runs import request, result

STEADY = pytest.mark.parametrize("each_day", [0.01, 1e-4, 1e-6, -0.01, 0.0])
DAYS = pd.date_range("2022-01-01", periods=201, tz="UTC")
NOISE = np.random.default_rng(1).normal(0.001, 0.01, 200)


def rising(each_day: float) -> pd.Series:
    return pd.Series(1000 * np.cumprod(np.r_[1.0, np.full(200, 1 + each_day)]), DAYS)


@STEADY
def test_a_steady_equity_has_no_sharpe_ratio_anywhere(each_day):
    equity = rising(each_day)
    returns = daily_returns(equity)
    noise = pd.Series(NOISE, returns.index)
    assert figures(equity).sharpe == 0
    assert annual_sharpe(returns.to_numpy()) == 0
    assert compared(returns, noise).sharpe[0] == 0
    assert compared(returns, noise).correlation is None
    assert block_length(returns) == 1
    both = np.column_stack([returns, NOISE])
    assert gate(both).left_out == 1
    with pytest.raises(ValueError, match="constant"):
        moments(returns)
    if each_day:
        with pytest.raises(ValueError, match="constant for half"):
            overfitting(both)


@STEADY
def test_a_steady_walk_forward_has_no_sharpe_ratio(each_day):
    results = tuple(result(number, [each_day] * 60) for number in (1, 2))
    found = verdict(Run(request(2), results))
    assert found.stitched.sharpe == 0
    assert found.sharpe is None


@pytest.mark.parametrize(("fall", "counts"), [(3e-16, False), (1e-13, False), (1e-3, True)])
def test_a_loss_that_is_only_rounding_makes_no_ratio(fall, counts):
    equity = pd.Series([*np.resize([1000.0, 1000.0 * (1 - fall)], 200), 1100.0], DAYS)
    found = figures(equity)
    assert found.max_drawdown > 0
    assert (found.sortino > 0, found.calmar > 0) == (counts, counts)


@STEADY
def test_no_search_is_won_by_a_steady_equity(each_day):
    found = parts(LossRule(), rising(each_day), trades=50)
    assert found.sharpe == 0
    assert found.loss >= -LossRule().most_calmar


def test_a_high_sharpe_ratio_counts_as_the_highest():
    equity = pd.Series(1000 * np.cumprod(np.r_[1.0, np.resize([1.01, 1.0101], 200)]), DAYS)
    found = parts(LossRule(few_days=0, few_trades=0), equity, trades=50)
    assert found.sharpe > 1000
    assert found.loss == -20.0 / 2
    capped = parts(LossRule(few_days=0, few_trades=0, most_sharpe=3.0), equity, trades=50)
    assert capped.loss == -3.0 / 2


def test_a_small_spread_is_one():
    returns = np.column_stack([NOISE * 1e-6, np.full(200, 0.1)])
    assert spread_of(returns)[0] == pytest.approx(NOISE.std(ddof=1) * 1e-6)
    assert spread_of(returns)[1] == 0
    assert spread_of(returns[:1]).tolist() == [0, 0]
    assert annual_sharpe(NOISE * 1e-6) == pytest.approx(annual_sharpe(NOISE))
