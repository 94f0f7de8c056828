"""The greedy choice, what is unknown, and hourly returns."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.market.correlation import PooledCorrelation
from perpkit.market.least_correlated import LeastCorrelated, hourly_returns, known_returns, knows
from tests import factories

NAN = math.nan


def correlation(**pairs: float) -> PooledCorrelation:
    """AB=0.5 is the correlation of A and B; of those not named it is 0. U is unknown."""
    names = "ABCDU"
    values = {a: {b: 1.0 if a == b else 0.0 for b in names} for a in names}
    for (a, b), value in pairs.items():
        values[a][b] = values[b][a] = value
    for name in names:
        values["U"][name] = values[name]["U"] = NAN
    return PooledCorrelation(values)


ALIKE = correlation(AB=0.9, CD=0.7, AC=0.3, BD=-0.6)


@pytest.mark.parametrize(
    ("rule", "pairs", "held", "expected"),
    [
        ({}, "ABCD", "", "ACD"),
        ({}, "BACD", "", "BCD"),
        ({"max_correlation": 0.95}, "ABCD", "", "ABCD"),
        # D is nothing to A, C is 0.3.
        ({"number_assets": 2}, "ABCD", "", "AD"),
        # Beside A and D, C is 0.7 to D and B 0.9 to A: C comes first.
        ({"number_assets": 3, "max_correlation": 1}, "ABCD", "", "ACD"),
        ({"max_correlation": 0.5}, "ABCD", "", "AD"),
        # Without its sign.
        ({"max_correlation": 0.5}, "BDC", "", "BC"),
        ({}, "ABCD", "B", "BCD"),
        ({}, "ABCD", "AB", "ABCD"),
        ({"number_assets": 1}, "ABCD", "CD", "CD"),
        ({"number_assets": 3}, "ABCD", "AB", "ABC"),
        # Held, and not among the pairs.
        ({}, "BCD", "A", "CD"),
        # Nobody can be compared with what is unknown.
        ({}, "AUB", "", "A"),
        ({}, "UAB", "", "A"),
        ({}, "AUB", "U", "U"),
        ({}, "", "A", ""),
        ({}, "U", "", ""),
    ],
)
def test_pairs_that_stay(rule, pairs, held, expected):
    chosen = LeastCorrelated(**rule).choose(list(pairs), set(held), ALIKE)
    assert "".join(chosen) == expected


def test_equal_correlations_go_by_the_order_the_pairs_came():
    rule = LeastCorrelated(number_assets=2)
    assert rule.choose(list("ABC"), set(), correlation()) == ["A", "B"]
    assert rule.choose(list("CBA"), set(), correlation()) == ["C", "B"]


@given(
    st.lists(st.floats(-1, 1), min_size=6, max_size=6),
    st.permutations("ABCD"),
    st.sets(st.sampled_from("ABCD")),
    st.floats(0, 1),
)
def test_no_two_that_were_chosen_are_too_much_alike(values, pairs, held, most):
    names = [a + b for a in "ABCD" for b in "ABCD" if a < b]
    matrix = correlation(**dict(zip(names, values, strict=True)))
    chosen = LeastCorrelated(max_correlation=most).choose(pairs, held, matrix)
    assert held <= set(chosen)
    for pair in set(chosen) - held:
        others = set(chosen) - {pair}
        assert all(abs(matrix.between(pair, other)) <= most for other in others)
    # And none that was left out would have fitted in.
    for pair in set(pairs) - set(chosen):
        assert any(abs(matrix.between(pair, other)) > most for other in chosen)


@pytest.mark.parametrize(
    ("rule", "pair", "reason"),
    [
        ({}, "B", "its correlation to A is 0.90, above 0.8"),
        ({}, "U", "its correlation to A is unknown"),
        ({"number_assets": 1}, "C", "1 pairs that move less alike are enough"),
    ],
)
def test_the_reason_why_a_pair_is_not_there(rule, pair, reason):
    assert LeastCorrelated(**rule).objection(pair, {"A"}, ALIKE) == reason


def test_what_it_knows():
    assert knows(ALIKE, "A")
    assert not knows(ALIKE, "U")
    assert not knows(ALIKE, "X")


def test_returns_stand_at_the_close_of_their_hour_with_gaps_left_open():
    first = factories.candles(5)
    second = first.drop(index=2)
    returns = hourly_returns({"A": first, "B": second, "C": first.head(0)})
    assert list(returns.columns) == ["A", "B", "C"]
    assert returns.index[0] == first["date"][0] + pd.Timedelta("1h")
    expected = np.log(first["close"]).diff().to_numpy()
    assert returns["A"].to_numpy() == pytest.approx(expected, nan_ok=True)
    # Neither the hour that is missing nor the one after it has a return of an hour.
    assert np.isnan(returns["B"].to_numpy()).tolist() == [True, False, True, True, False]
    assert returns["C"].isna().all()


def test_no_candles_are_no_returns():
    empty = hourly_returns({"A": factories.candles(5).head(0)})
    assert known_returns(empty, factories.START, 24).empty
    assert hourly_returns({}).empty


@pytest.mark.parametrize(("minutes", "last"), [(0, 100), (59, 100), (60, 101), (-1, 99)])
def test_the_rows_known_at_a_time_are_those_that_had_closed(minutes, last):
    returns = hourly_returns({"A": factories.candles(200)})
    now = factories.START + pd.Timedelta(hours=100, minutes=minutes)
    known = known_returns(returns, now, 24)
    assert len(known) == 24
    assert known.index[-1] == factories.START + pd.Timedelta(hours=last)


def test_stale_prices_leave_fewer_rows():
    returns = hourly_returns({"A": factories.candles(100)})
    assert len(known_returns(returns, factories.START + pd.Timedelta(hours=110), 24)) == 14


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"max_correlation": -0.1}, "max_correlation must be a number from 0 to 1, got -0.1"),
        ({"number_assets": 1.5}, "number_assets must be a whole number .*got 1.5"),
        ({"window_hours": 401}, "window_hours must be a whole number from 24 to 400, got 401"),
    ],
)
def test_a_bad_parameter_is_named(bad, message):
    with pytest.raises(ValueError, match=message):
        LeastCorrelated(**bad)
