"""What the breaker decides from readings of the exchange."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.breakers.breaker import UNRESTRICTED, Decision, Trading
from perpkit.breakers.venue_health import HealthLimits, HealthState, VenueReading, step

NAN = float("nan")
START = datetime(2026, 3, 2, 10, tzinfo=UTC)
EVERY = timedelta(seconds=30)
LIMITS = HealthLimits()
GOOD = VenueReading(
    START, latency_s=0.1, skew_s=0.0, book_age_s=0.1, candle_delay_s=-30.0, used_weight=50.0
)

# By letter: what the table of test_readings is written in.
KINDS = {
    ".": GOOD,
    "X": VenueReading(START, failure="RequestTimeout"),
    "C": replace(GOOD, candle_delay_s=90.0),
    "B": replace(GOOD, book_age_s=45.0),
    "S": replace(GOOD, latency_s=1.4),
    "a": replace(GOOD, skew_s=0.7),
    "A": replace(GOOD, skew_s=1.2),
    "b": replace(GOOD, skew_s=-1.2),
    "L": replace(GOOD, skew_s=-6.0),
    "W": replace(GOOD, used_weight=2000.0),
    "w": replace(GOOD, used_weight=1600.0),  # between release and trip
    "R": VenueReading(START, failure="DDoSProtection", refused=True),
    "M": replace(GOOD, maintenance=True),
    "?": VenueReading(START),
}


def follow(readings, limits=LIMITS) -> tuple[HealthState, list[Decision]]:
    state, decisions = HealthState(), []
    for number, reading in enumerate(readings):
        state, decision = step(limits, state, replace(reading, at=START + number * EVERY))
        decisions.append(decision)
    return state, decisions


def letters(decisions) -> str:
    """`.` unrestricted, `h` half size, `R` no entries."""
    return "".join(
        "R" if d.entries_blocked else "h" if d.size_factor < 1 else "." for d in decisions
    )


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        ("", ""),
        ("......", "......"),
        # failed or stale reads: three in a row, and four good ones end it
        ("XX.XX.", "......"),
        ("XXX", "..R"),
        ("XXX....", "..RRRR."),
        ("XXX...X....", "..RRRRRRRR."),
        ("CCC", "..R"),
        ("BBB", "..R"),
        ("XCB....", "..RRRR."),  # they count together
        # unknown is no failure, and an answer is an answer
        ("????", "...."),
        ("XXX????", "..RRRR."),
        # the clock: ahead by what the exchange refuses, behind by half of recvWindow
        ("AAA....", "..RRRR."),
        ("LLL....", "..RRRR."),
        ("aaa....", "..hhhh."),
        ("bbb....", "..hhhh."),
        ("AAX", "..."),  # a failed read says nothing about the clock
        ("AAXA", "...R"),
        ("AAAXXX", "..RRRR"),
        # pressure: the exchange's own count needs no confirmation
        ("W....", "RRRR."),
        ("Wwwww....", "RRRRRRRR."),
        ("w", "."),
        ("R....", "RRRR."),
        # slow answers
        ("SS.", "..."),
        ("SSS....", "..hhhh."),
        # maintenance, unconfirmed, and good readings after it
        ("M....", "RRRR."),
        ("MMXX.X....", "RRRRRRRRR."),
    ],
)
def test_readings(readings, expected):
    _, decisions = follow([KINDS[letter] for letter in readings])
    assert letters(decisions) == expected


@pytest.mark.parametrize(
    ("readings", "reason"),
    [
        ("XXX", "3 bad reads in a row, the last: RequestTimeout: no new entries"),
        ("XXC", "the last: candles are 90 s overdue: no new entries"),
        ("XXB", "the last: the order book is 45 s old: no new entries"),
        ("AAA", "our clock is 1.2 s ahead of the exchange's: no new entries"),
        ("LLL", "our clock is 6.0 s behind the exchange's: no new entries"),
        ("aaa", "our clock is 0.7 s ahead of the exchange's: 50% of the usual size"),
        ("W", "83% of 2400 request weight used within a minute: no new entries"),
        ("R", "the exchange refuses us for too many requests: no new entries"),
        ("SSS", "answers take 1.4 s: 50% of the usual size"),
        ("M", "the exchange is in maintenance: no new entries"),
        ("WXXX", "RequestTimeout; 83% of 2400"),
    ],
)
def test_the_reason_has_the_figures(readings, reason):
    _, decisions = follow([KINDS[letter] for letter in readings])
    assert reason in decisions[-1].reason
    assert decisions[-1].reason.endswith("until 4 good reads in a row")


def test_the_reason_keeps_what_was_bad_while_it_recovers():
    _, decisions = follow([KINDS[letter] for letter in "XXC.."])
    assert decisions[-1].reason == decisions[2].reason


kinds = st.sampled_from("".join(KINDS))
runs = st.lists(kinds, max_size=40).map(lambda drawn: [KINDS[letter] for letter in drawn])
limits = st.builds(HealthLimits, confirm_reads=st.integers(1, 4), good_reads=st.integers(1, 4))


def test_nothing_known_nothing_decided():
    _, [decision] = follow([KINDS["?"]])
    assert decision == UNRESTRICTED


@given(limits, runs)
def test_never_released_before_its_release(limits, readings):
    state, decisions = follow(readings, limits)
    while decisions and decisions[-1].restricts:
        release = decisions[-1].release
        at = state.at + EVERY
        state, decision = step(limits, state, replace(GOOD, at=at))
        assert decision.restricts or at >= release
        decisions.append(decision)


@given(limits, runs, runs)
def test_the_past_stands_whatever_follows(limits, past, future):
    _, before = follow(past, limits)
    _, after = follow([*past, *future], limits)
    assert after[: len(past)] == before


@given(limits, runs, st.data())
def test_monotone_in_severity(limits, readings, data):
    """Worse figures never allow more."""

    def worsened(reading: VenueReading) -> VenueReading:
        worse = data.draw(st.floats(1, 10))
        return replace(
            reading,
            latency_s=reading.latency_s * worse,
            skew_s=reading.skew_s * worse,
            book_age_s=reading.book_age_s * worse,
            used_weight=reading.used_weight * worse,
            candle_delay_s=reading.candle_delay_s + worse,
        )

    _, mild = follow(readings, limits)
    _, harsh = follow([worsened(reading) for reading in readings], limits)
    for one, other in zip(mild, harsh, strict=True):
        assert other.trading.strictness >= one.trading.strictness
        assert other.size_factor <= one.size_factor


@given(limits, runs)
def test_the_same_reading_again_changes_nothing(limits, readings):
    state = HealthState()
    for number, reading in enumerate(readings):
        reading = replace(reading, at=START + number * EVERY)
        once = step(limits, state, reading)
        assert step(limits, once[0], reading) == once
        state = once[0]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"interval_s": 0}, "interval_s must be a number from 1 to 600, got 0"),
        ({"timeout_s": 31}, "timeout_s must be a number from 0.1 to 30, got 31"),
        ({"slow_s": 6}, "slow_s must be a number from 0.05 to 5, got 6"),
        ({"confirm_reads": 0}, "confirm_reads must be a whole number"),
        ({"good_reads": 1.5}, "good_reads must be a whole number"),
        ({"drift_s": 1.1}, "drift_s must be a number from 0.05 to 1, got 1.1"),
        ({"pressure": 80}, "pressure must be a number from 0.1 to 1, got 80"),
        ({"weight_limit": 0}, "weight_limit must be"),
        ({"candle_grace_s": NAN}, "candle_grace_s must be"),
        ({"stale_book_s": 0}, "stale_book_s must be"),
        ({"ahead_s": 61}, "ahead_s must be"),
        ({"behind_s": 0}, "behind_s must be"),
        ({"warning_size_factor": 2}, "warning_size_factor must be"),
    ],
)
def test_a_bad_parameter_is_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        HealthLimits(**parameters)


def test_warnings_can_be_without_effect():
    _, decisions = follow([KINDS["S"]] * 5, HealthLimits(warning_size_factor=1))
    assert not any(decision.restricts for decision in decisions)
    assert {decision.trading for decision in decisions} == {Trading.ACTIVE}
