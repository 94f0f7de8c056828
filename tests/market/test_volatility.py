"""Volatility estimators: the right size, the right time, and calm about bad candles."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from benchmarks.volatility_breaker import DATA, against_dvol, load_btc
from perpkit.market.volatility import (
    HAR_WEIGHTS,
    HOURS_A_YEAR,
    Estimator,
    HourlyCandles,
    hour_of,
    memory_hours,
    time_of,
    vol_annual,
)
from tests import factories

BASIC = HourlyCandles.from_frame(factories.candles(1200))


def brownian(rows: int, vol: float, ticks: int = 400) -> pd.DataFrame:
    """Candles of a random walk seen `ticks` times an hour, `vol` annualised."""
    rng = np.random.default_rng(3)
    steps = rng.normal(0.0, vol / np.sqrt(HOURS_A_YEAR * ticks), (rows, ticks))
    path = 30_000 * np.exp(np.cumsum(steps).reshape(rows, ticks))
    opening = np.concatenate(([30_000.0], path[:-1, -1]))
    return pd.DataFrame(
        {
            "date": pd.date_range(factories.START, periods=rows, freq="h"),
            "open": opening,
            "high": np.maximum(opening, path.max(axis=1)),
            "low": np.minimum(opening, path.min(axis=1)),
            "close": path[:, -1],
        }
    )


@pytest.mark.parametrize("estimator", Estimator)
def test_every_estimator_finds_the_volatility_of_a_random_walk(estimator):
    """Within 7%: a range seen 400 times an hour is a little short of the true one."""
    vol = vol_annual(HourlyCandles.from_frame(brownian(3000, 0.6)), estimator, 200.0)
    assert vol[-1] == pytest.approx(0.6, rel=0.07)


@pytest.mark.parametrize("estimator", [Estimator.PARKINSON, Estimator.GARMAN_KLASS])
def test_range_estimators_are_steadier_than_squared_returns(estimator):
    grid = HourlyCandles.from_frame(brownian(3000, 0.6))
    assert np.nanstd(vol_annual(grid, estimator, 6.0)) < 0.6 * np.nanstd(
        vol_annual(grid, Estimator.EWMA, 6.0)
    )


def test_figures_by_hand():
    candle = HourlyCandles(0, *(np.array([x]) for x in (100.0, 110.0, 95.0, 105.0)))
    wide, body = np.log(110 / 95), np.log(105 / 100)
    assert candle.parkinson[0] == pytest.approx(wide**2 / 2.772589)
    assert candle.garman_klass[0] == pytest.approx(0.5 * wide**2 - 0.386294 * body**2)

    pair = HourlyCandles(0, *(np.array([x, x]) for x in (100.0, 110.0, 95.0, 105.0)))
    up, down, n = np.log(1.1), np.log(0.95), (1 + 2**-0.5) / (1 - 2**-0.5)
    k = 0.34 / (1.34 + (n + 1) / (n - 1))
    expected = np.log(100 / 105) ** 2 + k * body**2
    expected += (1 - k) * (up * (up - body) + down * (down - body))
    assert np.isnan(pair.yang_zhang(2.0)[0])
    assert pair.yang_zhang(2.0)[1] == pytest.approx(expected)

    returns = np.diff(np.log(BASIC.close))[-100:]
    classic = vol_annual(BASIC, Estimator.CLASSIC, 1.0)
    assert classic[-1] == pytest.approx(returns.std(ddof=1) * np.sqrt(8760))
    har = sum(w * BASIC.parkinson[-hours:].mean() for hours, w in HAR_WEIGHTS.items())
    assert vol_annual(BASIC, Estimator.HAR, 1.0)[-1] == pytest.approx(np.sqrt(har * 8760))


def test_weights_of_har_sum_to_one():
    assert sum(HAR_WEIGHTS.values()) == pytest.approx(1.0)


def test_half_life_halves():
    """A single wild hour counts half as much one half-life later."""
    frame = factories.candles(600)
    frame.loc[400, "high"] *= 3
    variance = vol_annual(HourlyCandles.from_frame(frame), Estimator.PARKINSON, 6.0) ** 2
    plain = vol_annual(HourlyCandles.from_frame(factories.candles(600)), Estimator.PARKINSON, 6.0)
    excess = variance - plain**2
    assert excess[406] == pytest.approx(excess[400] / 2)


@pytest.mark.parametrize("estimator", Estimator)
def test_future_candles_change_no_past_value(estimator):
    frame = factories.candles(1200)
    changed = frame.copy()
    changed.loc[1000:, ["open", "high", "low", "close"]] *= 5
    before = vol_annual(HourlyCandles.from_frame(frame[:1000]), estimator, 6.0)
    after = vol_annual(HourlyCandles.from_frame(changed), estimator, 6.0)
    np.testing.assert_array_equal(before, after[:1000])
    assert np.isfinite(before[-1])


@pytest.mark.parametrize(
    "bad",
    [
        {"close": 0.0},
        {"low": 0.0},
        {"low": -5.0},
        {"open": np.nan},
        {"high": np.nan},
        {"high": np.inf},
        {"high": 1.0},  # below the low
        {"close": 1e9},  # above the high
    ],
)
@pytest.mark.parametrize("estimator", Estimator)
def test_an_unusable_candle_is_a_missing_one(estimator, bad):
    frame = factories.candles(1200)
    frame.loc[1100, list(bad)] = list(bad.values())
    missing = factories.candles(1200).drop(index=1100)
    grid, gap = HourlyCandles.from_frame(frame), HourlyCandles.from_frame(missing)
    vol = vol_annual(grid, estimator, 6.0)
    assert np.isnan(vol[1100])
    assert np.isfinite(vol[1102:]).all()
    np.testing.assert_array_equal(vol, vol_annual(gap, estimator, 6.0))


def test_a_filled_gap_is_not_calm():
    """Freqtrade fills missing hours with candles that have no range."""
    frame = factories.candles(300)
    for column in ("open", "high", "low"):
        frame.loc[200:210, column] = frame.loc[200:210, "close"]
    vol = vol_annual(HourlyCandles.from_frame(frame), Estimator.PARKINSON, 6.0)
    assert np.isnan(vol[200:211]).all()
    assert vol[211] > 0.5 * vol[199]


@pytest.mark.parametrize("estimator", Estimator)
@pytest.mark.parametrize("rows", [0, 1, 2, 20])
def test_little_history_is_unknown(estimator, rows):
    grid = HourlyCandles.from_frame(factories.candles(1200)[:rows])
    vol = vol_annual(grid, estimator, 6.0)
    assert len(vol) == rows
    assert np.isnan(vol).all()


def test_order_and_duplicates_do_not_matter():
    frame = factories.candles(100)
    shuffled = pd.concat([frame, frame[10:20]]).sample(frac=1, random_state=5)
    np.testing.assert_array_equal(
        HourlyCandles.from_frame(shuffled).close, HourlyCandles.from_frame(frame).close
    )


@pytest.mark.parametrize("timeframe", ["5m", "4h"])
def test_candles_of_another_timeframe_are_refused(timeframe):
    with pytest.raises(ValueError, match="hourly"):
        HourlyCandles.from_frame(factories.candles(50, timeframe))


@pytest.mark.parametrize("estimator", Estimator)
def test_older_candles_than_the_memory_hardly_matter(estimator):
    frame = factories.candles(5000)
    memory = memory_hours(estimator, 6.0)
    whole = vol_annual(HourlyCandles.from_frame(frame), estimator, 6.0)
    short = vol_annual(HourlyCandles.from_frame(frame[-memory - 1 :]), estimator, 6.0)
    assert short[-1] == pytest.approx(whole[-1], rel=0.002)


def test_hours_since_1970():
    noon = datetime(2024, 1, 1, 12, 59, 59, tzinfo=UTC)
    assert time_of(hour_of(noon)) == datetime(2024, 1, 1, 12, tzinfo=UTC)
    assert HourlyCandles.from_frame(factories.candles(3)).open_times[0] == factories.START
    with pytest.raises(ValueError, match="time zone"):
        hour_of(datetime(2024, 1, 1))  # noqa: DTZ001


@pytest.mark.real_data
def test_the_slow_form_follows_implied_volatility(real_datadir):
    dvol = pd.read_feather(DATA / "positioning" / "dvol_1h_BTC_2021_2023.feather")
    correlation = against_dvol(load_btc(real_datadir), dvol)
    assert correlation["slow"]["2021-2023"] > 0.92
    assert correlation["har"]["2021-2023"] > 0.89
    assert correlation["classic"]["2021-2023"] == pytest.approx(0.76, abs=0.005)
