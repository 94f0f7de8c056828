"""The premium index: the exchange's formula, and how early it tells the next funding."""

import numpy as np
import pandas as pd
import pytest

from perpkit.durations import DAY_MS, HOUR_MS
from perpkit.market.asof import nanoseconds
from perpkit.market.premium import premium_readings, rate_of
from perpkit.venue.market.clock import VirtualClock
from perpkit.venue.market.market import Market
from perpkit.venue.market.premium_index import premium_candles
from perpkit.venue.market.synthetic import generate

START, DAYS = 1_704_067_200_000, 60
NAN = float("nan")


@pytest.mark.parametrize(
    ("premium", "rate"),
    [
        # within 0.05% of the interest it is the interest
        (0.0001, 0.0001),
        (0.0006, 0.0001),
        (-0.0004, 0.0001),
        # beyond, the premium less those 0.05%
        (0.0007, 0.0002),
        (-0.0005, 0.0),
        (-0.002, -0.0015),
        (NAN, NAN),
    ],
)
def test_the_rate_of_a_premium(premium, rate):
    assert rate_of(np.array([premium]))[0] == pytest.approx(rate, nan_ok=True)


def hours(*premiums: float, first: int = 0, drop: tuple[int, ...] = ()) -> pd.DataFrame:
    """Candles of an hour at one premium each.

    :param first: hour of the day of the first
    """
    dates = pd.date_range("2024-01-01", periods=len(premiums), freq="1h", tz="UTC")
    dates += pd.Timedelta(hours=first)
    frame = pd.DataFrame({"date": dates, "open": premiums, "close": premiums})
    return frame.drop(index=list(drop))


def premium_funding_at(frame: pd.DataFrame, interval: float = 4) -> list[float]:
    readings = premium_readings(frame, np.full(len(frame), float(interval)))
    closes = nanoseconds(frame["date"]) + 3600 * 10**9
    return readings.at(closes)["premium_funding_8h"].tolist()


@pytest.mark.parametrize(
    ("frame", "interval", "mean"),
    [
        # hour k of 4 weighs 2k - 1: 1, 3, 5, 7 of 16
        (hours(0.001, 0.002, 0.003, 0.004), 4, (1 + 6 + 15 + 28) / 16 / 1000),
        # after two hours, the others are expected at the last
        (hours(0.001, 0.002), 4, (1 + 15 * 2) / 16 / 1000),
        # a new interval begins
        (hours(0.001, 0.002, 0.003, 0.004, 0.008), 4, 0.008),
        (hours(0.001, 0.002, 0.003), 1, 0.003),
        (hours(*[0.001] * 15, 0.002), 8, (49 + 15 * 2) / 64 / 1000),
        # it is counted from midnight: the candles begin within an interval, and do not tell it all
        (hours(0.001, 0.002, first=1), 4, NAN),
        (hours(0.001, 0.002, 0.003, 0.004, first=1), 4, 0.004),
        (hours(0.001, 0.002, 0.003, 0.004, drop=(1,)), 4, NAN),
        # the interval is not known
        (hours(0.001, 0.002), NAN, NAN),
    ],
)
def test_the_weighted_mean_so_far(frame, interval, mean):
    expected = rate_of(np.array([mean]))[0]
    assert premium_funding_at(frame, interval)[-1] == pytest.approx(expected, nan_ok=True)


def test_an_hour_says_nothing_before_its_close_and_gets_stale():
    frame = hours(0.001, 0.002)
    readings = premium_readings(frame, np.full(2, 8.0))
    opened = nanoseconds(frame["date"])[-1]
    minute = 60 * 10**9
    at = np.array([opened + m * minute for m in (0, 59, 60, 180, 181)])
    assert readings.at(at)["premium"].tolist() == pytest.approx(
        [0.001, 0.001, 0.002, 0.002, NAN], nan_ok=True
    )


def test_no_candles_say_nothing():
    readings = premium_readings(hours(0.001)[:0], np.empty(0))
    assert np.isnan(readings.at(np.array([10**18]))["premium"]).all()


@pytest.fixture(scope="module")
def made():
    """By symbol: the pair's record, and its premium by the hour."""
    history = generate(seed=3, start=START, days=DAYS)
    market = Market(history, VirtualClock(START + DAYS * DAY_MS - 1), 3)
    return {
        symbol: (pair, premium_candles(market, symbol, "1h", START, None, 24 * DAYS))
        for symbol, pair in history.pairs.items()
    }


def frame_of(candles) -> pd.DataFrame:
    dates = pd.to_datetime(candles.time, unit="ms", utc=True)
    return pd.DataFrame({"date": dates, "open": candles.open, "close": candles.close})


def test_later_hours_change_nothing(made):
    _, candles = made["BTCUSDT"]
    whole = premium_funding_at(frame_of(candles), 8)
    for end in (100, 101, 107, 108, 500):
        np.testing.assert_array_equal(premium_funding_at(frame_of(candles)[:end], 8), whole[:end])


def test_it_tells_the_next_funding_better_than_the_last_rate(made):
    """On a market whose funding is made by the exchange's formula, of premiums of 5 minutes."""
    for pair, candles in made.values():
        interval = pair.instrument.funding_hours
        readings = premium_readings(frame_of(candles), np.full(len(candles), float(interval)))
        settled = pair.funding.time < START + DAYS * DAY_MS
        times, rates = pair.funding.time[settled][1:], pair.funding.rate[settled] * 8 / interval
        last, rates = rates[:-1], rates[1:]

        def explained(guess: np.ndarray, rates=rates) -> float:
            return 1 - ((guess - rates) ** 2).mean() / rates.var()

        def before(hours: int, readings=readings, times=times) -> np.ndarray:
            return readings.at((times - hours * HOUR_MS) * 10**6)["premium_funding_8h"]

        assert explained(before(0)) > 0.98
        assert explained(before(1)) > 0.95
        assert explained(before(interval // 2)) > explained(last) + 0.1
        # Just after a settlement it tells the one that has been, and not the next.
        assert explained(before(0)) > explained(before(interval)) + 0.1
