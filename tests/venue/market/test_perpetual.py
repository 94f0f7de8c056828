"""Funding by the exchange's formula, and positioning that leans as it should."""

import numpy as np
import pytest

from perpkit.durations import HOUR_MS, MINUTE_MS
from perpkit.venue.market.perpetual import Noise, funding, positioning, premium

START = 1_704_067_200_000


@pytest.mark.parametrize(
    ("premium_bps", "hours", "cap", "rate"),
    [
        (0, 8, 0.003, 0.0001),  # interest alone
        (1, 8, 0.003, 0.0001),
        (6, 8, 0.003, 0.0001),  # within the clamp the rate stays at the interest
        (-4, 8, 0.003, 0.0001),
        (10, 8, 0.003, 0.0005),
        (-10, 8, 0.003, -0.0005),
        (10, 4, 0.003, 0.00025),  # half the interval, half the rate
        (10, 1, 0.003, 0.0000625),
        (100, 8, 0.003, 0.003),
        (-100, 8, 0.003, -0.003),
    ],
)
def test_a_steady_premium_pays_what_the_exchange_publishes(premium_bps, hours, cap, rate):
    time = START + np.arange(288, dtype=np.int64) * 5 * MINUTE_MS
    settled = funding(time, np.full(288, premium_bps / 1e4), hours, cap)
    assert settled.rate == pytest.approx(np.full(24 // hours, rate))
    assert settled.time.tolist() == [START + h * HOUR_MS for h in range(hours, 25, hours)]


def test_late_premium_weighs_more_than_early():
    time = START + np.arange(96, dtype=np.int64) * 5 * MINUTE_MS
    early, late = np.zeros(96), np.zeros(96)
    early[:48], late[48:] = 20e-4, 20e-4
    low, high = (funding(time, p, 8, 0.003).rate[0] for p in (early, late))
    # 20bp * (1 + ... + 48) / (1 + ... + 96) = 5.05bp is within the clamp, the rest is not.
    assert low == pytest.approx(1e-4)
    assert high == pytest.approx(20e-4 * 3480 / 4656 - 5e-4, abs=1e-8)


def quiet(hours: int) -> Noise:
    zero, one = np.zeros(hours), np.ones(hours)
    return Noise(zero, zero, one, zero, zero, zero, zero)


def test_the_premium_follows_crowding_and_returns():
    hours = 200
    calm = premium(quiet(hours), np.zeros(hours), np.zeros(hours))
    crowded = premium(quiet(hours), np.full(hours, 1e-3), np.zeros(hours))
    rising = premium(quiet(hours), np.zeros(hours), np.linspace(0, 0.5, hours))
    assert crowded[-1] - calm[-1] == pytest.approx(1e-3, rel=1e-3)
    assert rising[-1] > calm[-1] == pytest.approx(1.5e-4, rel=1e-3)


@pytest.mark.parametrize(("uniform", "sign"), [(0.0005, 1), (0.0015, -1)])
def test_a_squeeze_goes_its_way_and_fades(uniform, sign):
    noise, hours = quiet(200), 200
    noise.squeeze[100] = uniform
    moved = premium(noise, np.zeros(hours), np.zeros(hours)) - premium(
        quiet(hours), np.zeros(hours), np.zeros(hours)
    )
    assert np.all(moved[:100] == 0)
    assert sign * moved[100] == pytest.approx(4e-4)
    assert moved[116] == pytest.approx(moved[100] / 2)


def test_accounts_lean_long_after_a_fall_and_takers_sell_into_it():
    hours = 100
    log_price = np.r_[np.zeros(50), np.full(50, -0.2)]
    time = START + np.arange(1, hours + 1, dtype=np.int64) * HOUR_MS
    readings = positioning(quiet(hours), time, log_price, np.zeros(hours), 1000.0)
    assert readings.long_short_ratio[50] > readings.long_short_ratio[49]
    assert readings.taker_ratio[50] < 1 == readings.taker_ratio[49]
    assert readings.open_interest[56] < readings.open_interest[49]
