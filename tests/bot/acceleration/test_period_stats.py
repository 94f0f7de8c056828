"""What a period brought is what Freqtrade says of it, value and type."""

from __future__ import annotations

import pandas as pd
import pytest
from freqtrade.optimize.optimize_reports import optimize_reports
from hypothesis import given
from hypothesis import strategies as st

from perpkit.bot.acceleration.period_stats import PERIODS
from tests.bot.acceleration.conftest import both_ways
from tests.cases import cases
from tests.factories import START

PROFITS = st.one_of(
    st.floats(-1e6, 1e6).map(lambda profit: round(profit, 8)),
    st.sampled_from([0.0, -0.0, 0.1, -0.3, 1e-12, float("nan")]),
)


def stats(profits, dtype="float64"):
    found = optimize_reports._calculate_stats_for_period(
        pd.DataFrame({"profit_abs": pd.Series(profits, dtype=dtype)})
    )
    return {name: (value, type(value)) for name, value in found.items()}


@cases(200)
@given(st.lists(PROFITS, max_size=40))
def test_a_period_is_summed_as_by_freqtrade(profits):
    stock, ours = both_ways(PERIODS, lambda: stats(profits))
    assert repr(ours) == repr(stock)


@pytest.mark.parametrize(
    ("profits", "dtype"), [([], "float64"), ([], "object"), ([1, -2], "int64"), ([0.5], "object")]
)
def test_a_column_of_another_kind_is_left_to_freqtrade(profits, dtype):
    def outcome():
        try:
            return stats(profits, dtype)
        except Exception as error:
            return repr(error)

    stock, ours = both_ways(PERIODS, outcome)
    assert repr(ours) == repr(stock)


@pytest.mark.parametrize("period", ["day", "week", "month", "year", "weekday"])
def test_all_periods_of_a_run_are_the_same(period):
    closed = [START + pd.Timedelta(hours=17 * number) for number in range(60)]
    profits = [(-1) ** number * number / 7 for number in range(60)]

    def table():
        trades = pd.DataFrame({"close_date": closed, "profit_abs": profits})
        return optimize_reports.generate_periodic_breakdown_stats(trades, period)

    stock, ours = both_ways(PERIODS, table)
    assert ours == stock
    assert sum(each["trades"] for each in ours) == 60
