"""The calendar: what it may say, and what follows from it at a time."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.breakers.breaker import Trading
from perpkit.breakers.maintenance import (
    MaintenanceLimits,
    MaintenanceWindow,
    decide,
    in_maintenance,
    parse_calendar,
)

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
END = datetime(2026, 3, 2, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WINDOW = MaintenanceWindow(START, END, "futures upgrade")
FLAT = MaintenanceLimits(flat_before_minutes=10)


@pytest.mark.parametrize(
    ("minutes", "without", "flat"),
    [
        (-61, Trading.ACTIVE, Trading.ACTIVE),
        (-60, Trading.REDUCING, Trading.REDUCING),
        (-11, Trading.REDUCING, Trading.REDUCING),
        (-10, Trading.REDUCING, Trading.HALTED),
        (0, Trading.REDUCING, Trading.HALTED),
        (119, Trading.REDUCING, Trading.HALTED),
        (120, Trading.ACTIVE, Trading.ACTIVE),
    ],
)
def test_around_a_window(minutes, without, flat):
    now = START + minutes * MINUTE
    for limits, expected in ((MaintenanceLimits(), without), (FLAT, flat)):
        decision = decide(limits, [WINDOW], now)
        assert decision.trading is expected
        assert decision.release == (None if expected is Trading.ACTIVE else END)
        assert decision.size_factor == float(expected is Trading.ACTIVE)
    assert in_maintenance([WINDOW], now) is (0 <= minutes < 120)


def test_the_reason_names_the_window():
    assert decide(MaintenanceLimits(), [WINDOW], START).reason == (
        "maintenance from 2026-03-02 06:00 to 2026-03-02 08:00 UTC (futures upgrade): "
        "no new entries"
    )
    assert decide(FLAT, [MaintenanceWindow(START, END)], START).reason.endswith(
        "08:00 UTC: positions are closed"
    )


def test_of_two_windows_the_later_end_counts():
    later = MaintenanceWindow(START + 90 * MINUTE, END + 60 * MINUTE)
    assert decide(MaintenanceLimits(), [WINDOW, later], START).release == END
    assert decide(MaintenanceLimits(), [WINDOW, later], START + 60 * MINUTE).release == later.end


moments = st.integers(-500, 500).map(lambda minutes: START + minutes * MINUTE)
windows = st.lists(
    st.builds(
        lambda start, minutes: MaintenanceWindow(start, start + minutes * MINUTE),
        moments,
        st.integers(1, 300),
    ),
    max_size=4,
)


@given(windows, moments)
def test_released_at_the_release_and_not_before(windows, now):
    decision = decide(MaintenanceLimits(), windows, now)
    while decision.restricts:
        assert decide(MaintenanceLimits(), windows, decision.release - MINUTE / 60).restricts
        assert decision.release > now
        now = decision.release
        decision = decide(MaintenanceLimits(), windows, now)
    assert not in_maintenance(windows, now)


@given(windows, windows, moments)
def test_more_windows_never_allow_more(some, more, now):
    strictness = [decide(FLAT, w, now).trading.strictness for w in (some, [*some, *more])]
    assert strictness == sorted(strictness)


def test_a_calendar():
    calendar = parse_calendar(
        '[{"from": "2026-03-02T06:00:00Z", "until": "2026-03-02T09:00+01:00",'
        ' "note": "futures upgrade"}]'
    )
    assert calendar == (WINDOW,)
    assert parse_calendar("[]") == ()


FINE = {"from": "2026-03-02T06:00:00Z", "until": "2026-03-02T08:00:00Z"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[", "not JSON: .* line 1 column 2"),
        ("{}", "must be a list of windows, got dict"),
        ([FINE, 3], "entry 2 must be an object with from and until, got 3"),
        ([FINE, {**FINE, "to": 1}], "entry 2: fields are from, until, note, got 'to'"),
        ([{"from": FINE["from"]}], "entry 1: until must be a time with its zone, .*, got None"),
        ([{**FINE, "from": "tomorrow"}], "entry 1: from must be a time .*, got 'tomorrow'"),
        ([{**FINE, "from": "2026-03-02T06:00:00"}], "entry 1: from must be a time with its zone"),
        ([{**FINE, "from": 1772431200}], "entry 1: from must be .*, got 1772431200"),
        (
            [{**FINE, "from": "0001-01-01T00:00+05:00"}],
            "entry 1: from must be in the years 2000",
        ),
        ([{**FINE, "until": "9999-12-31T23:59-05:00"}], "entry 1: until must be in the years 2000"),
        ([{**FINE, "from": "1999-12-31T23:59Z"}], "2000 to 2200, got '1999-12-31T23:59Z'"),
        ("[" * 200_000, "not JSON: maximum recursion depth"),
        ("9" * 5000, "not JSON: Exceeds the limit"),
        ([{**FINE, "until": FINE["from"]}], r"entry 1: until must be after from \(2026-03-02T06"),
        ([{**FINE, "note": 3}], "entry 1: note must be text, got 3"),
    ],
)
def test_a_bad_calendar_is_named(content, message):
    with pytest.raises(ValueError, match=message):
        parse_calendar(content if isinstance(content, str) else json.dumps(content))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"no_entries_before_minutes": -1}, "no_entries_before_minutes must be"),
        ({"no_entries_before_minutes": 1441}, "no_entries_before_minutes must be"),
        ({"flat_before_minutes": 61}, "flat_before_minutes must be a number from 0 to 60, got 61"),
        ({"flat_before_minutes": True}, "flat_before_minutes must be"),
    ],
)
def test_a_bad_parameter_is_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        MaintenanceLimits(**parameters)
