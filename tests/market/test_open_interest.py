"""Open interest as a value, what is known of it when, and the top of the list."""

import math
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from perpkit.market.asof import KnownReadings
from perpkit.market.open_interest import COLUMNS, Interest, InterestBand, interest_readings
from tests import factories

NAN = math.nan
HOUR = timedelta(hours=1)
KNOWN = {
    "A": Interest(500.0, 0.2),
    "B": Interest(900.0, -0.1),
    "C": Interest(500.0, NAN),
    "D": None,
    "E": Interest(NAN, 0.5),
}


@pytest.mark.parametrize(
    ("band", "expected"),
    [
        ({}, "BAC"),
        ({"number_assets": 2}, "BA"),
        ({"min_value": 501}, "B"),
        ({"max_value": 500}, "AC"),
        # A change that is not known counts only where changes do.
        ({"min_change": -0.5}, "BA"),
        ({"min_change": 0.0}, "A"),
        ({"max_change": 0.0}, "B"),
    ],
)
def test_the_greatest_come_first_and_equals_by_name(band, expected):
    assert "".join(InterestBand(**band).top(KNOWN)) == expected
    assert "".join(InterestBand(**band).top(dict(reversed(KNOWN.items())))) == expected


@pytest.mark.parametrize(
    ("most", "volumes", "expected"),
    [
        (4, {"B": 1.0, "A": None, "C": 3.0}, "ABC"),
        (2, {"B": 1.0, "A": 2.0, "C": 3.0}, "CA"),
        (2, {"B": 2.0, "A": 2.0, "C": 2.0}, "AB"),
        (2, {"B": None, "A": 2.0, "C": None}, "A"),
        (2, {"B": None, "A": None, "C": None}, ""),
    ],
)
def test_candidates_have_most_volume(most, volumes, expected):
    assert "".join(InterestBand(max_candidates=most).candidates(volumes)) == expected


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"number_assets": 0}, "number_assets must be a whole number from 1 to 500, got 0"),
        ({"min_value": -1}, "min_value must be a number from 0 to 1e\\+13, got -1"),
        ({"min_change": -2}, "min_change must be a number from -1 to 100, got -2"),
        ({"change_hours": 0}, "change_hours must be a whole number from 1 to 336, got 0"),
        ({"max_candidates": 501}, "max_candidates must be .*got 501"),
    ],
)
def test_a_bad_parameter_is_named(bad, message):
    with pytest.raises(ValueError, match=message):
        InterestBand(**bad)


def readings(hours=48, **columns):
    dates = pd.date_range(factories.START, periods=hours, freq="1h")
    amount = np.linspace(100, 200, hours)
    return pd.DataFrame({"date": dates, "open_interest": amount, **columns})


def known(stored, marks=None, period="1h", every=HOUR):
    frame = interest_readings(stored, period, every, timedelta(hours=24), marks)
    return KnownReadings(frame, COLUMNS)


def test_a_reading_is_known_a_period_after_its_time_and_stale_two_later():
    one = known(readings(open_interest_value=np.arange(48.0) + 1))
    assert one.at(factories.START + timedelta(minutes=59)) is None
    assert one.at(factories.START + timedelta(hours=10))[0] == 10
    assert one.at(factories.START + timedelta(hours=47, minutes=59))[0] == 47
    assert one.at(factories.START + timedelta(hours=50))[0] == 48
    assert one.at(factories.START + timedelta(hours=50, seconds=1)) is None


def test_an_unknown_value_is_the_amount_at_the_mark_price_of_its_time():
    stored = readings(open_interest_value=np.where(np.arange(48) == 30, 7.0, NAN))
    marks = factories.candles(48)
    one = known(stored, marks)
    values = [one.at(factories.START + timedelta(hours=n + 1))[0] for n in range(1, 48)]
    # The candle of hour n - 1 closed at n.
    expected = stored["open_interest"].to_numpy()[1:] * marks["close"].to_numpy()[:-1]
    expected[29] = 7.0
    assert values == pytest.approx(expected)
    assert math.isnan(one.at(factories.START + HOUR)[0])


def test_the_change_is_of_the_amount():
    stored = readings(open_interest_value=1.0)
    change = known(stored).at(factories.START + timedelta(hours=41))[1]
    amount = stored["open_interest"]
    assert change == pytest.approx(amount[40] / amount[16] - 1)


def test_short_readings_are_seen_once_a_candle():
    fine = pd.DataFrame(
        {
            "date": pd.date_range(factories.START, periods=288, freq="5min"),
            "open_interest": 1.0,
            "open_interest_value": np.arange(288.0),
        }
    )
    one = known(fine, period="5m")
    # At 10:00 the reading of 9:55 is the newest that is known.
    assert one.at(factories.START + timedelta(hours=10))[0] == 119


def test_readings_and_prices_of_the_future_change_nothing_known():
    stored, marks = readings(open_interest_value=NAN), factories.candles(48)
    whole = interest_readings(stored, "1h", HOUR, timedelta(hours=24), marks)
    part = interest_readings(stored.head(30), "1h", HOUR, timedelta(hours=24), marks.head(30))
    pd.testing.assert_frame_equal(part, whole.head(30))
