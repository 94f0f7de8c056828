"""Funding on one scale, compared with its own past, known no earlier than it was."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.market.asof import nanoseconds
from perpkit.market.funding import (
    COLUMNS,
    FundingRule,
    funding_paid,
    funding_readings,
    predicted_cost,
    with_funding,
)
from tests import factories
from tests.cases import cases


def funding_after(gaps: list[float], rates: list[float] | None = None) -> pd.DataFrame:
    """One rate at the start, then one after each gap in hours."""
    hours = np.concatenate(([0], np.cumsum(gaps)))
    dates = factories.START + pd.to_timedelta(hours, unit="h")
    return pd.DataFrame({"date": dates, "funding_rate": rates or [0.0001] * len(hours)})


@pytest.mark.parametrize(
    ("gaps", "intervals"),
    [
        ([], []),
        ([8, 8, 8], [8, 8, 8]),
        ([4, 4], [4, 4]),
        ([1, 1, 1], [1, 1, 1]),
        ([8, 4, 4, 1, 1], [8, 4, 4, 1, 1]),
        ([1, 8, 4], [1, 8, 4]),
        ([8, 16, 8], [8, 8, 8]),  # a rate is missing: the interval is taken not to have changed
        ([1, 3, 1], [1, 1, 1]),
        ([8, 720, 8], [8, 8, 8]),
        ([2, 2, 1, 2, 2], [2, 2, 1, 1, 2]),
        # One rate is missing: twice the interval, until it comes a second time.
        ([4, 8, 4], [4, 4, 4]),
        ([2, 4, 2], [2, 2, 2]),
        ([1, 2, 1, 2, 1], [1, 1, 1, 1, 1]),
        ([4, 8, 12, 8, 4], [4, 4, 4, 4, 4]),
        ([4, 8, 8, 8, 4], [4, 4, 8, 8, 4]),
        ([1, 4, 4, 8, 8], [1, 4, 4, 4, 8]),
        ([24, 8], [8]),  # nothing to go by until a known interval is seen
    ],
)
def test_interval_of_each_rate(gaps, intervals):
    readings = funding_readings(funding_after(gaps))
    assert readings["funding_interval_hours"].tolist() == intervals


@pytest.mark.parametrize(
    ("gap", "rate_8h", "annual"),
    [(8, 0.0001, 0.1095), (4, 0.0002, 0.219), (2, 0.0004, 0.438), (1, 0.0008, 0.876)],
)
def test_rates_are_stated_for_8_hours_and_for_a_year(gap, rate_8h, annual):
    last = funding_readings(funding_after([gap])).iloc[-1]
    assert last["funding_rate"] == 0.0001
    assert last["funding_rate_8h"] == pytest.approx(rate_8h)
    assert last["funding_rate_annual"] == pytest.approx(annual)


@pytest.mark.parametrize(
    ("hours_after_the_stamp", "timeframe", "known"),
    [
        (0, "1h", True),  # opens at the stamp, closes an hour later: the rate is usable
        (-1, "1h", False),
        (0, "5m", False),
        (55 / 60, "5m", True),
        (50 / 60, "5m", False),
        (-3, "4h", True),
        (-4, "4h", False),
        (16, "1h", True),  # two intervals after it became usable
        (17, "1h", False),
    ],
)
def test_a_rate_is_used_from_an_hour_after_its_stamp_for_two_intervals(
    hours_after_the_stamp, timeframe, known
):
    funding = funding_after([8], rates=[0.0001, 0.0007])
    opened = funding["date"].iloc[-1] + pd.Timedelta(hours=hours_after_the_stamp)
    row = with_funding(pd.DataFrame({"date": [opened]}), funding, timeframe)
    assert row["funding_rate"].eq(0.0007).tolist() == [known]


@pytest.mark.parametrize(("interval", "hours"), [(1, 9), (2, 9), (4, 9), (8, 16)])
@pytest.mark.parametrize("lag_hours", [0, 1])
def test_a_rate_is_used_until_that_of_the_longest_interval_is_known(interval, hours, lag_hours):
    """An interval may become longer: until then the rate has not stopped."""
    rule = FundingRule(lag=timedelta(hours=lag_hours))
    last = funding_readings(funding_after([interval] * 3), rule).iloc[-1]
    least = max(hours - (1 - lag_hours), 2 * interval)
    assert last["stale_at"] - last["known_at"] == pd.Timedelta(hours=least)


@pytest.mark.parametrize("position", range(2, 12))
@pytest.mark.parametrize("interval", [1, 2, 4])
def test_one_missing_rate_leaves_what_is_stated_for_8_hours(interval, position):
    funding = funding_after([interval] * 12)
    readings = funding_readings(funding.drop(index=position))
    assert readings["funding_rate_8h"].unique() == pytest.approx([0.0001 * 8 / interval])


def test_without_a_lag_a_rate_is_used_at_its_stamp():
    funding = funding_after([8])
    candle = pd.DataFrame({"date": [funding["date"].iloc[-1] - pd.Timedelta("1h")]})
    at_once = with_funding(candle, funding, "1h", FundingRule(lag=timedelta(0)))
    assert at_once["funding_rate"].notna().all()
    assert with_funding(candle, funding, "1h")["funding_rate"].isna().all()


def test_an_unusual_rate_ranks_high_and_a_usual_one_in_the_middle():
    rates = [0.0001] * 90 + [0.0015]
    readings = funding_readings(factories.funding(rates))
    assert readings["funding_rank"].iloc[-1] > 0.99
    assert readings["funding_zscore"].iloc[-1] > 5
    assert readings["funding_rank"].iloc[-2] == pytest.approx(0.5)


def test_a_rate_that_never_moved_has_no_z_score():
    readings = funding_readings(factories.funding([0.0001] * 90))
    assert readings["funding_zscore"].isna().all()


def test_rates_weigh_with_the_time_they_were_paid_for():
    """Ten days of low rates every 8 h, then ten of high ones: the middle does not depend on how
    often the high ones were paid."""
    every_8h = funding_after([8] * 60 + [8], [0.0001] * 31 + [0.0009] * 30 + [0.0005])
    every_1h = funding_after(
        [8] * 30 + [1] * 240 + [8], [0.0001] * 31 + [0.0009 / 8] * 240 + [0.0005]
    )
    ranks = [funding_readings(f)["funding_rank"].iloc[-1] for f in (every_8h, every_1h)]
    assert ranks[0] == pytest.approx(0.5, abs=0.01)
    assert ranks[1] == pytest.approx(ranks[0])


def test_the_window_is_measured_in_time_not_in_rates():
    """A month of high rates leaves the window after 30 days, be it 90 rates or 720."""
    for every, per_day in (("8h", 3), ("1h", 24)):
        rates = [0.001] * (30 * per_day) + [0.0001] * (31 * per_day)
        readings = funding_readings(factories.funding(rates, every=every))
        assert readings["funding_rank"].iloc[-1] == pytest.approx(0.5)
        assert readings["funding_rank"].iloc[-2 * per_day] < 0.5


@pytest.mark.parametrize(
    ("gaps", "rates", "paid"),
    [
        ([8, 8], [0.1, 0.001, 0.001], None),  # 16 hours are known
        ([8, 8, 8, 8], [0.1, 0.1, 0.001, 0.002, 0.004], 0.007),
        ([8] + [1] * 24, [0.1] + [0.1] + [0.001] * 24, 0.024),
        ([8, 8, 8, 4, 4, 4, 4], [0.1, 0.1, 0.001, 0.001, 0.001, 0.001, 0.001, 0.001], 0.005),
        ([8, 8, 8, 16], [0.1, 0.1, 0.001, 0.001, 0.001], None),  # a rate is missing
    ],
)
def test_what_was_paid_over_the_last_day(gaps, rates, paid):
    last = funding_readings(funding_after(gaps, rates))["funding_paid_24h"].iloc[-1]
    assert np.isnan(last) if paid is None else last == pytest.approx(paid)


def test_the_next_rate_is_predicted_between_the_last_and_the_mean():
    """Half of the distance is left after a day: 79% of it after 8 hours, 97% after one."""
    rates = [0.0001] * 90 + [0.0011]
    last = funding_readings(factories.funding(rates)).iloc[-1]
    mean = last["funding_mean_8h"]
    assert mean == pytest.approx(0.0001 + 0.001 / 90)
    assert last["funding_next_8h"] == pytest.approx(mean + (0.0011 - mean) * 0.5 ** (1 / 3))
    hourly = funding_readings(funding_after([1] * 300, [0.0001 / 8] * 300 + [0.0011 / 8])).iloc[-1]
    distance = 0.0011 - hourly["funding_mean_8h"]
    kept = (hourly["funding_next_8h"] - hourly["funding_mean_8h"]) / distance
    assert kept == pytest.approx(0.5 ** (1 / 24))


@pytest.mark.parametrize(
    ("rate", "mean", "hours", "cost"),
    [
        (0.0, 0.0, 24, 0.0),
        (0.001, 0.001, 24, 0.003),
        (-0.001, -0.001, 48, -0.006),
        (0.001, 0.0, 24, 0.001 * 12 / np.log(2) / 8),
        (0.001, 0.0, 1e6, 0.001 * 24 / np.log(2) / 8),  # an extreme has an end
    ],
)
def test_predicted_cost(rate, mean, hours, cost):
    assert predicted_cost(rate, mean, hours) == pytest.approx(cost)


@given(st.floats(-0.01, 0.01), st.floats(-0.01, 0.01), st.floats(1, 1000), st.floats(0, 0.01))
def test_a_cost_lies_between_those_of_rate_and_mean_and_rises_with_both(rate, mean, hours, more):
    cost = predicted_cost(rate, mean, hours)
    low, high = sorted((rate * hours / 8, mean * hours / 8))
    assert low - 1e-9 <= cost <= high + 1e-9
    assert predicted_cost(rate + more, mean, hours) >= cost - 1e-12
    assert predicted_cost(rate, mean + more, hours) >= cost - 1e-12


def test_no_comparison_without_history():
    ranks = funding_readings(factories.funding(60))["funding_rank"]
    assert ranks.isna().tolist() == [True] * 20 + [False] * 39  # 21 rates of 8 h are 7 days


intervals = st.lists(st.sampled_from([1, 4, 8, 8, 8, 16, 3]), min_size=1, max_size=150)


@cases(40)
@given(gaps=intervals, seed=st.integers(0, 9), cut=st.integers(0, 150))
def test_adding_future_rates_and_candles_changes_no_past_value(gaps, seed, cut):
    rates = np.random.default_rng(seed).normal(0.0001, 0.0003, len(gaps) + 1).round(5).tolist()
    funding = funding_after(gaps, rates)
    hours = int(sum(gaps)) + 30
    candles = pd.DataFrame({"date": pd.date_range(factories.START, periods=hours, freq="h")})
    now = funding["date"].iloc[min(cut, len(gaps))] + pd.Timedelta("1h")

    whole = with_funding(candles, funding, "1h")
    past = candles["date"] + pd.Timedelta("1h") <= now
    known = funding[funding["date"] + pd.Timedelta("1h") <= now]
    pd.testing.assert_frame_equal(with_funding(candles[past], known, "1h"), whole[past])


@pytest.mark.parametrize("columns", [["date", "funding_rate"], ["date", "open"]])
def test_no_funding_gives_empty_columns(columns):
    nothing = factories.funding(0, legacy=False)[columns]
    frame = with_funding(factories.candles(5), nothing, "1h")
    assert frame[list(COLUMNS)].isna().all(axis=None)
    assert len(frame) == 5


def test_both_layouts_and_every_unit_of_time_are_read_alike():
    rates = factories.funding(100, legacy=False)
    old = factories.funding(100, legacy=True)
    expected = with_funding(factories.candles(800), rates, "1h")
    for unit in ("ms", "ns"):
        dated = old.assign(date=old["date"].astype(f"datetime64[{unit}, UTC]"))
        pd.testing.assert_frame_equal(with_funding(factories.candles(800), dated, "1h"), expected)


def test_settlement_stamped_late_by_milliseconds_is_settled_on_the_hour():
    exact = factories.funding(50)
    late = exact.assign(date=exact["date"] + pd.Timedelta("7ms"))
    pd.testing.assert_frame_equal(funding_readings(late), funding_readings(exact))


def test_missing_values_are_missing_rates():
    funding = factories.funding([0.0001, 0.0001, np.nan, 0.0003])
    readings = funding_readings(funding)
    assert readings["funding_rate"].tolist() == [0.0001, 0.0003]
    assert readings["funding_interval_hours"].tolist() == [8, 8]


@pytest.mark.parametrize(
    ("funding", "message"),
    [
        (factories.funding(3).drop(columns="date"), "column date"),
        (factories.funding(3)[["date"]], "column open"),
        (factories.funding(3)[::-1], "ascend"),
    ],
)
def test_malformed_funding_is_named(funding, message):
    with pytest.raises(ValueError, match=message):
        funding_readings(funding)


@pytest.mark.parametrize(
    "bad",
    [
        {"window": timedelta(hours=23)},
        {"least": timedelta(hours=7)},
        {"least": timedelta(days=31)},
        {"lag": timedelta(seconds=-1)},
        {"max_age_intervals": 0.5},
        {"max_age_intervals": float("nan")},
    ],
)
def test_a_bad_parameter_is_named(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        FundingRule(**bad)


@pytest.mark.real_data
@pytest.mark.parametrize("base", ["BTC", "ETH", "XRP", "LTC", "ADA"])
def test_real_funding(real_datadir, base):
    path = real_datadir / "futures" / f"{base}_USDT_USDT-1h-funding_rate.feather"
    readings = funding_readings(pd.read_feather(path))
    assert (readings["funding_interval_hours"] == 8).all()
    assert 0.002 < readings["funding_rate_8h"].abs().max() < 0.006
    extreme = (readings["funding_rank"] >= 0.95) & (readings["funding_rate_8h"] > 0.0002)
    assert 0.01 < extreme.mean() < 0.10


@pytest.mark.real_data
@pytest.mark.parametrize(("first", "last"), [(2020, 2021), (2022, 2023)])
def test_predicted_costs_are_better_than_persistence_and_than_the_mean(real_datadir, first, last):
    """Root mean square error over the two days after each rate, BTC."""
    path = real_datadir / "futures" / "BTC_USDT_USDT-1h-funding_rate.feather"
    known = funding_readings(pd.read_feather(path))
    paid = known["funding_rate_8h"][::-1].rolling(6).sum()[::-1].shift(-1)
    rate, mean = known["funding_rate_8h"].to_numpy(), known["funding_mean_8h"].to_numpy()
    chosen = (
        known["date"].dt.year.between(first, last) & paid.notna() & known["funding_mean_8h"].notna()
    )

    def error(predicted: np.ndarray) -> float:
        return float(np.sqrt(((predicted - paid)[chosen] ** 2).mean()))

    decayed = error(predicted_cost(rate, mean, 48))
    assert decayed < 0.9 * error(6 * rate)
    assert decayed < 0.9 * error(6 * mean)


@pytest.mark.parametrize(
    ("hour", "paid"),
    [(-1, 0.0), (0, 0.001), (0.5, 0.001), (7.99, 0.001), (8, 0.003), (11, 0.003), (12, -0.001)],
)
def test_funding_is_paid_at_its_settlement_and_not_before(hour, paid):
    funding = funding_after([8, 4], [0.001, 0.002, -0.004])
    times = nanoseconds(pd.DatetimeIndex([factories.START + timedelta(hours=hour)]))
    assert funding_paid(funding, times).tolist() == [pytest.approx(paid)]
    # Later settlements change nothing before them.
    known = funding[funding["date"] <= factories.START + timedelta(hours=hour)]
    assert funding_paid(known, times).tolist() == funding_paid(funding, times).tolist()


def test_without_rates_nothing_is_paid():
    times = nanoseconds(pd.DatetimeIndex([factories.START]))
    assert funding_paid(funding_after([8]).iloc[:0], times).tolist() == [0.0]
