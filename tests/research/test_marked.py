"""A backtest's equity, marked to market: a trade by hand, and files that are none."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from benchmarks.confluence import by_year
from perpkit.research.marked import (
    daily_returns,
    figures,
    liquidations,
    load_export,
    marked_equity,
    yearly_returns,
)

PAIR = "BTC/USDT:USDT"
HOUR = pd.Timedelta("1h")
CLOSES = [100.0, 100.0, 80.0, 90.0, 110.0, 110.0]  # of the candles from 00:00 on


def at(hour: int) -> int:
    return int(datetime(2023, 1, 1, hour, tzinfo=UTC).timestamp() * 1000)


def order(hour, amount, rate, entry):
    return {
        "order_filled_timestamp": at(hour),
        "amount": amount,
        "safe_price": rate,
        "ft_is_entry": entry,
    }


def trade(is_short=False, profit=9.0, closed=5, reason="roi"):
    """One contract in at 100 at 01:00, out at 110 (or 90) at 05:00; a fee of 0.5% in all."""
    return {
        "pair": PAIR,
        "is_short": is_short,
        "is_open": False,
        "fee_open": 0.0025,
        "fee_close": 0.0025,
        "close_timestamp": at(closed),
        "profit_abs": profit,
        "exit_reason": reason,
        "orders": [order(1, 1.0, 100.0, True), order(closed, 1.0, 110.0, False)],
    }


def stats(*trades):
    return {
        "backtest_start": "2023-01-01 00:00:00",
        "backtest_end": "2023-01-01 06:00:00",
        "starting_balance": 1000.0,
        "trades": list(trades),
    }


@pytest.fixture
def candles():
    dates = pd.date_range("2023-01-01", periods=6, freq="1h", tz="UTC")
    return {PAIR: pd.DataFrame({"date": dates, "close": CLOSES})}


@pytest.mark.parametrize(
    ("is_short", "moves"),
    # known at 01:00 .. 04:00: the closes of the candles that opened an hour before
    [(False, [0, 0, -20, -10]), (True, [0, 0, 20, 10])],
)
def test_an_open_trade_is_marked_at_the_newest_close(candles, is_short, moves):
    equity = marked_equity(stats(trade(is_short)), candles, HOUR)
    assert list(equity.index.hour) == list(range(7))
    fees = [0.25 + 0.0025 * close for close in CLOSES[:4]]
    expected = [1000.0, *(1000 + m - f for m, f in zip(moves, fees, strict=True)), 1009.0, 1009.0]
    np.testing.assert_allclose(equity, expected)


def test_what_freqtrade_does_not_see_is_there(candles):
    equity = marked_equity(stats(trade()), candles, HOUR)
    assert figures(equity).max_drawdown == pytest.approx(20.45 / 1000)
    assert figures(equity).profit == pytest.approx(0.009)


def test_figures_of_days():
    days = pd.date_range("2023-01-01", periods=366, freq="1D", tz="UTC")
    equity = pd.Series(np.full(366, 1000.0), days)
    equity.iloc[100:] = 900.0
    equity.iloc[200:] = 1200.0
    found = figures(equity)
    assert found.cagr == pytest.approx(0.2, rel=0.01)
    assert found.worst_day == pytest.approx(0.1)
    assert found.calmar == pytest.approx(2, rel=0.01)
    returns = np.zeros(365)
    returns[99], returns[199] = -0.1, 1 / 3
    assert found.sharpe == pytest.approx(returns.mean() / returns.std(ddof=1) * 365**0.5)


def test_nothing_traded_is_nothing_gained(candles):
    found = figures(marked_equity(stats(), candles, HOUR))
    assert (found.profit, found.sharpe, found.calmar, found.max_drawdown) == (0, 0, 0, 0)


def test_liquidations():
    assert liquidations(stats(trade(), trade(reason="liquidation"))) == 1


@pytest.fixture
def export(tmp_path):
    path = tmp_path / "backtest-result-x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("backtest-result-x_config.json", "{}")
        strategies = {name: {**stats(), "name": n} for n, name in enumerate("AB", 1)}
        archive.writestr("backtest-result-x.json", json.dumps({"strategy": strategies}))
    return path


def test_a_strategy_of_an_export(export):
    assert load_export(export, "B") == {**stats(), "name": 2}


@pytest.mark.parametrize(
    ("strategy", "message"), [(None, "strategy must be one of A, B"), ("C", "must be one of A, B")]
)
def test_which_strategy_must_be_said(export, strategy, message):
    with pytest.raises(ValueError, match=message):
        load_export(export, strategy)


@pytest.mark.parametrize("content", [None, "", "[]", '{"strategy": 5}', "{"])
def test_what_is_no_export_is_refused(tmp_path, content):
    path = tmp_path / "no.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match=r"must be a Freqtrade backtest result, got .*no"):
        load_export(path, "A")


def hourly(values: list[float], start: str = "2023-01-01") -> pd.Series:
    return pd.Series(values, pd.date_range(start, periods=len(values), freq="1h", tz="UTC"))


@pytest.mark.parametrize(
    ("equity", "worst", "days"),
    [
        (hourly([1000.0, 900.0]), 0.1, 1),
        (hourly([1000.0] * 5 + [900.0] * 60), 0.1, 3),
        (hourly([1000.0] * 24 + [900.0]), 0.1, 1),  # at midnight, when the day ends
        (hourly([1000.0] * 25 + [900.0]), 0.1, 2),
        (hourly([1000.0] * 5 + [900.0] * 60, "2023-01-01 22:00"), 0.1, 4),
        (hourly([1000.0] * 60), 0.0, 3),
    ],
)
def test_the_first_day_counts(equity, worst, days):
    found = figures(equity)
    assert (found.worst_day, found.days) == (pytest.approx(worst), days)
    assert (found.sharpe < 0) is (worst > 0 and days > 1)


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ([100, -50, -60], [-1, 0]),
        ([100, 0, 30], [-1, 0]),
        ([100, 50, -10, 20, 40], [-0.5, -1, 0, 0]),
        ([100, 50, 75], [-0.5, 0.5]),
    ],
)
def test_a_ruined_account_has_no_returns_any_more(marks, expected):
    times = pd.date_range("2023-01-01", periods=len(marks), freq="D", tz="UTC")
    found = daily_returns(pd.Series(marks, times, dtype=float))
    assert found.tolist() == pytest.approx(expected)
    assert found.dtype == float


def test_ratios_by_hand():
    equity = hourly([1000.0] + [1100.0] * 24 + [990.0] * 24 + [1089.0] * 24)
    found = figures(equity)
    returns = np.array([0.1, -0.1, 0.1])
    assert found.sharpe == pytest.approx(returns.mean() / returns.std(ddof=1) * 365**0.5)
    downside = (0.1**2 / 3) ** 0.5
    assert found.sortino == pytest.approx(returns.mean() / downside * 365**0.5)
    assert found.cagr == pytest.approx(1.089 ** (365 / 3) - 1)
    assert found.calmar == pytest.approx(found.cagr / 0.1)


def test_the_first_day_of_a_year_counts_for_it():
    times = pd.date_range("2020-01-01", "2024-01-01", freq="1D", tz="UTC")
    equity = pd.Series(1000.0 * 1.001 ** np.arange(len(times)), times)
    grown = [1.001**days - 1 for days in (366, 365, 365, 365)]
    assert list(yearly_returns(daily_returns(equity)).values()) == pytest.approx(grown)
    assert by_year(equity) == ", ".join(f"{each:+.1%}" for each in grown)
