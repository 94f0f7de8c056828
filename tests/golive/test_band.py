"""The band: what it holds of returns that are drawn like the backtest's."""

import numpy as np
import pytest

from perpkit.golive.band import bands


def daily(days=400, mean=0.001, spread=0.01, seed=3):
    return np.random.default_rng(seed).normal(mean, spread, days)


def test_it_widens_with_time_around_what_the_mean_makes():
    found = bands(daily(), [1, 7, 30, 90], 0.95, seed=0)
    assert [band.days for band in found] == [1, 7, 30, 90]
    widths = [band.high - band.low for band in found]
    assert widths == sorted(widths)
    month = found[2]
    spread = 0.01 * 30**0.5
    assert month.low == pytest.approx(0.03 - 1.96 * spread, abs=0.03)
    assert month.high == pytest.approx(0.03 + 1.96 * spread, abs=0.03)


def test_nine_of_ten_months_like_it_are_inside():
    [band] = bands(daily(1_000), [30], 0.95, seed=0)
    months = [np.prod(1 + daily(30, seed=100 + n)) - 1 for n in range(200)]
    assert sum(map(band.holds, months)) / 200 >= 0.88


def test_another_strategy_is_outside():
    [band] = bands(daily(), [60], 0.95, seed=0)
    assert not band.holds(float(np.prod(1 + daily(60, mean=-0.004)) - 1))
    assert not band.holds(0.6)


@pytest.mark.parametrize("horizons", [[], [0], [401]])
def test_a_horizon_beyond_the_backtest_is_refused(horizons):
    with pytest.raises(ValueError, match="must be of 1 to 400 days"):
        bands(daily(), horizons, 0.95, seed=0)
