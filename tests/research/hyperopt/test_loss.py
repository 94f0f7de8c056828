"""The loss of a set of parameters: its parts by hand, and what makes it worse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.research.hyperopt.loss import (
    IDLE,
    RUINED,
    LossRule,
    best_days_share,
    equity_after_costs,
    loss_of,
    parts,
)
from perpkit.research.marked import figures
from tests.report.conftest import BTC, HOURS, SPIKED, START, at, order, trade

DAY = pd.Timedelta("1D")
RULE = LossRule()


def equity(*returns: float, spread: float = 0.0) -> pd.Series:
    """At each midnight, from 1,000 on."""
    values = 1000 * np.cumprod(1 + np.array((0.0, *returns)))
    return pd.Series(values, pd.date_range(START, periods=len(values), freq="1D"))


def noisy(mean: float, days: int = 365, seed: int = 1) -> pd.Series:
    return equity(*np.random.default_rng(seed).normal(mean, 0.005, days).tolist())


def test_without_a_penalty_it_is_half_sharpe_and_half_calmar():
    curve = noisy(0.0008)
    mild = replace(RULE, few_days=0, most_drawdown=1.0, most_calmar=20)
    found = parts(mild, curve, trades=50)
    expected = figures(curve)
    assert (found.few_trades, found.few_days, found.drawdown) == (0, 0, 0)
    assert 0 < expected.calmar < 20
    assert found.loss == pytest.approx(-(expected.sharpe + expected.calmar) / 2)
    sharpe_only = parts(replace(mild, calmar_share=0), curve, 50)
    assert sharpe_only.loss == pytest.approx(-expected.sharpe)
    capped = parts(replace(mild, most_calmar=1.0), curve, 50)
    assert capped.loss == pytest.approx(-(expected.sharpe + 1.0) / 2)


@pytest.mark.parametrize(("trades", "penalty"), [(50, 0), (80, 0), (25, 2), (10, 3.2)])
def test_few_trades(trades, penalty):
    """50 a year are enough, over 365 days; without any, the penalty is 4."""
    assert parts(RULE, noisy(0.001), trades).few_trades == pytest.approx(penalty)


@pytest.mark.parametrize(
    ("returns", "share"),
    [
        ([0.01] * 10, 0.1),
        ([0.1] + [0.0] * 99, 1.0),
        ([0.1] + [-0.0005] * 99, 0.1 / 0.0505),
        ([0.04, 0.03, 0.02, *[0.01 / 198] * 198], 0.09 / 0.1),  # 1% of 201 days are 3
        ([-0.01] * 10, 0.0),
    ],
)
def test_what_the_best_days_made(returns, share):
    assert best_days_share(pd.Series(returns)) == pytest.approx(share)


@pytest.mark.parametrize(
    ("returns", "penalty"),
    [
        ([0.01, 0.01, -0.005] * 30, 0.0),
        ([0.1, *[0.0] * 99], 0.5),
        ([0.1, *[-0.0005] * 99], 1.0),
    ],
)
def test_a_profit_of_few_days(returns, penalty):
    assert parts(RULE, equity(*returns), 100).few_days == pytest.approx(penalty)


@pytest.mark.parametrize(("fall", "penalty"), [(0.1, 0.0), (0.2, 0.0), (0.3, 0.5), (0.4, 1.0)])
def test_a_deep_drawdown(fall, penalty):
    curve = equity(0.1, -fall, *[0.01] * 60)
    assert parts(RULE, curve, 100).drawdown == pytest.approx(penalty)


def test_ruined_is_worse_than_idle_and_that_than_any_loss():
    assert parts(RULE, equity(0.5, -1.2), 3).loss == RUINED
    assert parts(RULE, equity(0.0, 0.0), 0).loss == IDLE
    wild = parts(RULE, equity(*[0.0] * 10, *[-0.09] * 30), 3).loss
    assert wild < IDLE < RUINED


@given(st.lists(st.floats(-0.2, 0.2), min_size=2, max_size=60), st.integers(1, 500))
def test_it_is_always_a_number_and_penalties_never_help(returns, trades):
    found = parts(RULE, equity(*returns), trades)
    assert np.isfinite(found.loss)
    free = replace(RULE, few_trades=0, few_days=0, drawdown=0)
    assert parts(free, equity(*returns), trades).loss <= found.loss + 1e-12


TRADES = [
    trade(BTC, -50.0, [order(1, 5, 100, True), order(10, 5, 90, False)]),
    trade(BTC, 100.0, [order(30, 5, 90, True), order(60, 5, 110, False)]),
    trade(SPIKED, 30.0, [order(100, 2, 110, True), order(110, 1, 100, False),
                         order(130, 1, 90, False)], is_short=True),
]  # fmt: skip


def handed(trades) -> dict:
    """As Freqtrade hands it over."""
    hours = np.arange(HOURS + 1)
    close = np.select([hours < 9, hours < 59, hours < 129], [100.0, 90.0, 110.0], 90.0)
    frame = pd.DataFrame({"date": pd.date_range(START, periods=HOURS + 1, freq="1h")})
    processed = {pair: frame.assign(close=close) for pair in (BTC, SPIKED)}
    return {
        "results": pd.DataFrame(trades),
        "trade_count": len(trades),
        "min_date": START,
        "max_date": START + pd.Timedelta(hours=HOURS),
        "config": {"timeframe": "1h"},
        "processed": processed,
        "backtest_stats": {},
        "starting_balance": 1000.0,
    }


def test_open_positions_count_at_the_market():
    given = handed(TRADES)
    curve = equity_after_costs(
        given["results"], given["processed"], given["min_date"], given["max_date"],
        pd.Timedelta("1h"), 1000.0, cost_bps=0.0,
    )  # fmt: skip
    expected = {0: 1000, 9: 1000, 10: 950, 59: 950, 60: 1050, 110: 1060, 129: 1060, 130: 1080}
    assert {hour: curve.iloc[hour] for hour in expected} == pytest.approx(expected)


def test_each_side_costs_more():
    given = handed(TRADES)
    curve = equity_after_costs(
        given["results"], given["processed"], given["min_date"], given["max_date"],
        pd.Timedelta("1h"), 1000.0, cost_bps=10.0,
    )  # fmt: skip
    # Of 500 in; and what leaving at 100, or at 90, would cost.
    assert curve.iloc[1] == pytest.approx(1000 - 0.5 - 0.5)
    assert curve.iloc[10] == pytest.approx(950 - 0.5 - 0.45)
    assert curve.iloc[-1] == pytest.approx(1080 - (500 + 450 + 450 + 550 + 220 + 190) / 1000)


def test_the_loss_of_what_freqtrade_hands_over():
    given = handed(TRADES)
    found = loss_of(RULE, **given)
    dearer = loss_of(replace(RULE, cost_bps=50.0), **given)
    assert found < dearer < IDLE
    assert loss_of(RULE, **{**given, "results": pd.DataFrame()}) == IDLE


def test_candles_in_front_of_the_time_do_not_count():
    given = handed([trade(BTC, 0.0, [order(1, 1, 100, True), order(10, 1, 100, False)])])
    early = pd.Timestamp(at(-50), unit="ms", tz="UTC")
    for pair, frame in given["processed"].items():
        before = pd.DataFrame({"date": pd.date_range(early, periods=50, freq="1h"), "close": 1.0})
        given["processed"][pair] = pd.concat([before, frame], ignore_index=True)
    assert loss_of(RULE, **given) == pytest.approx(
        loss_of(RULE, **handed(given["results"].to_dict("records")))
    )


@pytest.mark.parametrize(
    ("field", "value"), [("calmar_share", 1.5), ("cost_bps", -1), ("most_drawdown", 0)]
)
def test_a_weight_out_of_range_is_refused(field, value):
    with pytest.raises(ValueError, match=f"{field} must be a number from"):
        LossRule(**{field: value})
