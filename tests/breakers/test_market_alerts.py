"""Market alerts: each limit is reported once when it is crossed, from closed candles alone."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.breakers.alert_crossings import MarketReadings
from perpkit.breakers.alert_kinds import KINDS
from perpkit.breakers.market_alerts import AlertKind, AlertLimits
from tests import factories
from tests.factories import START

PAIR = "BTC/USDT:USDT"
HOUR = timedelta(hours=1)
NAN = float("nan")
LIMITS = AlertLimits(price_hours=2, sudden_hours=1)
BEFORE = START - HOUR


def hourly(**columns) -> pd.DataFrame:
    """Candles with these columns; the price stands still unless it is one of them."""
    length = len(next(iter(columns.values())))
    dates = pd.date_range(START, periods=length, freq="1h")
    return pd.DataFrame({"date": dates, "close": [100.0] * length, **columns})


def found(candles, limits=LIMITS, since=BEFORE):
    """Row and kind of each alert."""
    alerts = MarketReadings(limits, candles, HOUR).crossings(PAIR, since)
    return [((alert.at - START) // HOUR - 1, alert.kind.value) for alert in alerts]


@pytest.mark.parametrize(
    ("closes", "expected"),
    [
        ([100, 101, 102, 103, 104], []),
        ([100, 103, 105], [2]),
        ([100, 97, 95], [2]),
        ([100, 103, 105, 109, 112, 115], [2]),  # as long as it is beyond
        ([100, 100, 105, 104.5, 110], [2]),  # back by too little for another
        ([100, 100, 105, 103, 105, 110], [2, 5]),
        ([100, 100, 105, 100, 100, 94], [2, 5]),  # the other way
        ([100, 106], []),  # two hours are not there yet
        ([100, 100, NAN, 106, 106], [3]),
    ],
)
def test_a_move_of_the_price_is_reported_once(closes, expected):
    assert found(hourly(close=closes)) == [(row, "price") for row in expected]


def test_a_sudden_move_comes_first():
    assert found(hourly(close=[100, 100, 89, 89])) == [(2, "sudden"), (2, "price")]


@pytest.mark.parametrize(
    ("rates", "ranks", "expected"),
    [
        ([0.0001, 0.0003], [0.5, 0.95], [1]),
        ([0.0001, -0.0003], [0.5, 0.05], [1]),
        ([0.0002, 0.0002], [0.5, 0.99], []),  # unusual, but costs nothing
        ([0.0005, 0.0005], [0.5, 0.94], []),  # dear, but as usual
        ([0.0005, -0.0005], [0.02, 0.98], []),  # the other end
        ([0.0005, 0.0004, 0.0005], [0.96, 0.9, 0.97], [0]),
        ([0.0005, 0.0001, 0.0005], [0.96, 0.5, 0.97], [0, 2]),
        ([0.0005, -0.0005], [0.96, 0.01], [0, 1]),
        ([0.0005, 0.0005], [NAN, NAN], []),  # too little history
        ([NAN, 0.0005], [NAN, 0.99], [1]),
    ],
)
def test_extreme_funding_is_reported_once(rates, ranks, expected):
    candles = hourly(funding_rate_8h=rates, funding_rank=ranks)
    assert found(candles) == [(row, "funding") for row in expected]


@pytest.mark.parametrize(
    ("ratios", "expected"),
    [
        ([1.0, 2.9], []),
        ([3.0], [0]),
        ([3.0, 3.5, 9.0], [0]),
        ([3.0, 2.5, 3.1], [0]),
        ([3.0, 2.3, 3.1], [0, 2]),
        ([0.34], []),
        ([0.33], [0]),
        ([0.33, 0.40, 0.32], [0]),
        ([0.33, 0.42, 0.32], [0, 2]),
        ([3.0, 0.3, 3.0], [0, 1, 2]),
        ([NAN, 0.0, -1.0], []),
        ([3.0, NAN, 3.0], [0]),
    ],
)
def test_a_crowded_side_is_reported_once(ratios, expected):
    assert found(hourly(long_short_ratio=ratios)) == [(row, "long_short") for row in expected]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([0.099, -0.099], []),
        ([0.10, 0.2], [0]),
        ([-0.10, -0.2], [0]),
        ([0.10, 0.09, 0.11], [0]),
        ([0.10, 0.05, 0.11], [0, 2]),
        ([0.10, -0.10], [0, 1]),
        ([NAN], []),
    ],
)
def test_a_jump_of_open_interest_is_reported_once(changes, expected):
    candles = hourly(open_interest_change=changes)
    assert found(candles) == [(row, "open_interest") for row in expected]


def test_every_kind_has_its_row():
    assert list(KINDS) == list(AlertKind)


def test_the_text_has_the_figures_in_it():
    row = {
        "funding_rate_8h": -0.0005,
        "funding_rate_annual": -0.5475,
        "funding_rank": 0.01,
        "long_short_ratio": 3.214,
        "open_interest_change": -0.123,
    }
    candles = hourly(**{name: [NAN, NAN, value] for name, value in row.items()})
    candles["close"] = [50_000.0, 50_000.0, 44_800.5]
    alerts = MarketReadings(LIMITS, candles, HOUR).crossings(PAIR, BEFORE)
    assert [alert.text for alert in alerts] == [
        "BTC/USDT:USDT: sudden move, -10.4% in 1 h to 44800.5 (limit 10%)",
        "BTC/USDT:USDT: price -10.4% in 2 h to 44800.5 (limit 5%)",
        "BTC/USDT:USDT: funding -0.0500% per 8 h (-55% a year), among the extremes of 30 days, "
        "shorts pay",
        "BTC/USDT:USDT: long/short ratio 3.21, longs are crowded",
        "BTC/USDT:USDT: open interest -12.3% in 24 h (limit 10%)",
    ]


def test_only_chosen_kinds_are_reported_in_the_order_of_the_limits():
    candles = hourly(close=[100, 100, 89], long_short_ratio=[1, 1, 4.0])
    chosen = replace(LIMITS, kinds=(AlertKind.LONG_SHORT, AlertKind.SUDDEN))
    assert found(candles, chosen) == [(2, "long_short"), (2, "sudden")]
    assert found(candles, replace(LIMITS, kinds=())) == []


def test_only_what_closed_after_a_moment_is_found():
    candles = hourly(long_short_ratio=[3.0, 1.0, 3.0, 1.0])
    close_of_the_third = START + 3 * HOUR
    assert found(candles, since=close_of_the_third - timedelta(seconds=1)) == [(2, "long_short")]
    assert found(candles, since=close_of_the_third) == []
    # The candle before the moment was beyond its limit already.
    assert found(hourly(long_short_ratio=[3.0, 3.1, 3.2]), since=START + HOUR) == []
    assert found(candles.head(0)) == []


def test_windows_are_a_candle_at_least():
    step = 4 * HOUR
    limits = AlertLimits(price_hours=24, sudden_hours=1).on(step)
    assert (limits.price_hours, limits.sudden_hours) == (24, 4)
    candles = hourly(close=[100.0] * 6 + [88.0])
    candles["date"] = pd.date_range(START, periods=7, freq="4h")
    newest = MarketReadings(limits, candles, step).at(-1)
    assert newest[:4] == (START + 7 * step, 88.0, -0.12, -0.12)


@pytest.mark.parametrize(("timeframe", "rows"), [("1m", 1440), ("5m", 288), ("1h", 24)])
def test_the_price_is_compared_with_that_of_a_day_before(timeframe, rows):
    step = pd.Timedelta(timeframe).to_pytimedelta()
    candles = factories.candles(rows + 2, timeframe)
    readings = MarketReadings(AlertLimits().on(step), candles, step)
    close = candles["close"]
    assert np.isnan(readings.at(rows - 1).price_change)
    assert readings.at(rows).price_change == close[rows] / close[0] - 1
    assert readings.at(-1).price_change == close[rows + 1] / close[1] - 1


column = st.sampled_from([NAN, 0.0, 0.02, 0.1, 0.3, 0.5, 0.9, 0.96, 2.0, 3.0])
rows = st.lists(st.tuples(*[column] * 5), min_size=1, max_size=30)


def market(drawn) -> pd.DataFrame:
    names = ("move", "funding_rate_8h", "funding_rank", "long_short_ratio", "open_interest_change")
    values = dict(zip(names, zip(*drawn, strict=True), strict=True))
    return hourly(close=np.nan_to_num(values.pop("move")) + 1.0, **values)


@given(rows, st.data())
def test_later_candles_change_no_alert(drawn, data):
    candles, length = market(drawn), data.draw(st.integers(1, len(drawn)))
    assert found(candles.head(length)) == [a for a in found(candles) if a[0] < length]


@given(rows, st.data())
def test_looking_now_and_then_finds_each_alert_once(drawn, data):
    """However often the bot looks: what it found before and after are all there are."""
    candles, rest = market(drawn), len(drawn)
    looks = sorted({*data.draw(st.lists(st.integers(1, rest))), rest})
    together, since = [], BEFORE
    for length in looks:
        together += found(candles.head(length), since=since)
        since = START + length * HOUR
    assert together == found(candles)


@given(rows, st.sampled_from([2.0, 2.5, 2.9]))
def test_a_stricter_limit_is_crossed_no_later(drawn, high):
    """Monotone in severity."""
    chosen = replace(LIMITS, kinds=(AlertKind.LONG_SHORT,))
    stricter = replace(chosen, long_short_high=high)
    first = [
        next((row for row, _ in found(market(drawn), limits)), len(drawn))
        for limits in (stricter, chosen)
    ]
    assert first[0] <= first[1]


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("kinds", ("sudden", "sudden")),
        ("kinds", ("volume",)),
        ("price_move", 0),
        ("price_hours", 0),
        ("sudden_move", NAN),
        ("sudden_hours", 200),
        ("funding_percentile", 0.95),
        ("funding_floor_8h", 0),
        ("long_short_high", 1.0),
        ("long_short_low", 1.0),
        ("open_interest_change", 0),
        ("rearm_share", 1.1),
        ("quiet_hours", 0.5),
        ("max_per_hour", 2.5),
        ("summary_hours", -1),
        ("summary_hours", None),
    ],
)
def test_a_bad_parameter_is_named(parameter, value):
    with pytest.raises(ValueError, match=rf"^{parameter}(\[\d\])? must be .*, got "):
        AlertLimits(**{parameter: value})
