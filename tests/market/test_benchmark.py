"""The correlation of a pair to the benchmark, known when both hours have closed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from perpkit.market.benchmark import COLUMN, with_benchmark_correlation
from tests import factories

HOUR = pd.Timedelta("1h")
BTC = factories.candles(400)


def alike(share: float, rows: int = 400, seed: int = 9) -> pd.DataFrame:
    """1h candles whose returns are partly those of `BTC`."""
    own = np.log(factories.candles(rows, seed=seed)["close"]).diff().fillna(0)
    common = np.log(BTC["close"][:rows]).diff().fillna(0)
    close = 100 * np.exp(np.cumsum(share * common + np.sqrt(1 - share**2) * own))
    return BTC[:rows].assign(close=close)


def finer(candles: pd.DataFrame, timeframe: str) -> pd.DataFrame:
    """The same closes at the full hours, other ones between."""
    step = pd.Timedelta(timeframe)
    count = HOUR // step
    dates = pd.date_range(candles["date"][0], periods=len(candles) * count, freq=step)
    close = np.repeat(candles["close"].to_numpy(), count) * 1.7
    close[count - 1 :: count] = candles["close"]
    return pd.DataFrame({"date": dates, "close": close})


def correlation(candles, benchmark=BTC, timeframe="1h") -> pd.Series:
    return with_benchmark_correlation(candles, pd.Timedelta(timeframe), benchmark)[COLUMN]


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_it_is_that_of_the_last_hundred_hourly_returns(share):
    pair = alike(share)
    got = correlation(pair)
    returns = [np.log(frame["close"]).diff() for frame in (pair, BTC)]
    for row in (100, 250, 399):
        window = slice(row - 99, row + 1)
        expected = np.corrcoef(returns[0][window], returns[1][window])[0, 1]
        assert got[row] == pytest.approx(expected)
    assert got[:70].isna().all()


def test_the_benchmark_is_like_itself():
    assert correlation(BTC).dropna().to_numpy() == pytest.approx(1.0)


@pytest.mark.parametrize("timeframe", ["5m", "15m", "30m"])
def test_finer_candles_hold_the_hourly_value_until_the_next(timeframe):
    pair = alike(0.7)
    got = correlation(finer(pair, timeframe), timeframe=timeframe).to_numpy()
    count = HOUR // pd.Timedelta(timeframe)
    hourly = correlation(pair).to_numpy()
    np.testing.assert_allclose(got[count - 1 :: count], hourly)
    # A row that closes within an hour knows the hour before only.
    np.testing.assert_allclose(got[count::count], hourly[:-1])


@pytest.mark.parametrize("timeframe", ["2h", "4h", "1D"])
@pytest.mark.parametrize("begins", [0, 3])
def test_longer_candles_compare_whole_candles(timeframe, begins):
    step = pd.Timedelta(timeframe)
    hours = step // HOUR
    btc = factories.candles(130 * hours)
    dates = pd.date_range(btc["date"][begins], periods=120, freq=step)
    last = btc["close"].to_numpy()[begins + hours - 1 :: hours][:120]
    own = np.exp(np.random.default_rng(5).normal(0, 0.01, 120).cumsum()) * last
    got = correlation(pd.DataFrame({"date": dates, "close": own}), btc, timeframe).to_numpy()
    returns = np.diff(np.log(own)), np.diff(np.log(last))
    assert got[119] == pytest.approx(np.corrcoef(returns[0][-100:], returns[1][-100:])[0, 1])
    assert np.isnan(got[:75]).all()
    assert np.isfinite(got[75:]).all()


def test_future_candles_change_no_past_value():
    pair, later = alike(0.7), alike(-0.7, seed=3)
    changed = pair.copy()
    changed.loc[300:, "close"] = later["close"][300:]
    btc = BTC.copy()
    btc.loc[300:, "close"] *= 2
    before = correlation(pair[:300], BTC[:300])
    pd.testing.assert_series_equal(correlation(changed, btc)[:300], before)
    # The benchmark may be known further than the pair.
    pd.testing.assert_series_equal(correlation(pair[:300], btc), before)
    assert before.iloc[-1] > 0.5


@pytest.mark.parametrize(
    ("benchmark", "timeframe"),
    [(BTC[:0], "1h"), (pd.DataFrame(), "1h"), (BTC[:0], "4h"), (BTC[:200].iloc[:50], "1h")],
)
def test_without_a_benchmark_it_is_unknown(benchmark, timeframe):
    assert correlation(alike(0.5), benchmark, timeframe)[100:].isna().all()


def test_no_candles_at_all():
    assert correlation(alike(0.5)[:0]).empty


def test_a_benchmark_that_has_stopped_is_unknown_before_long():
    got = correlation(alike(0.5), BTC[:200])
    assert got[:200].notna().sum() > 100
    assert got[230:].isna().all()


def test_candles_that_are_missing_are_missing_in_both():
    pair = alike(0.5)
    gap = pair.drop(index=range(150, 160)).reset_index(drop=True)
    got = correlation(gap)
    assert got.notna().sum() > 200
    assert len(got) == len(gap)
